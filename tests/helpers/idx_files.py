"""Small sets of images in the format of MNIST, for tests and commands that must run without the real ones.

A class is a bright square in a place of its own on a noisy ground, so a network can learn it. From a shell:
``python tests/helpers/idx_files.py FOLDER`` writes a set.
"""

import gzip
import sys
from pathlib import Path

import numpy as np

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
SIDE = 28


def idx_bytes(array):
    """An array as the content of an IDX file."""
    array = np.asarray(array)
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx(path, array):
    """Write an IDX file, compressed where its name ends in ``.gz``; returns the path."""
    content, path = idx_bytes(array), Path(path)
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def squares(count, seed=0):
    """Images ``(count, 28, 28)`` and labels ``(count,)``, uint8; every class as often as it can be."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    images = rng.integers(0, 60, (count, SIDE, SIDE), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = 2 + 9 * (label // 4), 1 + 7 * (label % 4)
        image[row : row + 6, column : column + 6] += 180
    return images, labels


def write_set(folder, train=200, test=50, seed=0, suffix=".gz"):
    """The four files of a set in a folder, which is made; returns the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for part, count, offset in (("train", train, 0), ("t10k", test, 1)):
        images, labels = squares(count, seed=2 * seed + offset)
        write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", labels)
    return folder


if __name__ == "__main__":
    print(write_set(sys.argv[1]))
