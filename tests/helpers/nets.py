"""Small networks that several test files share. A circuit keeps its compiled programs: reuse them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Layer,
    Model,
    NativeEngine,
    OperatingPoint,
    Result,
)

MILLI = Initializers("uniform", {"L": 1e-4, "U": 1e-3, "g_min": 1e-5, "g_max": 1e-2})
"""Conductances around 0.5 mS."""

DIODE = {"VTH": 0.3, "RON": 100.0}

X = np.array([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0], [1.0, -1.0]])
Y = np.array([[0.1], [0.6], [0.5], [-0.2], [0.3]])
"""Five samples: no batch size but 1 and 5 divides them."""


class Probe(Layer):
    """Hands its input on and remembers the nodes that it was given."""

    def add(self, build: Any, signal: Any, inputs: Any, rng: Any) -> Any:
        self.seen = inputs[0]
        return inputs[0]


def dense(units: int, name: str, **options: Any) -> DenseLayer:
    """A crossbar of some 0.1 to 1 mS."""
    return DenseLayer(units, name, **{"init_type": MILLI} | options)


def linear(units: int = 2, *, fold: bool = True, **options: Any) -> Model:
    """Two inputs, one bias, one crossbar: the smallest thing that learns."""
    x, b = InputVoltageLayer(2, "x"), BiasVoltageLayer(1, "b", 1.0)
    d = dense(units, "d")(ConcatenateLayer("j")([x, b]))
    return Model([x, b], CurrentLayer("y", fold=fold)(d), **options)


def hidden(**options: Any) -> Model:
    """One hidden layer with diodes both ways and a gain of 2, as in the published circuits."""
    xp, b1, b2 = InputVoltageLayer(2, "xp"), BiasVoltageLayer(1, "b1", 1.0), BiasVoltageLayer(1, "b2", 1.0)
    xn = InputVoltageLayer(name="xn", inverts=xp)
    d1 = dense(3, "d1")(ConcatenateLayer("j1")([xp, xn, b1]))
    a = DiodeLayer("a_down", "down", 0.2, param=DIODE)(d1)
    DiodeLayer("a_up", "up", 0.2, param=DIODE)(a)
    g = AmplificationLayer(2.0, "amp")(d1)
    d2 = dense(2, "d2")(ConcatenateLayer("j2")([g, b2]))
    return Model([xp, b1, b2], CurrentLayer("y")(d2), **options)


@cache
def as_it_is(kind: str) -> Model:
    """The shared model with the values that it has now."""
    return {"linear": linear, "hidden": hidden}[kind]()


def shared(kind: str = "linear") -> Model:
    """One model for all tests, with the values that it started from."""
    model = as_it_is(kind)
    model.set_values(model.circuit.initial())
    return model


@partial(jax.jit, static_argnums=0)
def _solve(engine: NativeEngine, circuit: Any, *rest: Any) -> OperatingPoint:
    return engine.solve(circuit, *rest)


@dataclass(frozen=True)
class Bench:
    """A stand-in for a chip on a bench: steps run one by one around it."""

    engine: NativeEngine = field(default_factory=NativeEngine)
    name = "bench"
    traceable = False

    def solve(
        self, circuit: Any, parameters: Any, inputs: Any, nudge: Any, start: Any = None
    ) -> OperatingPoint:
        return _solve(self.engine, circuit, dict(parameters), dict(inputs), nudge, start)


@dataclass(frozen=True)
class Refuses:
    """The built-in engine, but samples whose first input exceeds a limit are not found."""

    limit: float = 5.0
    name = "refuses"
    traceable = True

    def solve(
        self, circuit: Any, parameters: Any, inputs: Any, nudge: Any, start: Any = None
    ) -> OperatingPoint:
        point = NativeEngine().solve(circuit, parameters, inputs, nudge, start)
        lost = next(iter(inputs.values()))[:, 0] > self.limit
        v = jnp.where(lost[:, None], jnp.nan, point.v)
        return OperatingPoint(
            v, jnp.where(lost, int(Result.STALLED), point.code), point.error, point.iterations
        )


def same_values(a: dict, b: dict) -> bool:
    """Bit for bit."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
