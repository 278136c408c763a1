"""The sets of images by name: their classes and files, who publishes them, and the published checksums.

MD5 is what all of these were published with. It tells a damaged file and another one with the same name; it is
no proof against a publisher who prepares two files of one checksum.
"""

from __future__ import annotations

from dataclasses import dataclass

from ebana.datasets.formats import Format
from ebana.datasets.idx_pairs import IdxPairs
from ebana.datasets.npz_batches import NpzBatches
from ebana.datasets.records import Records

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Training images and labels, test images and labels: the same names in every set of IDX files."""


@dataclass(frozen=True)
class Download:
    """A published file that a program may fetch.

    Args:
        name: its name below the URL of the source.
        md5: its published checksum.
        files: the files of the set that it holds; of an archive those that are wanted, otherwise the one that
            it is.
        folder: for an archive, the folder in it that holds them; None where there is none to unpack.
    """

    name: str
    md5: str
    files: tuple[str, ...]
    folder: str | None = None


@dataclass(frozen=True)
class Source:
    """A published set of images.

    Args:
        name: name of the set, and of the folder that holds it.
        classes: names of the classes, in the order of the labels.
        image_shape: rows, columns and channels of an image.
        format: how its files are read.
        train, test: the files of the two parts, by their published names.
        folders: names of the published folders that hold them.
        url: what the names of ``downloads`` are appended to.
        downloads: what is fetched; empty where no program may.
        megabytes: size of the downloads together.
        by_hand: how to get the files where there are no downloads.
        first_label: the label of the first class.
        labels_crc: CRC-32 of the published training and test labels, by which files of another set that
            lie in the wrong folder are known; empty where they are not known.
        package: Debian's package of the set, None where there is none.
    """

    name: str
    classes: tuple[str, ...]
    image_shape: tuple[int, int, int]
    format: Format
    train: tuple[str, ...]
    test: tuple[str, ...]
    folders: tuple[str, ...] = ()
    url: str = ""
    downloads: tuple[Download, ...] = ()
    megabytes: int = 0
    by_hand: str = ""
    first_label: int = 0
    labels_crc: tuple[int, ...] = ()
    package: str | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """All files of the set."""
        return self.train + self.test


def _idx(
    name: str,
    *,
    classes: tuple[str, ...],
    url: str,
    md5: tuple[str, str, str, str],
    megabytes: int,
    labels_crc: tuple[int, ...] = (),
    package: str | None = None,
) -> Source:
    """A set of 28 x 28 images in four IDX files, published as ``<file>.gz`` each; ``md5`` as in FILES."""
    return Source(
        name,
        classes=classes,
        image_shape=(28, 28, 1),
        format=IdxPairs(),
        train=FILES[:2],
        test=FILES[2:],
        url=url,
        downloads=tuple(
            Download(f"{file}.gz", digest, (file,)) for file, digest in zip(FILES, md5, strict=True)
        ),
        megabytes=megabytes,
        labels_crc=labels_crc,
        package=package,
    )


MNIST = _idx(
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

FASHION_MNIST = _idx(
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

K_MNIST = _idx(
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


def _cifar(
    name: str,
    *,
    classes: tuple[str, ...],
    train: tuple[str, ...],
    test: tuple[str, ...],
    labels: int,
    archive: str,
    md5: str,
    folder: str,
    megabytes: int,
) -> Source:
    """A set of 32 x 32 colour images in CIFAR's binary version, published as one archive with one folder."""
    return Source(
        name,
        classes=classes,
        image_shape=(32, 32, 3),
        format=Records(labels),
        train=train,
        test=test,
        folders=(folder,),
        url="https://www.cs.toronto.edu/~kriz/",
        downloads=(Download(archive, md5, train + test, folder),),
        megabytes=megabytes,
    )


CIFAR_10 = _cifar(
    "cifar10",
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    train=tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
    test=("test_batch.bin",),
    labels=1,
    archive="cifar-10-binary.tar.gz",
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder="cifar-10-batches-bin",
    megabytes=170,
)
"""Photographs. A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", Toronto (2009)."""

_FINE = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm"
)  # fmt: skip

CIFAR_100 = _cifar(
    "cifar100",
    classes=_FINE,
    train=("train.bin",),
    test=("test.bin",),
    labels=2,
    archive="cifar-100-binary.tar.gz",
    md5="03b5dce01913d631647c71ecec9e9cb8",
    folder="cifar-100-binary",
    megabytes=169,
)
"""Photographs with coarse and fine labels, of which these are the fine ones. Published with CIFAR-10."""

IMAGENET_32 = Source(
    "imagenet32",
    classes=tuple(str(label) for label in range(1, 1001)),  # its files name none
    image_shape=(32, 32, 3),
    format=NpzBatches(),
    train=tuple(f"train_data_batch_{k}.npz" for k in range(1, 11)),
    test=("val_data.npz",),
    folders=("Imagenet32_train_npz", "Imagenet32_val_npz"),
    by_hand="sign in at https://image-net.org/download-images, download Imagenet32_train_npz.zip and "
    "Imagenet32_val_npz.zip, and unpack both into one folder",
    first_label=1,
)
"""The downsampled ImageNet. P. Chrabaszcz, I. Loshchilov, F. Hutter, arXiv:1707.08819 (2017)."""

SOURCES = {
    source.name: source for source in (MNIST, FASHION_MNIST, K_MNIST, CIFAR_10, CIFAR_100, IMAGENET_32)
}
