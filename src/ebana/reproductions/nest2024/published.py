"""The published recipes: networks and settings as they stand in the authors' configuration.

Sources: T. Nest, M. Ernoult, NeurIPS 2024, arXiv 2409.03306, and the configuration of its code
(github.com/timothynest/hybrid_bp_ep_official, commit 9d5a3cf): channels and pools of each block, sweeps (T1, T2),
slope, variance of the start, batch, learning rates, weight decay, epochs, tolerances, augmentation.

Ours, in every recipe: the nudge, for each sample of a fixed size (the paper's is 0.2 times a sample's gradient) and
along the loss's slope at the free state in the last block too; the learning rate that falls with every step, where
the paper's falls with every epoch; all test images, where the paper's loader drops the last incomplete batch; running
statistics that follow once a step.
"""

from __future__ import annotations

from typing import Any

from ebana.hybrid import GOE
from ebana.reproductions.nest2024.networks import Network, row
from ebana.reproductions.nest2024.settings import Settings, Split

COLOURS = (32, 32, 3)

SMALL = row((128, 256, 256, 512, 512), "mmmm-", 256)
SMALL_IN_THREES = row((128, 256, 256, 512, 512), "mmmmm", 256)
LARGE = (128,) * 4 + (256,) * 4 + (512,) * 4
LARGEST = (64,) * 2 + (128,) * 4 + (256,) * 2 + (258, 256) + (512,) * 5  # 258: as in the configuration

OURS_IN_ALL = (
    "Ours: the nudge (of a fixed size for each sample; published: 0.2 times a sample's gradient), a learning rate that "
    "falls with every step (published: every epoch), and a test on all images."
)
TOLERANCE = (
    "Free phases end by a tolerance. Ours: it bounds the largest change of a sample's states (published: the mean "
    "relative change over layers, of the batch), a sample that is not within it after the most sweeps is left out and "
    "counted (published: used), and nudged sweeps, batch and start, on which the paper's configuration is silent here, "
    "are those of the recipe without a tolerance."
)


def _small(*, sweeps: tuple[int, int], slope: float, lr: float, **options: Any) -> Settings:
    """L = 6 on CIFAR-10, in blocks of 6, 3 and 2 layers; the split in threes pools once more."""

    def net(layers: Any) -> Network:
        return Network(layers, COLOURS, slope=slope, start=GOE(8.35e-5), linear="last", first_only=True)

    tolerance = options.pop("tolerance", None)
    made = {n: Split(sweeps, None, lr, 1.0, tolerance) for n in (6, 2)}
    made[3] = Split(sweeps, None, lr, 1.0, tolerance, network=net(SMALL_IN_THREES))
    return _published(splits=made, base=net(SMALL), batch_size=128, least_lr=1e-6 / lr, **options)


def _large(*, sweeps: tuple[int, int], slope: float, lr: float, **options: Any) -> Settings:
    """L = 12 on CIFAR-10, in blocks of 4, 3 and 2 layers; the split in threes pools elsewhere."""

    def net(pools: str) -> Network:
        return Network(row(LARGE, pools), COLOURS, slope=slope, start=GOE(5.9e-5), linear="each")

    tolerance = options.pop("tolerance", None)
    made = {n: Split(sweeps, None, lr, 1.0, tolerance) for n in (4, 2)}
    made[3] = Split(sweeps, None, lr, 1.0, tolerance, network=net("---m--m--m--"))
    return _published(splits=made, base=net("--m-m---m---"), batch_size=128, least_lr=1e-6 / lr, **options)


def _scaled(data: str, classes: int) -> dict[tuple[str, str], Settings]:
    """L = 12 and L = 15 on the larger sets; published in blocks of 2."""
    twelve = Network(row(LARGE, "m---m---m---"), COLOURS, slope=0.5, start=GOE(4.9e-5), linear="each")
    fifteen = Network(row(LARGEST, "--m---m---m----"), COLOURS, slope=0.5, start=GOE(1e-5), linear="each")
    split = Split((15, 5), None, 5e-5, 1.0)
    in_twos = Split((15, 5), None, 2e-5, 1.0, sizes=(2,) * 7 + (1,))
    ours = f"Blocks of 4 and 3 of l12 on {data} are ours: the settings of blocks of 2."
    return {
        ("l12", data): _published(
            "l12", dict.fromkeys((4, 3, 2), split), base=twelve, classes=classes, batch_size=256, least_lr=1e-2,
            notes=(ours,),
        ),
        ("l15", data): _published(
            "l15", {2: in_twos}, base=fifteen, classes=classes, batch_size=256, least_lr=5e-3, epochs=100
        ),
    }  # fmt: skip


def _published(
    model: str, splits: dict[int, Split], *, epochs: int = 200, notes: tuple[str, ...] = (), **options: Any
) -> Settings:
    return Settings(
        model, splits, epochs=epochs, published=True, decay=3e-4, augment=True, notes=(*notes, OURS_IN_ALL),
        **options,
    )  # fmt: skip


PUBLISHED: dict[tuple[str, str], Settings] = {
    ("l6", "cifar10"): _small(model="l6", sweeps=(60, 20), slope=1.0, lr=1e-4),
    ("l6-tol", "cifar10"): _small(
        model="l6-tol", sweeps=(1580, 20), slope=0.65, lr=3e-4, tolerance=1e-6, epochs=100, notes=(TOLERANCE,)
    ),
    ("l12", "cifar10"): _large(model="l12", sweeps=(20, 5), slope=1.0, lr=5e-5),
    ("l12-tol", "cifar10"): _large(
        model="l12-tol", sweeps=(1580, 5), slope=0.55, lr=5e-5, tolerance=1e-4, epochs=100, notes=(TOLERANCE,)
    ),
    **_scaled("cifar100", 100),
    **_scaled("imagenet32", 1000),
}
"""By model and data set. ``l6-tol`` and ``l12-tol`` are Table 1 of the camera-ready paper, ``l6`` and ``l12`` on
CIFAR-10 its Table 7, the larger sets its Table 2."""

STATIC = Settings(
    "static",
    {3: Split((15, 20), None, 0.0, 1.0, sizes=(2, 2, 3, 3, 2, 3))},
    published=True,
    base=Network(
        row((64, 64, 128, 128) + (256,) * 3 + (512,) * 6 + (1024,), "--m-m--m--m---", 4096),
        COLOURS, slope=0.5, start=GOE(4.9e-5), linear="each",
    ),
    batch_size=2,
    notes=(
        "The network of the paper's static analysis as it starts, 2 images, 15 free sweeps. Ours: the nudge, and the "
        "reference, the linear response of the states after those free sweeps, at rest or not (published: "
        "backpropagation through as many sweeps).",
    ),
)  # fmt: skip
"""The network of the static analysis of gradients, six blocks of 2 or 3 layers, on CIFAR-10."""
