"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable

from ebana.datasets.digits import digits
from ebana.datasets.files import PathLike
from ebana.datasets.images import images
from ebana.datasets.logic import gates, xor
from ebana.datasets.sources import SOURCES
from ebana.datasets.split import Split
from ebana.datasets.tables import iris, wine

_BUILT_IN: dict[str, Callable[..., Split]] = {
    "xor": xor,
    "gates": gates,
    "iris": iris,
    "wine": wine,
    "digits": digits,
}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows."""
    return (*_BUILT_IN, *SOURCES)


def load(
    name: str,
    seed: int = 0,
    scale: float | None = None,
    *,
    folder: PathLike | None = None,
    download: bool = False,
) -> Split:
    """A named data set, split into a training and a test part and scaled to volts.

    Args:
        name: ``"iris"`` or ``"wine"`` (scikit-learn's tables, stratified split, features of mean 0 and
            standard deviation ``scale`` over the training part), ``"xor"`` or ``"gates"`` (truth tables of
            two inputs of ``-scale`` and ``+scale``), ``"digits"`` (scikit-learn's 8 x 8 images, stratified
            split), ``"mnist"``, ``"fashion-mnist"`` or ``"k-mnist"`` (28 x 28 images, 60000 and 10000),
            ``"cifar10"`` or ``"cifar100"`` (32 x 32 colour images, 50000 and 10000), ``"imagenet32"`` (the
            downsampled ImageNet, 1281167 and 50000; takes 22 GB). Pixels are from 0 to ``scale``, float32, in
            the order row, column, channel: ``x.reshape(-1, *split.image_shape)`` are images.
        seed: seed of the split. Truth tables are not split: their two parts are the same 4 samples. Images
            that are read from files have a published split, so no seed matters for them.
        scale: volts; where it is None, 4 for the tables, 2 for the truth tables and 1 for images.
        folder: for images that are read from files, the folder with these. Where it is None they are looked
            for in ``$EBANA_DATA`` (or its folder of the set's name), in ``ebana/<name>`` of the user's
            cache, and where Debian's package has them.
        download: for these, whether to fetch the files if they are not found, into ``folder`` or the
            user's cache, and those that are damaged again. ImageNet's cannot be fetched.

    Raises:
        ValueError: for an unknown name (the known ones are listed), a scale that is not positive, a folder
            or a download for a set that has no files, or a download of one that cannot be fetched.
        FileNotFoundError: if the files of an image set are nowhere; the message says how to get them.
        CorruptData: if one of these is damaged; a ValueError.
        DownloadFailed: if one could not be fetched; an OSError.
        MemoryError: if a set is larger than what is left of memory.

    Example:
        >>> split = load("iris", seed=0)
        >>> split.x_train.shape, split.y_train.shape, split.x_test.shape
        ((105, 4), (105, 3), (45, 4))
        >>> load("digits").x_train.shape
        (1257, 64)
    """
    options = {} if scale is None else {"scale": float(scale)}
    if name in SOURCES:
        return images(name, folder=folder, download=download, **options)
    loader = _BUILT_IN.get(name)
    if loader is None:
        known = ", ".join(repr(n) for n in names())
        raise ValueError(f"unknown data set. Expected one of {known}. Received: name={name!r}")
    if folder is not None or download:
        raise ValueError(
            f"data set {name!r} comes with the package and has no files of its own. Leave out folder= and "
            f"download=. Received: folder={folder!r}, download={download!r}"
        )
    return loader(seed, **options)
