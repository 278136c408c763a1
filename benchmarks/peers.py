"""Beside a peer: voltax, a differentiable SPICE in JAX (PyPI, MIT licence), on one network of junction diodes.

Four inputs and their inverses, ten hidden nodes with a junction diode to a bias each way, six outputs; operating points
of a batch, and the gradient of a squared error by all conductances. Both in double precision, in one process, each
as its users would write it: ours by :meth:`Model.operating_point` and :meth:`Model.gradients`, theirs by ``voltax.dc``
under ``jax.vmap`` and ``jax.grad``, compiled. ``pip install voltax`` beside this package to run it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import jax
import numpy as np

from benchmarks.rows import Row, skipped
from ebana import CircuitBuilder, JunctionDiode, Model
from ebana.circuit import Circuit

INPUTS, HIDDEN, OUTPUTS = 8, 10, 6
BATCH = 105
BIAS = 0.2
IS, N = 1e-8, 1.8
FASTER = 5.0
"""How many times faster than the peer is asked for."""

THERMAL = 0.025864186
"""Volts at 27 degrees Celsius: one for both."""


def rows(repeats: int = 5) -> list[Row]:
    """Forward, gradient and compilation as ratios in one process."""
    section = "beside voltax"
    if find_spec("voltax") is None:
        return [skipped(section, "forward, gradient, compilation", "pip install voltax")]
    rng = np.random.default_rng(0)
    g = [10 ** rng.uniform(-5, -3, shape) for shape in ((INPUTS, HIDDEN), (HIDDEN, OUTPUTS))]
    x, y = rng.normal(size=(BATCH, INPUTS)), rng.uniform(0, 0.3, (BATCH, OUTPUTS))
    ours, theirs = _ours(g, x, y), _theirs(g, x, y)
    times = {name: (_timed(ours[name], repeats), _timed(theirs[name], repeats)) for name in ours}
    found = []
    for name, ((_, own), (_, other)) in times.items():
        note = f"{BATCH} samples: {1e3 * own:.2f} ms here, {1e3 * other:.2f} ms there"
        found.append(Row(section, f"{name}, theirs over ours", other / own, "x", FASTER, "high", note))
    for name, parts in (("gradient", ["gradient"]), ("both", ["forward", "gradient"])):
        own, other = (sum(times[part][side][0] - times[part][side][1] for part in parts) for side in (0, 1))
        note = f"first call less another: {own:.2f} s here, {other:.2f} s there"
        label = f"compilation of {name}, ours over theirs"
        found.append(Row(section, label, own / other, "x", 0.25, note=note))
    gradients = [np.concatenate([np.ravel(each) for each in side["gradient"]()]) for side in (ours, theirs)]
    apart = float(np.abs(gradients[0] - gradients[1]).max() / np.abs(gradients[0]).max())
    return [*found, Row(section, "largest difference of the gradients", apart, "", 1e-4)]


def _timed(run: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """Seconds of the first call, and of the fastest one after it."""
    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return seconds[0], min(seconds[1:])


def _circuit(g: list[np.ndarray]) -> Circuit:
    build = CircuitBuilder()
    x, h, out = build.input("x", INPUTS), build.nodes("h", HIDDEN), build.nodes("o", OUTPUTS)
    bounds = {"trainable": True, "low": 1e-9, "high": 1.0}
    build.crossbar("d1", x, h, g[0], **bounds)
    build.crossbar("d2", h, out, g[1], **bounds)
    build.resistors("load", out, build.ground(OUTPUTS), 1e-5)
    diode = JunctionDiode(is_=IS, n=N, gmin=1e-12)
    build.devices("up", h, build.bias("high", np.full(HIDDEN, BIAS)), diode)
    build.devices("down", build.bias("low", np.full(HIDDEN, -BIAS)), h, diode)
    build.output("y", out, folded=False)
    return build.build()


def _ours(g: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    model = Model.from_circuit(_circuit(g), engine="native")

    def gradient() -> list[np.ndarray]:
        found = model.gradients(x, y, loss_fn="mse", estimator="adjoint")
        return [found["d1/conductance"], found["d2/conductance"]]

    return {"forward": lambda: model.predict(x), "gradient": gradient}


def _theirs(g: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, Callable[[], Any]]:
    import equinox
    import voltax

    with jax.enable_x64(True):
        circuit = _voltax_circuit(voltax, g)
    outputs = [f"o{k}" for k in range(OUTPUTS)]

    def volts(conductances: Any, row: Any) -> Any:
        resistors, sources = circuit.elements["g"], circuit.elements["vin"]
        own = circuit.replace("g", equinox.tree_at(lambda e: e.theta, resistors, conductances))
        own = own.replace("vin", equinox.tree_at(lambda e: e.value.value, sources, row))
        solution = voltax.dc(own)
        return jax.numpy.stack([solution.v(name) for name in outputs])

    def loss(conductances: Any, x: Any, y: Any) -> Any:
        found = jax.vmap(lambda row: volts(conductances, row))(x)
        return 0.5 * ((found - y) ** 2).sum(1).mean()

    forward = jax.jit(jax.vmap(volts, in_axes=(None, 0)))
    slope = jax.jit(jax.grad(loss))
    flat = np.concatenate([np.ravel(each) for each in g])

    def run(function: Callable[..., Any], *arguments: Any) -> Any:
        with jax.enable_x64(True):
            return jax.block_until_ready(function(*map(jax.numpy.asarray, arguments)))

    return {
        "forward": lambda: run(forward, flat, x),
        "gradient": lambda: [np.asarray(run(slope, flat, x, y))],
    }


def _voltax_circuit(voltax: Any, g: list[np.ndarray]) -> Any:
    build = voltax.CircuitBuilder()
    for k in range(INPUTS):
        build.add(voltax.VoltageSource((f"x{k}", "0"), 0.0), group="vin")
    for sides, conductances in ((("x", "h"), g[0]), (("h", "o"), g[1])):
        for (i, j), value in np.ndenumerate(conductances):
            build.add(
                voltax.Conductance((f"{sides[0]}{i}", f"{sides[1]}{j}"), value, transform="linear"), group="g"
            )
    for k in range(OUTPUTS):
        build.add(voltax.Resistor((f"o{k}", "0"), 1e5), group="load")
    for name, volts in (("high", BIAS), ("low", -BIAS)):
        build.add(voltax.VoltageSource((name, "0"), volts), group="bias")
    for k in range(HIDDEN):
        for ends in ((f"h{k}", "high"), ("low", f"h{k}")):
            build.add(voltax.Diode(ends, is_=IS, n=N, vt=THERMAL), group="d")
    return build.build()
