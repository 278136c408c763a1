"""The static analysis: gradients of a network at rest, by equilibrium propagation and exactly, layer by layer.

How far is the estimate from the exact gradient, and after how many nudged sweeps? As in the paper, at the values that
the network starts with, on a few images. The reference is the linear response of settled states, relaxed ten times as
long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic
from ebana.hybrid import HybridModel, Relaxation
from ebana.learning import estimators, losses
from ebana.learning.estimators import Objective
from ebana.reproductions.nest2024.data import load
from ebana.reproductions.nest2024.networks import network
from ebana.reproductions.nest2024.settings import OURS, PUBLISHED
from ebana.reproductions.nest2024.table import PAPER
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.request import Request

if TYPE_CHECKING:
    from matplotlib.figure import Figure

IMAGES = 10
"""Images that gradients are compared on."""
SWEEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Nudged sweeps at which gradients are compared."""

LEAST_COSINE = 0.99
"""What every layer has to reach after the most nudged sweeps."""


@dataclass(frozen=True)
class Analysis:
    """Cosines between estimated and exact gradients.

    Args:
        sweeps: numbers of nudged sweeps.
        cosines: for each number, by layer.
    """

    sweeps: tuple[int, ...]
    cosines: dict[str, list[float]]


def run(request: Request, model: str = "small", data: str = "fashion-mnist", size: int = 2) -> Outcome:
    """Compare gradients of a network in blocks of ``size`` layers.

    Args:
        request: what is asked.
        model: a name of :data:`~ebana.reproductions.nest2024.networks.MODELS` that has settings.
        data: a name of :data:`~ebana.reproductions.nest2024.table.DATA`.
        size: layers of a block.

    Raises:
        ValueError: for an unknown model or data set.
    """
    known = {**PUBLISHED, **OURS}
    if model not in known:
        raise ValueError(f"unknown model {model!r} of nest2024. Expected one of {', '.join(known)}.")
    settings = known[model]
    split = load(data, settings.network.input_shape, request)
    images = split.x_train[:IMAGES], split.y_train[:IMAGES]
    sweeps = SWEEPS[:4] if request.quick else SWEEPS
    free = 10 * sweeps[-1]
    coupling = settings.splits[size].coupling if size in settings.splits else 0.9
    relaxation = Relaxation(free, free)
    net = network(
        settings.network,
        size,
        relaxation=relaxation,
        coupling=coupling,
        seed=request.seed,
        name=f"nest2024-{model}",
    )
    request.say(f"comparing gradients of {model} in blocks of {size}, {IMAGES} images")
    request.parts.open(
        {"name": "nest2024-gradients", "model": model, "data": data, "size": size, "sweeps": list(sweeps)}
    )
    found = request.parts.of("cosines", Analysis, lambda: analyse(net, *images, sweeps))
    last = {name: values[-1] for name, values in found.cosines.items()}
    worst = min(last, key=lambda n: last[n])
    missed = []
    if not request.quick and last[worst] < LEAST_COSINE:
        missed.append(f"the cosine of {worst} is {last[worst]:.4f}, below {LEAST_COSINE:g}")
    rows = [
        {
            "layer": name,
            **{f"{n} sweeps": f"{c:.4f}" for n, c in zip(found.sweeps, values, strict=True) if n in _SHOWN},
        }
        for name, values in found.cosines.items()
    ]
    return Outcome(
        name=f"nest2024-gradients-{model}-{data}-blocks-{size}",
        published={
            "paper": PAPER,
            "reported": "gradients of equilibrium propagation match those of its reference",
        },
        ours={"analysis": asdict(found), "wall_seconds": request.clock()},
        goal={"least_cosine": LEAST_COSINE},
        missed=tuple(missed),
        rows=tuple(rows),
        notes=(
            "Cosine between the centered estimate after so many nudged sweeps and the exact gradient, by layer.",
        ),
        shortened="four numbers of sweeps" if request.quick else "",
        settings={"model": model, "data": data, "blocks": size, "coupling": coupling, "images": IMAGES},
        figures={"cosines": picture(found)},
    )


_SHOWN = (1, 3, 8, 32)


def analyse(net: HybridModel, x: np.ndarray, y: np.ndarray, sweeps: tuple[int, ...]) -> Analysis:
    """Cosines of a network's weights by layer, after numbers of nudged sweeps; one compiled program."""
    loss = losses.get("cross_entropy")

    @jax.jit
    def estimated(system: Any, values: Any) -> Mapping[str, Any]:
        return _gradients(system, values, x, y, loss, "centered")

    @jax.jit
    def exact(system: Any, values: Any) -> Mapping[str, Any]:
        return _gradients(system, values, x, y, loss, "adjoint")

    with arithmetic(False):
        values = {n: jnp.asarray(v, jnp.float32) for n, v in net.values.items()}
        reference = jax.tree.map(np.asarray, exact(net.system, values))
        names = [n for n in reference if n.endswith("/weight") and np.any(reference[n])]
        cosines: dict[str, list[float]] = {_layer(n): [] for n in names}
        for count in sweeps:
            found = jax.tree.map(np.asarray, estimated(_with_nudged(net.system, count), values))
            for name in names:
                cosines[_layer(name)].append(_cosine(found[name], reference[name]))
    return Analysis(sweeps, cosines)


def _gradients(system: Any, values: Any, x: Any, y: Any, loss: Any, rule: str) -> Mapping[str, Any]:
    objective = Objective({"x": jnp.asarray(x)}, {"y": jnp.asarray(y, jnp.float32)}, loss)
    return estimators.estimate(
        estimators.get(rule), system, values, objective, beta=jnp.float32(1.0)
    ).gradients


def _with_nudged(system: Any, count: int) -> Any:
    """The system with another number of nudged sweeps."""
    parts = dict(system.parts)
    for name, block in system.blocks.items():
        relaxation = replace(block.block.system.relaxation, nudged_sweeps=count)
        parts[name] = replace(block, block=block.block.with_(relaxation=relaxation))
    return replace(system, parts=parts)


def _layer(name: str) -> str:
    return name.removesuffix("/weight")


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + np.finfo(np.float32).tiny))


def picture(found: Analysis) -> Figure:
    """How far each layer's gradient is from the exact one, against the number of nudged sweeps."""
    from ebana.reports.rendering import Picture
    from ebana.reports.style import LINES, MARKERS, PALETTE, styled

    with styled():
        figure = Picture(figsize=(6.2, 3.9), layout="constrained")
        axes = figure.subplots()
        for i, (name, cosines) in enumerate(found.cosines.items()):
            axes.plot(
                found.sweeps, np.maximum(1.0 - np.array(cosines), 1e-7), label=name, color=PALETTE[i % len(PALETTE)],
                linestyle=LINES[i % len(LINES)], marker=MARKERS[i % len(MARKERS)], markersize=4,
            )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(found.sweeps, [str(n) for n in found.sweeps])
        axes.minorticks_off()
        axes.set_xlabel("nudged sweeps")
        axes.set_ylabel("1 - cosine to the exact gradient")
        figure.legend(loc="outside right upper")
    return figure
