"""The report of a run, written when training is over."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ebana.training.callbacks import Callback

PathLike = str | os.PathLike[str]


class RunFolder(Callback):
    """Writes the folder that a run leaves, as :meth:`ebana.network.Network.report` does.

    It measures with the data that the run was trained on, and with those that it was validated on. Nothing is written
    where training is interrupted.

    Args:
        folder: where to; files of an earlier report in it are replaced.
        title: of the report; the network's name if not given.
        capacitance: as for :meth:`ebana.Model.settling`, of circuits: the time and the energy of an inference.

    Raises:
        NotADirectoryError, PermissionError: when training begins, for a folder that cannot be.

    Example:
        >>> RunFolder("runs/first", title="A first run")
        RunFolder('runs/first')
    """

    saves = True

    def __init__(self, folder: PathLike, *, title: str | None = None, capacitance: Any = None) -> None:
        self.path = Path(folder)
        self.title, self.capacitance = title, capacitance

    def on_train_begin(self) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_train_begin`."""
        from ebana.reports import run_folder

        run_folder.RunFolder(self.path).check()

    def on_train_end(self) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_train_end`."""
        run = self.run
        if not run.ends:
            return
        run.model.report(
            self.path,
            run.generator.dataset,
            x_test=run.validation,
            loss_fn=run.settings.loss,
            title=self.title,
            capacitance=self.capacitance,
        )

    def __repr__(self) -> str:
        return f"RunFolder({str(self.path)!r})"
