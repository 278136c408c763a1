"""Training that cannot learn is refused or told with names; training that can is not disturbed.

Networks, data and settings are drawn by number. A network that learns has conductances of the default rule, a diode of
the behavioural kind or none, and default settings; its loss must fall and nothing may be said. One that cannot has one
thing wrong with it: hidden nodes that diodes hold, a nudge that rounding or the tolerance hides, steps as wide as the
bounds, nothing to train, data that is no plain number, targets that are no probabilities.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.faults import Count
from ebana import (
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    LearningWarning,
    Model,
    losses,
    optimizers,
)

SAMPLES = 24
SHAPES = ((2, 4, 1), (5, 9, 3))
"""Inputs, hidden nodes and outputs: few, since each is compiled."""


def network(draw: np.random.Generator, diodes: bool, trainable: bool = True) -> Model:
    """One hidden layer, with or without diodes that start to conduct between the potentials of its nodes."""
    inputs, hidden, outputs = SHAPES[int(draw.integers(len(SHAPES)))]
    x = InputVoltageLayer(inputs, "x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    h = DenseLayer(hidden, "d1", initializer="glorot", trainable=trainable)(ConcatenateLayer("j")([x, xn]))
    if diodes:
        h = DiodeLayer("up", "up", param={"VTH": 0.1, "RON": 1e3})(h)
    out = DenseLayer(2 * outputs, "d2", initializer="glorot", trainable=trainable)(h)
    return Model(x, CurrentLayer("y")(out), seed=int(draw.integers(2**31)))


def data(model: Model, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of about a volt, and targets that a network of this kind reaches: those of another start."""
    x = draw.normal(size=(SAMPLES, model.input_columns["x"]))
    y = 0.05 * x @ draw.normal(size=(x.shape[1], model.output_units["y"]))
    return x, y


def held(draw: np.random.Generator) -> None:
    """Default diodes up and down hold each hidden node at 0 V."""
    inputs, hidden, _ = SHAPES[int(draw.integers(len(SHAPES)))]
    x = InputVoltageLayer(inputs, "x")
    h = DiodeLayer("u", "up")(DiodeLayer("n", "down")(DenseLayer(hidden, "d1")(x)))
    model = Model(x, CurrentLayer("y")(DenseLayer(2, "d2")(h)), seed=int(draw.integers(2**31)))
    model.fit(*data(model, draw), epochs=2, verbose=False)


def hidden_nudge(draw: np.random.Generator) -> None:
    """A nudge that moves the outputs by less than rounding or the solver's tolerance."""
    model = network(draw, True)
    beta = 10.0 ** draw.uniform(-30, -15)
    x, y = data(model, draw)
    if draw.random() < 0.5:
        model.gradients(x, y, beta=beta)
    else:
        model.fit(x, y, beta=beta, epochs=1, verbose=False)


def wide_steps(draw: np.random.Generator) -> None:
    """Steps that take every value to one of its bounds."""
    model = network(draw, bool(draw.random() < 0.5))
    adam = optimizers.Adam(lr=10.0 ** draw.uniform(-3, 6))
    model.fit(*data(model, draw), epochs=3, verbose=False, optimizer=adam)


def nothing_trained(draw: np.random.Generator) -> None:
    """No trainable layer, or a learning rate of nothing."""
    fixed = bool(draw.random() < 0.5)
    model = network(draw, True, trainable=not fixed)
    adam = optimizers.Adam(lr=None if fixed else 0.0)
    model.fit(*data(model, draw), epochs=2, verbose=False, optimizer=adam)


def odd_data(draw: np.random.Generator) -> None:
    """A hidden value, an imaginary part, a date, a missing value."""
    model = network(draw, True)
    x, y = data(model, draw)
    kinds: tuple[Callable[[np.ndarray], object], ...] = (
        lambda a: np.ma.masked_array(a, mask=np.arange(a.size).reshape(a.shape) == 1),
        lambda a: a + 1j,
        lambda a: a.astype("datetime64[s]"),
        lambda a: np.where(np.arange(a.size).reshape(a.shape) == 1, np.nan, a),
    )
    bend = kinds[int(draw.integers(len(kinds)))]
    bent = [bend(x), y] if draw.random() < 0.5 else [x, bend(y)]
    model.fit(*bent, epochs=1, verbose=False)


def no_probabilities(draw: np.random.Generator) -> None:
    """Cross-entropy with targets that are no probabilities."""
    model = network(draw, True)
    x, y = data(model, draw)
    loss = losses.CrossEntropyLoss() if y.shape[1] > 1 else losses.BCE()
    model.fit(x, y + 2.0, epochs=1, verbose=False, loss_fn=loss)


WRONG = (held, hidden_nudge, wide_steps, nothing_trained, odd_data, no_probabilities)


def untold(kind: Callable[[np.random.Generator], None], seed: int) -> bool:
    """Whether something that cannot be learned went through without a word."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            kind(np.random.default_rng(seed))
        except (ValueError, TypeError):
            return False
    return not any(isinstance(w.message, LearningWarning) for w in caught)


def disturbed(seed: int) -> str:
    """What was said of a network that learns, or that it did not learn; empty where all is well."""
    draw = np.random.default_rng(seed)
    model = network(draw, bool(draw.random() < 0.5))
    x, y = data(model, draw)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(x, y, epochs=10, batch_size=SAMPLES, verbose=False)
    if caught:
        return f"seed {seed}: {caught[0].message}"
    first, last = history.history["loss"][0], history.history["loss"][-1]
    return "" if last < first else f"seed {seed}: the loss went from {first:.3g} to {last:.3g}"


def counts(quick: bool) -> Iterator[Count]:
    """One count for each way of not learning, and one for learning."""
    tries = 5 if quick else 100
    for kind in WRONG:
        wrong = [seed for seed in range(tries) if untold(kind, seed)]
        note = f"seeds {wrong[:5]}" if wrong else ""
        yield Count(kind.__name__.replace("_", " "), tries, len(wrong), note)
    said = [text for text in map(disturbed, range(tries)) if text]
    yield Count("networks that learn", tries, len(said), said[0] if said else "")
