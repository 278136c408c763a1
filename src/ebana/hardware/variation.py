"""What was found of many chips: a table, its summary, and the worst of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import FilePath
from ebana.hardware.hardware import Hardware
from ebana.learning.systems.circuit import CircuitSystem
from ebana.shown import Shown, Table
from ebana.tables import frame
from ebana.training.data import Dataset
from ebana.training.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]


@dataclass(frozen=True, repr=False)
class Variation(Shown):
    """Accuracy, loss and error of the outputs of many chips. Made by :meth:`ebana.Model.vary`.

    Args:
        network: that was asked for.
        data: that the chips were given.
        quantity: what the sweep is over, None for hardware of one kind.
        hardware: by the value of that quantity.
        temperature: corners in degrees Celsius, None for chips at the temperature of their devices.
        numbers: of the chips, ``(C,)``.
        nominal: the evaluation of the network as it was designed.
        table: ``{"accuracy": (H, T, C), "loss": .., "error": .., "unconverged": ..}``; the error is the root mean
            square difference of the outputs from those of the design, volts.
        seconds: that it took.
    """

    network: Any
    data: Dataset
    quantity: str | None
    hardware: Mapping[Any, Hardware]
    temperature: tuple[float, ...] | None
    numbers: np.ndarray
    nominal: Evaluation
    table: Mapping[str, np.ndarray] = field(repr=False)
    seconds: float = 0.0

    def _squeezed(self, name: str) -> np.ndarray:
        """Without the axes that were not asked for."""
        drop = [0] * (self.quantity is None) + [1] * (self.temperature is None)
        return self.table[name].squeeze(tuple(drop)) if drop else self.table[name]

    @property
    def accuracy(self) -> np.ndarray:
        """Share of right answers of each chip: ``(C,)``, with axes before it for a sweep and for corners."""
        return self._squeezed("accuracy")

    @property
    def loss(self) -> np.ndarray:
        """Mean loss of each chip, in the shape of :attr:`accuracy`."""
        return self._squeezed("loss")

    @property
    def error(self) -> np.ndarray:
        """Root mean square difference of the outputs from those of the design, volts."""
        return self._squeezed("error")

    @property
    def unconverged(self) -> np.ndarray:
        """Samples of each chip whose operating point was not found; they count as wrong."""
        return self._squeezed("unconverged").astype(int)

    @property
    def chips(self) -> int:
        """How many chips there are of each kind."""
        return len(self.numbers)

    @property
    def labels(self) -> list[Any]:
        """Values of the quantity that was swept."""
        return list(self.hardware)

    def share_above(self, accuracy: float) -> np.ndarray | float:
        """Yield: the share of chips at least so accurate, a number, or one for each kind and corner."""
        reached = np.mean(self.accuracy >= accuracy, axis=-1)
        return float(reached) if np.ndim(reached) == 0 else reached

    def worst(self, count: int = 1) -> list[tuple[Any, float | None, int]]:
        """The least accurate chips, those of more loss first among equals: value of the quantity, corner, number."""
        loss = np.nan_to_num(self.table["loss"].ravel(), nan=np.inf)
        order = np.lexsort((-loss, self.table["accuracy"].ravel()))[:count]
        corners: tuple[float | None, ...] = self.temperature or (None,)
        found = []
        for place in order:
            h, t, c = np.unravel_index(place, self.table["accuracy"].shape)
            found.append((self.labels[int(h)], corners[int(t)], int(self.numbers[c])))
        return found

    def realise(self, label: Any, celsius: float | None, chip: int) -> Any:
        """The model of one of the chips (see :meth:`ebana.Model.realise`)."""
        one = self.hardware[label]
        if not isinstance(self.network.system, CircuitSystem):
            raise TypeError(
                f"{self.network!r} is no circuit: a chip of it has no model. See network.on(hardware, chip)."
            )
        return self.network.realise(one if celsius is None else one.at(celsius), chip)

    def netlists(
        self, folder: FilePath, count: int = 1, *, sample: int = 0, dialect: str = "ngspice"
    ) -> list[Path]:
        """Write the decks of the worst chips.

        Args:
            folder: where to.
            count: how many.
            sample: of the data, whose inputs the decks have.
            dialect: as for :meth:`ebana.Model.netlist`.
        """
        paths = []
        for label, celsius, chip in self.worst(count):
            named = [f"{self.quantity}_{label}"] if self.quantity is not None else []
            named += [f"{celsius:g}C"] if celsius is not None else []
            path = Path(folder) / f"{'_'.join(['chip', str(chip), *named])}.cir"
            self.realise(label, celsius, chip).netlist(
                self.data.inputs, sample=sample, path=path, dialect=dialect
            )
            paths.append(path)
        return paths

    def to_frame(self) -> DataFrame:
        """A table of pandas with a row for each chip."""
        return frame(self.columns(), "Variation.to_frame", "Variation.columns()")

    def columns(self) -> dict[str, np.ndarray]:
        """The table as columns of one length, a row for each chip."""
        shape = self.table["accuracy"].shape
        h, t, c = (axis.ravel() for axis in np.indices(shape))
        found: dict[str, np.ndarray] = {}
        if self.quantity is not None:
            found[self.quantity] = np.array(self.labels)[h]
        if self.temperature is not None:
            found["celsius"] = np.array(self.temperature)[t]
        return found | {
            "chip": self.numbers[c],
            **{name: table.ravel() for name, table in self.table.items()},
        }

    def to_dict(self) -> dict[str, Any]:
        """The figures of a command's output, JSON-compatible."""
        summary = {
            "chips": self.chips,
            "nominal": self.nominal.accuracy,
            "accuracy": figures_of(self.table["accuracy"]),
            "loss": {
                "mean": _mean(self.table["loss"]),
                "median": _median(self.table["loss"]),
            },
            "output_error_volts": float(np.sqrt(_mean(self.table["error"] ** 2))),
            "unconverged": int(self.table["unconverged"].sum()),
            "seconds": self.seconds,
        }
        if self.quantity is not None or self.temperature is not None:
            summary["kinds"] = [
                own | {"accuracy": figures_of(self.table["accuracy"][h, t])} for h, t, own in self._kinds()
            ]
        return summary

    def _kinds(self) -> list[tuple[int, int, dict[str, Any]]]:
        """Places of each kind of hardware at each corner, and what it is."""
        corners: tuple[float | None, ...] = self.temperature or (None,)
        return [
            (
                h,
                t,
                ({self.quantity: label} if self.quantity is not None else {})
                | ({"celsius": celsius} if celsius is not None else {}),
            )
            for h, label in enumerate(self.labels)
            for t, celsius in enumerate(corners)
        ]

    def _tables(self) -> Iterator[Table]:
        heads = [] if self.quantity is None else [self.quantity]
        heads += [] if self.temperature is None else ["temperature (°C)"]
        rows = [
            (
                *(own.values() or ("all chips",)),
                *(figures_of(self.table["accuracy"][h, t])[name] for name in ("median", "mean", "least")),
                _median(self.table["error"][h, t]),
            )
            for h, t, own in self._kinds()
        ]
        columns = (*(heads or ("",)), "median accuracy", "mean", "least", "error (V)")
        yield Table(f"{self.chips} chips; accuracy as designed {self.nominal.accuracy:.2%}", columns, rows)

    def __repr__(self) -> str:
        return f"Variation({self.chips} chips of {self.network.name!r})"

    def __str__(self) -> str:
        lines = [
            f"{self.chips} chips of {self.network.name!r}; accuracy as designed {self.nominal.accuracy:.2%}"
        ]
        heads = [] if self.quantity is None else [self.quantity]
        heads += [] if self.temperature is None else ["celsius"]
        lines.append(
            "  ".join(
                [
                    *(f"{head:>10}" for head in heads),
                    f"{'median':>8}  {'mean':>8}  {'least':>8}  {'error':>9}",
                ]
            )
        )
        for h, t, own in self._kinds():
            found, error = figures_of(self.table["accuracy"][h, t]), self.table["error"][h, t]
            cells = [f"{own[head]!s:>10}" for head in heads]
            cells += [f"{found[name]:8.2%}" for name in ("median", "mean", "least")]
            lines.append("  ".join([*cells, f"{1e3 * _median(error):6.3g} mV"]))
        lost = int(self.table["unconverged"].sum())
        return "\n".join(
            [*lines, *([f"{lost} operating points did not converge and count as wrong"] if lost else [])]
        )

    def plot(self, path: FilePath | None = None) -> Figure:
        """A picture, saved where a path is given.

        Of one kind of hardware, a histogram of the accuracies and the yield: the share of chips at least so accurate.
        Of a sweep, the accuracy over its quantity: median, the middle half of the chips, and the worst.
        """
        from ebana.hardware import figures
        from ebana.reports.rendering import save

        figure = figures.of_sweep(self) if self.quantity is not None else figures.of_chips(self)
        if path is not None:
            save(figure, path)
        return figure


def figures_of(accuracy: np.ndarray) -> dict[str, float]:
    """Mean, median and least of the accuracies of chips."""
    flat = accuracy.ravel()
    return {"mean": float(flat.mean()), "median": float(np.median(flat)), "least": float(flat.min())}


def _mean(values: np.ndarray) -> float:
    """Mean of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _median(values: np.ndarray) -> float:
    """Median of what is known; NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
