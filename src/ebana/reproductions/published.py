"""What the papers report: figures with their sources, as they stand there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Published:
    """A reported figure.

    Args:
        paper: where it is reported.
        reported: what exactly was reported, in words.
        test_error_percent: test error in percent, or None where none was reported.
        epochs: number of passes over the training data, or None where the paper does not say.
        seconds: reported time of the run, or None.
        hardware: what it ran on, or None where the paper does not say.
    """

    paper: str
    reported: str
    test_error_percent: float | None
    epochs: int | None = None
    seconds: float | None = None
    hardware: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The figure as JSON-compatible values."""
        return asdict(self)


KENDALL = "Kendall, Pantone, Manickavasagam, Bengio, Scellier (2020), arXiv:2006.01981"
SCELLIER = "Scellier (2024), A fast algorithm to simulate nonlinear resistive networks, arXiv:2402.11674"
UNIVERSAL = "Scellier and Mishra (2023), A universal approximation theorem for nonlinear resistive networks"
EBANA = "Watfa, Garcia-Ortiz, Sassatelli (2022), EBANA"


def _hours(hours: int, minutes: int) -> float:
    return 3600.0 * hours + 60.0 * minutes


def _scellier(error: float, epochs: int | None, seconds: float) -> Published:
    reported = "MNIST test error, trained by equilibrium propagation"
    return Published(SCELLIER, reported, error, epochs, seconds, "one A100 GPU")


def _universal(data: str, error: float) -> Published:
    return Published(UNIVERSAL, f"{data} test error, trained by equilibrium propagation", error)


KENDALL_2020 = Published(
    KENDALL,
    "MNIST test error of a network with 100 hidden nodes, simulated in SPICE (Spectre)",
    3.43,
    epochs=10,
)

GOWER = (
    "Gower (2025), How to train an oscillator Ising machine using equilibrium propagation, arXiv:2505.02103"
)
GOWER_2025: dict[str, Published] = {
    data: Published(GOWER, f"{name} test error of a simulated oscillator Ising machine; robust to 10-bit parameters "
    "and 4-bit readings", error)
    for data, name, error in (("mnist", "MNIST", 2.8), ("fashion-mnist", "Fashion-MNIST", 12.0))
}  # fmt: skip
"""By data set."""

SCELLIER_2024: dict[tuple[str, str], Published] = {
    ("xs", "mnist"): _scellier(3.46, 10, _hours(0, 30)),
    ("1h", "mnist"): _scellier(1.57, 50, _hours(2, 36)),
    ("2h", "mnist"): _scellier(1.48, None, _hours(4, 29)),
    ("3h", "mnist"): _scellier(1.66, None, _hours(6, 57)),
    ("xl", "mnist"): _scellier(1.33, 100, _hours(10, 27)),
    ("1h", "fashion-mnist"): _universal("Fashion-MNIST", 10.38),
    ("2h", "fashion-mnist"): _universal("Fashion-MNIST", 10.29),
    ("3h", "fashion-mnist"): _universal("Fashion-MNIST", 11.23),
    ("1h", "k-mnist"): _universal("K-MNIST", 7.57),
    ("2h", "k-mnist"): _universal("K-MNIST", 8.40),
    ("3h", "k-mnist"): _universal("K-MNIST", 9.30),
}
"""By model and data set."""

METZGER_2024 = Published(
    "Metzger, CMOS circuits that train themselves by equilibrium propagation in transient simulation "
    "(analog-mlp-circuit)",
    "one run of a sine of 20 mV, 3-32-4, 50 points, fitted well by eye; larger circuits and harder targets did not "
    "train reliably",
    None,
    epochs=32,
    seconds=60.0 * 45 + 54,
    hardware="Xyce, parallel",
)

SCELLIER_2023 = Published(
    "Scellier, Ernoult, Kendall, Kumar (2023), Energy-based learning algorithms for analog computing: a comparative "
    "study, arXiv:2312.15103",
    "on deep convolutional Hopfield networks all rules are comparable on MNIST; on harder images negative "
    "perturbations are better than positive ones, and centered equilibrium propagation is best",
    None,
    epochs=100,
    hardware="one A100 GPU",
)
"""The findings; the figures are of other networks and are not compared."""

EBANA_2022_FASHION = Published(
    EBANA,
    "Fashion-MNIST reduced to 128 features: 86% test accuracy after one epoch of cross-entropy "
    "(a Keras model of that size: 86.7%)",
    14.0,
    epochs=1,
)
EBANA_2022_KERAS_ERROR = 13.3
"""Test error in percent of the paper's Keras model after one epoch; 11.1 after 100."""


@dataclass(frozen=True)
class TableRow:
    """One row of table I of the EBANA paper: how long a training run took.

    Args:
        data: name of the data set.
        nodes: nodes of the circuit.
        samples: training samples.
        epochs: passes over them.
        threads: threads that simulated.
        seconds: time of the run.
        remark: in what our run is another one.
    """

    data: str
    nodes: int
    samples: int
    epochs: int
    threads: int
    seconds: float
    remark: str = ""

    @property
    def normalized(self) -> float:
        """The paper's K: thread-seconds for each node, epoch and sample."""
        return self.seconds * self.threads / (self.nodes * self.epochs * self.samples)

    def to_dict(self) -> dict[str, Any]:
        """The row as JSON-compatible values."""
        return asdict(self) | {"seconds_per_node_epoch_sample": self.normalized}


EBANA_2022_TABLE_1 = (
    TableRow("xor", nodes=16, samples=4, epochs=85, threads=1, seconds=14),
    TableRow("iris", nodes=56, samples=105, epochs=155, threads=4, seconds=182),
    TableRow(
        "wine",
        nodes=111,
        samples=5000,
        epochs=2,
        threads=4,
        seconds=217,
        remark="other data: scikit-learn's 178 wines; the paper's set has 5000 training samples",
    ),
)
