"""The folder that a training run leaves: report, figures, model, history, netlist, result.

Every file is complete or absent. The checkpoint is there while training lasts, and goes when all else is written.
What a network has to show of itself is :class:`Contents`; the report says what does not apply to it and is left out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ebana.reports.rendering import save
from ebana.reports.report import HEADLINES, write_report
from ebana.storage.atomic import sweep, write_atomically
from ebana.storage.strict_json import to_json

FILES = (
    "report.html",
    "loss_and_accuracy.png",
    "conductances.png",
    "model.png",
    "model.ebana",
    "history",
    "circuit.cir",
    "result.json",
)
"""What a finished run of a model of layers leaves."""

OTHERS = ("values", "values.png")
"""What others leave: values where a network has no stored form, and curves of what are no conductances."""

VALIDATION_NOTE = (
    "The validation curve is that of the test part. It is drawn for the reader: training takes nothing "
    "from it, and no setting was chosen by it."
)


@dataclass(frozen=True)
class Contents:
    """What a network has to show of itself.

    Args:
        rows: a table of its layers, its elements or its values, one mapping a row.
        heading: of that table.
        totals: over all of it, for the configuration.
        figures: by name, as :func:`~ebana.reports.write_report` takes them.
        writers: what writes a file at a path, by the file's name.
        netlist: the SPICE deck, None where there is none.
        power: static power as :meth:`ebana.analysis.PowerReport.to_dict` gives it, None where there is none.
        more: further results by name.
        notes: what is left out and why.
    """

    rows: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    writers: Mapping[str, Callable[[Path], object]] = field(default_factory=dict)
    netlist: str | None = None
    power: Mapping[str, Any] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    heading: str = "Circuit"


@dataclass(frozen=True)
class RunFolder:
    """A run folder.

    Args:
        path: where it is, or will be.
    """

    path: Path

    @property
    def checkpoint(self) -> Path:
        """The file to resume from."""
        return self.path / "checkpoint"

    def files(self) -> list[str]:
        """Names of what is there of :data:`FILES` and :data:`OTHERS`."""
        return [name for name in (*FILES, *OTHERS) if (self.path / name).is_file()]

    def sweep(self) -> None:
        """Remove what a run left here that was killed while it wrote."""
        sweep(self.path, *FILES, *OTHERS, self.checkpoint.name)

    def check(self, advice: str = "Choose another folder.") -> None:
        """Refuse a path that no folder can have, before work is spent on it; makes nothing.

        Args:
            advice: what to do then.

        Raises:
            PermissionError: for a folder that cannot be written to.
            NotADirectoryError: for a file, or a path through one.
        """
        for place in (self.path, *self.path.parents):
            if place.is_dir():
                if not os.access(place, os.W_OK):
                    raise PermissionError(f"no permission to write to {place}. {advice}")
                return
            if place.exists():
                raise NotADirectoryError(f"{place} is a file. Expected a folder. {advice}")

    def write(
        self,
        contents: Contents,
        *,
        title: str,
        result: Mapping[str, Any],
        configuration: Mapping[str, Any],
        notes: Sequence[str] = (),
        headlines: Sequence[str] = HEADLINES,
        clock: Callable[[], float] | None = None,
    ) -> dict[str, Any]:
        """Write everything; files of an earlier run that this one does not have are removed.

        Args:
            contents: of the network.
            title: heading of the report.
            result: numbers by name; ``result.json`` holds them, with the power.
            configuration: settings of the run, for the report.
            notes: remarks for the reader, before those of the contents.
            headlines: names of the results that stand first.
            clock: gives the result ``wall_seconds``, None for a run that has none.

        Returns:
            The result as ``result.json`` holds it.

        Raises:
            OSError: if the folder cannot be written to.
        """

        def timed() -> dict[str, float]:
            return {} if clock is None else {"wall_seconds": clock()}

        self.path.mkdir(parents=True, exist_ok=True)
        for name, write in contents.writers.items():
            write(self.path / name)
        if contents.netlist is not None:
            write_atomically(self.path / "circuit.cir", contents.netlist.encode())
        for name, figure in contents.figures.items():
            save(figure, self.path / f"{name}.png")
        result = {**result, **contents.more}
        write_report(
            self.path,
            title=title,
            summary={**result, **timed()},
            configuration=configuration,
            layers_table=contents.rows,
            figures=contents.figures,
            netlist_text=contents.netlist,
            notes=[*notes, *contents.notes],
            power=contents.power,
            headlines=headlines,
            layers_heading=contents.heading,
        )
        power = {} if contents.power is None else {"power": contents.power}
        result = {**result, **power, **timed()}
        write_atomically(self.path / "result.json", f"{to_json(result, indent=2)}\n".encode())
        self._remove_others(contents)
        self.checkpoint.unlink(missing_ok=True)
        return result

    def _remove_others(self, contents: Contents) -> None:
        """Files that stem from an earlier run."""
        written = {"report.html", "result.json", *contents.writers, *(f"{n}.png" for n in contents.figures)}
        written |= set() if contents.netlist is None else {"circuit.cir"}
        for name in self.files():
            if name not in written:
                (self.path / name).unlink()
