"""Finished parts of long work in a folder, so that work which is stopped goes on and loses none of them.

The folder holds ``settings.json``, what every result depends on, ``<part>.json`` for each finished part, and the
checkpoint of the part that is under way. It is locked while its process lives.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import time
import types
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ebana.storage import differences
from ebana.storage.archive import CorruptFile
from ebana.storage.atomic import write_atomically
from ebana.storage.locks import held

T = TypeVar("T")

SETTINGS = "settings.json"
CHECKPOINT = ".checkpoint"
LARGEST = 16 * 2**20
"""Bytes; a longer file is none of ours."""


class Parts:
    """Finished parts of long work.

    Args:
        folder: where they are kept; None to keep nothing.
        resume: whether to go on with what is there, instead of beginning anew.
        clock: seconds since this process began.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Found:
        ...     error: float
        >>> parts = Parts()
        >>> parts.open({"epochs": 3})
        >>> parts.of("seed-0", Found, lambda: Found(0.5))
        Found(error=0.5)
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        resume: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.folder, self.resume = folder, resume
        self.before = 0.0
        """Seconds that earlier processes took, as far as is known."""
        self._clock = clock
        self._release: Callable[[], object] = lambda: None

    def clock(self) -> float:
        """Seconds that the work has taken, earlier processes included."""
        return self.before + self._clock()

    def open(self, settings: Mapping[str, Any]) -> None:
        """Begin the work, or go on with it.

        Args:
            settings: what every part depends on, as JSON-compatible values.

        Raises:
            ValueError: where the folder holds parts of other work, naming what differs.
            BlockingIOError: where another process works there.
            CorruptFile: for a damaged file.
        """
        if self.folder is None:
            return
        self.close()
        self._lock(self.folder)
        wanted = json.loads(_text(settings))
        path = self.folder / SETTINGS
        if self.resume and path.exists():
            _require_same(path, _read(path), wanted)
            self.before = max((self._finished(p)["seconds"] for p in self._files()), default=0.0)
            return
        for old in self.folder.iterdir():
            old.unlink()
        write_atomically(path, _text(wanted).encode())

    def of(self, name: str, kind: type[T], make: Callable[[], T]) -> T:
        """A part's result, a data class: the one that is kept, else made now and kept.

        Its checkpoint is removed once the result is on disk.
        """
        path = self.path(name, ".json")
        if path is not None and path.exists():
            return decoded(kind, self._finished(path)["result"], path)
        result = make()
        if path is not None:
            content = {"result": asdict(cast(Any, result)), "seconds": self.clock()}
            write_atomically(path, _text(content).encode())
            path.with_suffix(CHECKPOINT).unlink(missing_ok=True)
        return result

    def path(self, name: str, suffix: str = CHECKPOINT) -> Path | None:
        """The file of a part, such as its checkpoint; None where nothing is kept."""
        return (
            None if self.folder is None else self.folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}{suffix}"
        )

    @property
    def finished(self) -> list[str]:
        """Names of the finished parts."""
        return [path.stem for path in self._files()]

    def remove(self) -> None:
        """Forget all parts: the work is done, and its result is elsewhere."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.close()

    def close(self) -> None:
        """Leave the folder to whoever goes on; a later :meth:`open` takes it again."""
        self._release()

    def _files(self) -> list[Path]:
        if self.folder is None or not self.folder.is_dir():
            return []
        return sorted(p for p in self.folder.glob("*.json") if p.name != SETTINGS)

    def _finished(self, path: Path) -> dict[str, Any]:
        content = _read(path)
        if set(content) != {"result", "seconds"} or not isinstance(content["seconds"], int | float):
            raise _corrupt(path, f"it holds {sorted(content)}, not a result and its seconds")
        return content

    def _lock(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        handle = held(folder)
        if handle is None:
            raise BlockingIOError(
                f"another process works in {folder}. Wait for its end, or choose another folder."
            )
        self._release = weakref.finalize(self, os.close, handle)


# -- values and JSON --------------------------------------------------------------------------------------


def decoded(kind: type[T], value: object, source: Path) -> T:
    """A data class of JSON values, checked field by field.

    Raises:
        CorruptFile: where a field is missing, unknown, or of another type.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass
        ... class Found:
        ...     errors: tuple[float, ...]
        >>> decoded(Found, {"errors": [1.0, None]}, Path("seed-0.json"))
        Found(errors=(1.0, nan))
    """
    hints = get_type_hints(kind)
    names = [field.name for field in fields(cast(Any, kind))]
    if not isinstance(value, dict) or set(value) != set(names):
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise _corrupt(source, f"it holds {found} in place of {sorted(names)}")
    return kind(**{name: _value(hints[name], value[name], source, name) for name in names})


def _value(hint: Any, value: Any, source: Path, name: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(next(a for a in arguments if a is not type(None)), value, source, name)
    if origin in (tuple, list) and isinstance(value, list):
        return origin(_value(arguments[0], item, source, name) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _value(arguments[1], item, source, f"{name}.{key}") for key, item in value.items()}
    if is_dataclass(hint):
        return decoded(cast(Any, hint), value, source)
    if hint is float and (value is None or type(value) in (int, float)):
        with suppress(OverflowError):
            return math.nan if value is None else float(value)
    if hint in (int, str, bool) and type(value) is hint:
        return value
    raise _corrupt(source, f"{name} is {_short(value)}, not {getattr(hint, '__name__', hint)}")


def _text(content: object) -> str:
    return f"{json.dumps(_strict(content), indent=1, allow_nan=False)}\n"


def _strict(value: Any) -> Any:
    """The value with None in place of NaN and infinity."""
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise _corrupt(path, "it is no file")
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(LARGEST))
    except (ValueError, RecursionError) as error:
        raise _corrupt(path, f"it is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise _corrupt(path, f"it holds {type(content).__name__}, not an object")
    return content


def _require_same(path: Path, found: dict[str, Any], wanted: dict[str, Any]) -> None:
    if found != wanted:
        raise ValueError(
            f"{path.parent} holds parts of other work ({differences.told(found, wanted)}). Give the same options to go "
            "on with it, or begin anew without --resume."
        )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _corrupt(path: Path, found: str) -> CorruptFile:
    return CorruptFile(f"cannot use {path}: {found}. Remove the file: its part is then made again.")
