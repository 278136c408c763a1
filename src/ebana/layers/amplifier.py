"""The bidirectional amplifier: voltage forward, current backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.layers.base import RATE, Layer, Rate, Signal, as_list, either, stored_rate
from ebana.schedules import get_rate
from ebana.storage.described import listed, number, numbers, optional, text

LEAST_GAIN = 1e-100
"""The square of a gain, and its inverse, must be numbers."""


class AmplificationLayer(Layer):
    """``w = shift + gain (h - shift)``; the current I drawn from w is drawn from h as ``kappa I``.

    Args:
        gain: voltage gain A, above zero.
        name: name of the layer.
        shift: potential that is passed unchanged, volts.
        param: the same as a dictionary: ``{"gain": 4, "shift": 0}``.
        backward_gain: kappa; None for ``1 / gain``, ``gain`` for a lossless transformer.
        trainable: False, True (gain and shift), or a list of ``"gain"``, ``"shift"``, ``"backward_gain"``.
        lr: learning rate of what is trained.
        low, high: bounds of a trained gain.
    """

    kind_label = "amplifier"
    stored = Layer.stored | {
        "gain": numbers, "shift": numbers, "backward_gain": optional(numbers), "trainable": listed(text),
        "lr": RATE, "low": number, "high": number,
    }  # fmt: skip
    makes_nodes = True

    def __init__(
        self,
        gain: float | None = None,
        name: str = "amp",
        shift: float | None = None,
        param: dict[str, float] | None = None,
        *,
        backward_gain: float | None = None,
        trainable: object = False,
        lr: Rate | None = None,
        low: float = 1e-3,
        high: float = 1e3,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, enabled=enabled)
        param = dict(param or {})
        unknown = param.keys() - {"gain", "shift", "backward_gain"}
        if unknown:
            raise ValueError(
                f"amplifier {name!r}: param has {', '.join(sorted(map(repr, unknown)))}. "
                "Expected gain, shift, backward_gain."
            )
        self.gain = np.asarray(either(name, 1.0, gain=gain, param_gain=param.get("gain")), dtype=float)
        self.shift = np.asarray(either(name, 0.0, shift=shift, param_shift=param.get("shift")), dtype=float)
        back = either(name, None, backward_gain=backward_gain, param_backward_gain=param.get("backward_gain"))
        self.backward_gain = None if back is None else np.asarray(back, dtype=float)
        self.trainable = _trained(trainable, self.backward_gain is not None, name)
        self.lr, self.low, self.high = get_rate(lr), low, high
        if not _usable(self.gain) or (self.backward_gain is not None and not _usable(self.backward_gain)):
            raise ValueError(
                f"amplifier {name!r}: gain={gain!r}, backward_gain={backward_gain!r}. Expected values above zero "
                f"(from {LEAST_GAIN:g} to {1 / LEAST_GAIN:g})."
            )

    def output_shape(self, shapes: Any) -> tuple[int, ...]:
        """The input's shape; values for each unit must fit it."""
        shape = self.only(shapes)
        for what in ("gain", "shift", "backward_gain"):
            value = getattr(self, what)
            if value is not None and value.size not in (1, int(np.prod(shape))):
                raise ValueError(
                    f"amplifier {self.name!r}: {what} has {value.size} values for {int(np.prod(shape))} units."
                )
        return shape

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Amplifiers from the parent's nodes to new ones."""
        gain = self._parameter(build, "gain", self.gain, low=self.low, high=self.high)
        shift = self._parameter(build, "shift", self.shift)
        back = None
        if self.backward_gain is not None:
            back = self._parameter(build, "backward_gain", self.backward_gain, low=self.low, high=self.high)
        nodes = inputs[0]
        return build.amplifiers(signal.name, nodes.ravel(), gain, shift, back).reshape(nodes.shape)

    def _parameter(self, build: CircuitBuilder, what: Any, value: np.ndarray, **bounds: Any) -> str:
        bounds = bounds if what in self.trainable else {}
        return build.parameter(
            f"{self.name}/{what}",
            what,
            np.atleast_1d(value).ravel(),
            trainable=what in self.trainable,
            learning_rate=self.lr,
            **bounds,
        )

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {
            "gain": as_list(self.gain),
            "shift": as_list(self.shift),
            "backward_gain": as_list(self.backward_gain),
            "trainable": list(self.trainable),
            "lr": stored_rate(self),
            "low": self.low,
            "high": self.high,
        }


def _usable(gain: np.ndarray) -> bool:
    return bool(((gain >= LEAST_GAIN) & (gain <= 1 / LEAST_GAIN)).all())


def _trained(trainable: Any, has_backward: bool, name: str) -> tuple[str, ...]:
    if isinstance(trainable, bool):
        names: tuple[str, ...] = ("gain", "shift") if trainable else ()
        return (*names, "backward_gain") if trainable and has_backward else names
    names = (trainable,) if isinstance(trainable, str) else tuple(trainable)
    known = ("gain", "shift", "backward_gain") if has_backward else ("gain", "shift")
    wrong = [n for n in names if n not in known]
    if wrong:
        raise ValueError(
            f"amplifier {name!r}: trainable={trainable!r}. Expected a choice of {', '.join(known)}."
        )
    return names
