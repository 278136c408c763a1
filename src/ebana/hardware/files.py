"""Hardware descriptions as JSON files."""

from __future__ import annotations

import json
from pathlib import Path

from ebana._types import FilePath
from ebana.hardware.hardware import Hardware
from ebana.storage.atomic import write_atomically

FORMAT = "ebana hardware 1"


def write(hardware: Hardware, path: FilePath) -> None:
    """Write a description."""
    text = json.dumps({"format": FORMAT, **hardware.to_dict()}, indent=2)
    write_atomically(path, (text + "\n").encode())


def read(path: FilePath) -> Hardware:
    """Read a description.

    Raises:
        ValueError: for a file that holds none, naming it.
    """
    try:
        found = json.loads(Path(path).read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no description of hardware: {error}.") from error
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise ValueError(f"{path} is no description of hardware. Expected a file written by Hardware.save.")
    try:
        return Hardware.from_dict(found)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
