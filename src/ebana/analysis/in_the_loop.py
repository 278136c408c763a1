"""Training in the loop: a network designed on one circuit, moved to another, and fine-tuned there.

The second circuit is usually the first with real devices, solved by SPICE: what training has not seen
costs accuracy, and a few epochs on the real thing win it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import Data, LossOrName

if TYPE_CHECKING:
    from ebana.model import Model
    from ebana.training.evaluation import Evaluation


@dataclass(frozen=True)
class Stage:
    """How good a circuit is on the test data.

    Args:
        loss: mean loss.
        accuracy: share of right samples, 0 to 1.
        mismatch: root mean square difference of its outputs from those of the design, volts.
    """

    loss: float
    accuracy: float
    mismatch: float


@dataclass(frozen=True)
class InTheLoop:
    """What moving a design to another circuit cost, and what training there won back.

    Args:
        design: the trained design itself.
        before: the other circuit, with the design's values.
        after: the same, trained in the loop.
        engines: who solved the design and the other circuit.
        epochs: epochs of training in the loop.
    """

    design: Stage
    before: Stage
    after: Stage
    engines: tuple[str, str]
    epochs: int

    @property
    def added_loss_removed(self) -> float:
        """Share of the loss added by the move that training removed: 1 is all of it, above 1 more than that."""
        added = self.before.loss - self.design.loss
        return (self.before.loss - self.after.loss) / added if added > 0 else float("nan")

    @property
    def mismatch_removed(self) -> float:
        """Share of the mismatch of the outputs that training removed; below 0 where it grew."""
        before = self.before.mismatch
        return (before - self.after.mismatch) / before if before > 0 else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """As flat values for a report."""
        stages = {"design": self.design, "before": self.before, "after": self.after}
        keys = {"loss": "loss", "accuracy": "accuracy", "mismatch": "mismatch_volts"}
        flat = {
            f"{name}_{keys[key]}": value for name, s in stages.items() for key, value in asdict(s).items()
        }
        flat.pop("design_mismatch_volts")
        return flat | {
            "added_loss_removed": self.added_loss_removed,
            "mismatch_removed": self.mismatch_removed,
            "epochs_in_the_loop": self.epochs,
            "engine_of_the_design": self.engines[0],
            "engine_in_the_loop": self.engines[1],
        }

    def __str__(self) -> str:
        rows = [
            (f"design ({self.engines[0]})", self.design),
            (f"moved to {self.engines[1]}", self.before),
            (f"after {self.epochs} epochs there", self.after),
        ]
        lines = [
            f"{name:<28} accuracy {100 * s.accuracy:5.1f}%   loss {s.loss:.4g}   mismatch {1e3 * s.mismatch:.1f} mV"
            for name, s in rows
        ]
        removed = (
            f"{100 * self.added_loss_removed:.0f}% of the added loss, {100 * self.mismatch_removed:.0f}%"
        )
        return "\n".join([*lines, f"removed by training in the loop: {removed} of the mismatch"])


def fine_tune(
    design: Model,
    target: Model,
    train: Any,
    test: Any,
    *,
    epochs: int,
    loss_fn: LossOrName = "mse",
    **fit_options: Any,
) -> InTheLoop:
    """Move the values of a trained design to another circuit and train on there.

    Args:
        design: the trained model.
        target: a model with parameters of the same names and shapes, other devices or another engine; it is
            trained in place.
        train, test: data sets; the second only measures.
        epochs: epochs of training on the target.
        loss_fn: a loss or its name.
        fit_options: further arguments of ``target.fit``.

    Raises:
        ValueError: when a parameter that the design trained does not fit the target.
    """
    target.set_values(_common(design, target))
    aim = _outputs(design, test)
    first = _stage(design.evaluate(test, loss_fn=loss_fn), aim, aim)
    before = _stage(target.evaluate(test, loss_fn=loss_fn), _outputs(target, test), aim)
    target.fit(train, epochs=epochs, loss_fn=loss_fn, **fit_options)
    after = _stage(target.evaluate(test, loss_fn=loss_fn), _outputs(target, test), aim)
    return InTheLoop(first, before, after, (design.engine.name, target.engine.name), epochs)


def _common(design: Model, target: Model) -> dict[str, np.ndarray]:
    """The values that the design trained."""
    ours, theirs = design.values, target.values
    names = design.circuit.trainable
    lost = [n for n in names if n not in theirs or theirs[n].shape != ours[n].shape]
    if lost:
        raise ValueError(
            f"model {target.name!r} has no parameter {lost[0]!r} of shape {ours[lost[0]].shape}, which "
            f"{design.name!r} trained. Give the layers of both the same names and sizes."
        )
    return {name: ours[name] for name in names}


def _outputs(model: Model, data: Data) -> np.ndarray:
    found = model.predict(data)
    arrays = found.values() if isinstance(found, Mapping) else [found]
    return np.concatenate([np.asarray(a) for a in arrays], axis=1)


def _stage(result: Evaluation, outputs: np.ndarray, aim: np.ndarray) -> Stage:
    mismatch = float(np.sqrt(np.mean((outputs - aim) ** 2)))
    return Stage(float(result.loss), float(result.accuracy), mismatch)
