"""Reader of IDX files, the format of MNIST: two zero bytes, a data type, the dimensions, the values.

All numbers are big-endian. The header is ``00 00 <type> <n>`` and ``n`` dimensions of 4 bytes each; the
values follow in C order, to the end of the file. Source: http://yann.lecun.com/exdb/mnist/.

Files may be compressed by gzip; whether one is shows in its first bytes, not in its name. The length that
the header announces is checked against the size of the file before memory is taken, and nothing is
unpacked beyond it.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

import numpy as np

from ebana.datasets.files import BEST_RATIO, PathLike, corrupt, opened

DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MOST_DIMENSIONS = 32
GZIP = b"\x1f\x8b"

LARGEST_EMPTY = 2**31
"""Values that an array without any may have without its dimension of zero; more is no set of data."""

CHUNK = 2**20


@dataclass(frozen=True)
class Header:
    """What an IDX file announces: NumPy's name of the data type, the dimensions, and the bytes of both."""

    dtype: np.dtype
    shape: tuple[int, ...]

    @property
    def length(self) -> int:
        """Bytes of the header itself."""
        return 4 + 4 * len(self.shape)

    @property
    def content(self) -> int:
        """Bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{'x'.join(map(str, self.shape))} values of the type {self.dtype.name}"


def read_idx(path: PathLike) -> np.ndarray:
    """The array in an IDX file, plain or compressed by gzip.

    Args:
        path: name of the file.

    Returns:
        An array of the shape and the data type that the file announces, in the machine's byte order;
        ``(samples, rows, columns)`` of uint8 for the images of MNIST.

    Raises:
        CorruptData: if the file is empty, damaged, no IDX file, or not exactly as long as it announces.
        FileNotFoundError, IsADirectoryError, PermissionError: if there is no such file that may be read.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 5, 0, 4]))
        >>> read_idx("labels-idx1-ubyte")
        array([5, 0, 4], dtype=uint8)
    """
    where = Path(path)
    with _opened(where) as file:
        header = _header(file, where)
        values = _values(file, header, where)
    values = values.view(header.dtype).reshape(header.shape)
    return values.astype(header.dtype.newbyteorder("="), copy=False)


def read_header(path: PathLike) -> Header:
    """Data type and shape of an IDX file, without its values.

    Raises:
        As :func:`read_idx`, except for damage further on in a compressed file.
    """
    where = Path(path)
    with _opened(where) as file:
        return _header(file, where)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    """The unpacked content of a file; what gzip says against it is said as :class:`~ebana.datasets.CorruptData`."""
    try:
        with opened(path, "an IDX file") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            yield gzip.GzipFile(fileobj=raw) if packed else raw
    except EOFError:
        raise corrupt(path, f"its compressed content ends too early, after {_size(path)} bytes") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise corrupt(path, f"its compressed content is damaged ({error})") from None


def _header(file: BufferedIOBase, path: Path) -> Header:
    magic = _exactly(file, 4, path)
    if magic[:2] != b"\0\0":
        text = (
            f"it begins with the bytes {magic.hex(' ')}; expected 00 00, a data type, a number of dimensions"
        )
        raise corrupt(path, text, "Give the name of an IDX file, such as train-images-idx3-ubyte.gz.")
    if magic[2] not in DTYPES:
        known = ", ".join(f"{code:02x}" for code in DTYPES)
        raise corrupt(path, f"it has the data type {magic[2]:02x}; expected one of {known}")
    if not 1 <= magic[3] <= MOST_DIMENSIONS:
        raise corrupt(path, f"it has {magic[3]} dimensions; expected 1 to {MOST_DIMENSIONS}")
    dimensions = np.frombuffer(_exactly(file, 4 * magic[3], path), ">u4")
    header = Header(np.dtype(DTYPES[magic[2]]), tuple(map(int, dimensions)))
    if not header.content and math.prod(max(n, 1) for n in header.shape) > LARGEST_EMPTY:
        text = f"it announces {header}, of which it holds none: one of its dimensions is zero"
        raise corrupt(path, text)
    _check_size(file, header, path)
    return header


def _check_size(file: BufferedIOBase, header: Header, path: Path) -> None:
    """A plain file has the announced length; a compressed one may not unfold further than it can."""
    size, announced = _size(path), header.length + header.content
    if isinstance(file, gzip.GzipFile):
        if announced > BEST_RATIO * size:
            text = f"it announces {header}, more than can be packed into its {size} bytes"
            raise corrupt(path, text)
    elif size != announced:
        what = "is cut short" if size < announced else "has bytes after its end"
        raise corrupt(path, f"it {what}: it announces {header}, {announced} bytes, but has {size}")


def _values(file: BufferedIOBase, header: Header, path: Path) -> np.ndarray:
    """The bytes of the values, uint8, read piece by piece into one array."""
    values = np.empty(header.content, np.uint8)
    view, done = values.data, 0
    while done < header.content:
        count = file.readinto(view[done : done + CHUNK])
        if not count:
            text = f"it is cut short: it announces {header}, {header.content} bytes, but holds {done}"
            raise corrupt(path, text)
        done += count
    if file.read(1):  # also has gzip compare its checksum
        raise corrupt(path, f"it has bytes after its end: it announces {header}")
    return values


def _exactly(file: BufferedIOBase, count: int, path: Path) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise corrupt(path, "it is cut short within its first bytes")
    return found


def _size(path: Path) -> int:
    return path.stat().st_size
