"""Tables of pandas, which is not installed with this package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]


def frame(columns: Mapping[str, Any], what: str, instead: str = "the arrays themselves") -> DataFrame:
    """Columns as a table.

    Args:
        columns: arrays of one length, by name.
        what: what was called, for an error.
        instead: what there is without pandas.

    Raises:
        ImportError: where pandas is missing.
    """
    try:
        import pandas  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as missing:
        raise ImportError(
            f"{what} needs pandas. Install it with 'pip install pandas', or use {instead}."
        ) from missing
    return pandas.DataFrame(dict(columns))
