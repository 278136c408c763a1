"""A feed-forward ReLU network as numbers: crossbars of weights one after the other, whatever library it comes from.

    h_0 = x,    a_l = h_{l-1} W_l + b_l,    h_l = max(a_l, 0)  or  a_l,    y = head(h_L)

A :class:`Chain` is what readers of the libraries make, step by step through a :class:`ChainWriter`. Affine steps that
follow each other are one (``(x W + b) V + c = x (W V) + (b V + c)``), so batch normalisation costs no stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_softmax, softmax

HEADS: Mapping[str, Callable[[np.ndarray], Any]] = {
    "identity": lambda y: y,
    "softmax": lambda y: softmax(y, axis=-1),
    "log_softmax": lambda y: log_softmax(y, axis=-1),
    "logistic": expit,
}
"""What may follow the last stage, computed beside the circuit. Each keeps the order of the outputs, so the labels."""

SUPPORTED = (
    "dense layers (Linear, Dense) and ReLU in a row, with Flatten before the first, Dropout, Identity, BatchNorm1d or "
    "BatchNormalization over features, and Softmax, LogSoftmax or Sigmoid at the end"
)
"""What can be converted, for messages."""

OFTEN = "Replace it, or keep that part digital (ebana.hybrid) and convert the rest."
"""What to do about most of what cannot."""


def refusal(source: str, name: str, received: str, advice: str = OFTEN) -> ValueError:
    """The error of a layer that cannot be converted.

    Args:
        source: what library it is of.
        name: the layer's name.
        received: what it is.
        advice: what to do.
    """
    return ValueError(f"convert: {source} layer {name!r} is {received}. Expected {SUPPORTED}. {advice}")


@dataclass(frozen=True, eq=False)
class Stage:
    """One crossbar of weights, and whether its results are rectified.

    Args:
        name: of the layer in its library.
        weights: shape ``(inputs, outputs)``.
        bias: shape ``(outputs,)``.
        rectified: whether a ReLU follows.
    """

    name: str
    weights: np.ndarray
    bias: np.ndarray
    rectified: bool

    def __call__(self, h: np.ndarray) -> np.ndarray:
        """What the stage makes of ``(B, inputs)``, in double precision."""
        a = h @ self.weights + self.bias
        return np.maximum(a, 0.0) if self.rectified else a


@dataclass(frozen=True, eq=False)
class Chain:
    """A network of dense stages.

    Args:
        stages: from the inputs to the outputs; all but the last are rectified.
        head: key of :data:`HEADS`.
        classes: labels of the outputs, where the network has its own.

    Example:
        >>> w, b = np.array([[1.0], [-2.0]]), np.array([0.5])
        >>> chain = Chain((Stage("fc", w, b, rectified=False),), head="logistic")
        >>> chain.sizes, chain.outputs(np.array([[1.0, 0.0]])).tolist()
        ((2, 1), [[1.5]])
    """

    stages: tuple[Stage, ...]
    head: str = "identity"
    classes: tuple[Any, ...] | None = None

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of inputs, and of units of each stage."""
        return (self.stages[0].weights.shape[0], *(stage.bias.size for stage in self.stages))

    def activations(self, x: np.ndarray) -> list[np.ndarray]:
        """``h_0`` to ``h_L`` of inputs ``(B, inputs)``, in double precision."""
        found = [np.asarray(x, dtype=float)]
        for stage in self.stages:
            found.append(stage(found[-1]))
        return found

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """``h_L``, before the head."""
        return self.activations(x)[-1]


class ChainWriter:
    """Takes the layers of a network one by one and makes a :class:`Chain` of them.

    Args:
        source: name of the library, for messages.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._stages: list[Stage] = []
        self._pending: Stage | None = None
        self._head: str = "identity"
        self._headed_by: str | None = None

    @property
    def started(self) -> bool:
        """Whether a layer with weights has been taken."""
        return bool(self._stages) or self._pending is not None

    def affine(self, name: str, weights: object, bias: object | None) -> None:
        """``h W + b``, with W of shape ``(inputs, outputs)``; None for no bias."""
        w = np.asarray(weights, dtype=float)
        b = np.zeros(w.shape[1]) if bias is None else np.asarray(bias, dtype=float).ravel()
        self._before_head(name)
        self._check(name, w, b)
        before = self._pending
        if before is not None:
            w, b, name = before.weights @ w, before.bias @ w + b, f"{before.name} + {name}"
        self._pending = Stage(name, w, b, rectified=False)

    def scale(self, name: str, factor: np.ndarray, offset: np.ndarray) -> None:
        """``h * factor + offset``, unit by unit: batch normalisation with what it has learned of its inputs."""
        self.affine(name, np.diag(np.asarray(factor, dtype=float).ravel()), offset)

    def relu(self, name: str) -> None:
        """``max(h, 0)``."""
        self._before_head(name)
        if self._pending is not None:
            done = self._pending
            self._stages.append(Stage(done.name, done.weights, done.bias, rectified=True))
            self._pending = None
        elif not self._stages:
            raise refusal(
                self.source,
                name,
                "a ReLU of the inputs themselves",
                "Put a dense layer before it, or rectify the data.",
            )

    def head(self, name: str, kind: str) -> None:
        """What follows the last stage: a key of :data:`HEADS`."""
        self._before_head(name)
        if not self.started:
            raise refusal(self.source, name, f"a {kind} before any dense layer")
        if kind not in HEADS:
            raise refusal(self.source, name, f"of activation {kind!r}")
        self._head, self._headed_by = kind, name

    def finish(self, classes: tuple[Any, ...] | None = None) -> Chain:
        """The chain.

        Raises:
            ValueError: if no layer had weights.
        """
        stages = [*self._stages, *([] if self._pending is None else [self._pending])]
        if not stages:
            raise ValueError(f"convert: the {self.source} network has no dense layer. Expected {SUPPORTED}.")
        return Chain(tuple(stages), self._head, classes)

    def _before_head(self, name: str) -> None:
        if self._headed_by is not None:
            raise refusal(
                self.source,
                name,
                f"a layer after {self._headed_by!r} ({self._head}), which only the end can be",
                f"Leave {self._headed_by!r} out, or convert the part before it.",
            )

    def _check(self, name: str, w: np.ndarray, b: np.ndarray) -> None:
        units = self._units()
        if units is not None and w.shape[0] != units:
            raise refusal(
                self.source,
                name,
                f"of {w.shape[0]} inputs, after {units} units",
                "Give layers that fit each other; dense layers over more than one axis are not converted.",
            )
        if not (np.isfinite(w).all() and np.isfinite(b).all()):
            raise refusal(
                self.source, name, "of weights that are NaN or infinite", "Train it again, or mend them."
            )

    def _units(self) -> int | None:
        """Number of units so far, None before the first stage."""
        last = self._pending or (self._stages[-1] if self._stages else None)
        return None if last is None else last.bias.size
