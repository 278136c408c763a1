"""Small sets of colour images in the formats of CIFAR and of the downsampled ImageNet, for tests.

Each is written byte by byte as its publisher describes it: planes of red, green and blue, row after row.
"""

import io
import tarfile

import numpy as np

LAYOUTS = {
    "cifar10": ([f"data_batch_{k}.bin" for k in range(1, 6)], ["test_batch.bin"], range(10)),
    "cifar100": (["train.bin"], ["test.bin"], range(100)),
    "imagenet32": ([f"train_data_batch_{k}.npz" for k in range(1, 11)], ["val_data.npz"], range(1, 1001)),
}
"""Files to train on, files to test on, and labels."""

FOLDERS = {"cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}
ARCHIVES = {"cifar10": "cifar-10-binary.tar.gz", "cifar100": "cifar-100-binary.tar.gz"}


def planes(image):
    """An image ``(32, 32, 3)`` as 3072 bytes."""
    return b"".join(image[:, :, channel].tobytes() for channel in range(3))


def content(name, images, labels):
    """The content of one file of the set ``name``: images ``(n, 32, 32, 3)``, uint8, and their labels."""
    pixels = [planes(image) for image in images]
    if name == "imagenet32":
        data = np.frombuffer(b"".join(pixels), np.uint8).reshape(-1, 3072)
        return npz(data=data, labels=np.array(labels), mean=np.zeros(3072))
    before = b"" if name == "cifar10" else b"\x13"  # the coarse label
    return b"".join(before + bytes([label]) + planes for label, planes in zip(labels, pixels, strict=True))


def npz(compressed=False, **arrays):
    """The content of an npz file."""
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()


def write_set(folder, name, counts=None, seed=0):
    """The files of a set, with noise in them; returns what each holds, ``{file: (images, labels)}``.

    Args:
        folder: where to, made if it is missing.
        name: name of the set.
        counts: images of each file, training files first; 2 where it is None.
        seed: of the noise.
    """
    rng = np.random.default_rng(seed)
    train, test, labels = LAYOUTS[name]
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for file, count in zip(train + test, counts or [2] * len(train + test), strict=True):
        images = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
        written[file] = images, [int(label) for label in rng.choice(labels, count)]
        (folder / file).write_bytes(content(name, *written[file]))
    return written


def pack(*members):
    """A compressed archive of members ``(name, content or type, options of the header)``."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, what, options in members:
            header = tarfile.TarInfo(name)
            for key, value in options.items():
                setattr(header, key, value)
            if isinstance(what, bytes) and len(what) > 1:
                header.size = len(what)
                archive.addfile(header, io.BytesIO(what))
            else:
                header.type = what
                archive.addfile(header)
    return file.getvalue()
