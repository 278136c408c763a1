"""The sets of images by name: their classes, who publishes them, and the checksums of the published files."""

from __future__ import annotations

from dataclasses import dataclass

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Training images and labels, test images and labels: the same names in every set."""


@dataclass(frozen=True)
class Source:
    """A published set of 28 x 28 images in ten classes.

    Args:
        name: name of the set, and of the folder that holds it.
        classes: names of the classes, in the order of the labels 0 to 9.
        url: folder of the four compressed files, with a slash at its end.
        md5: checksums of these, in the order of :data:`FILES`.
        megabytes: size of the four together.
        labels_crc: CRC-32 of the published training and test labels, by which files of another set that
            lie in the wrong folder are known; empty where they are not known.
        package: Debian's package of the set, None where there is none.
    """

    name: str
    classes: tuple[str, ...]
    url: str
    md5: tuple[str, str, str, str]
    megabytes: int
    labels_crc: tuple[int, ...] = ()
    package: str | None = None


MNIST = Source(
    "mnist",
    classes=tuple("0123456789"),
    url="https://ossci-datasets.s3.amazonaws.com/mnist/",
    md5=(
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    ),
    megabytes=12,
    labels_crc=(0xBA07E8EF, 0xEE8604D9),
)
"""Handwritten digits. Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Proc. IEEE 86, 2278 (1998)."""

FASHION_MNIST = Source(
    "fashion-mnist",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    md5=(
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    ),
    megabytes=31,
    labels_crc=(0x2ED6E46A, 0x242BC73F),
    package="dataset-fashion-mnist",
)
"""Articles of clothing. H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747 (2017)."""

K_MNIST = Source(
    "k-mnist",
    classes=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    url="http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    md5=(
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    ),
    megabytes=21,
)
"""Handwritten hiragana. T. Clanuwat et al., arXiv:1812.01718 (2018)."""

SOURCES = {source.name: source for source in (MNIST, FASHION_MNIST, K_MNIST)}
