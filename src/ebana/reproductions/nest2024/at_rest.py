"""The static analysis: gradients of a network at rest, by equilibrium propagation and exactly, layer by layer.

How far is the estimate from the exact gradient, and after how many nudged sweeps? As in the paper, at the values that
the network starts with, on a few images. The reference is the linear response of the free states, relaxed ten times as
long as any nudged phase. Free phases are that long too, so that free states are at rest. With the published settings
the network is the paper's, with its start, order and numbers of sweeps: free states are those that its free sweeps lead
to, at rest or not, of the estimate and of the reference alike. Samples whose states are not found enter no gradient;
how many are lost is a part of the result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic
from ebana.datasets.sources import SOURCES
from ebana.engines.base import NotConverged
from ebana.hybrid import HybridModel, Relaxation
from ebana.learning import estimators, losses
from ebana.learning.estimators import Estimate, Objective
from ebana.reproductions.images import fingerprint
from ebana.reproductions.nest2024.data import load, require_fit
from ebana.reproductions.nest2024.networks import network, sizes_of
from ebana.reproductions.nest2024.published import STATIC
from ebana.reproductions.nest2024.settings import Settings
from ebana.reproductions.nest2024.table import PAPER, require_split, settings_of
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.request import Request
from ebana.training.data import Dataset

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
        lost: states of all phases that were not found, for each number.
        reference_lost: the same of the exact gradient.
    """

    sweeps: tuple[int, ...]
    cosines: dict[str, list[float]]
    lost: tuple[int, ...] = ()
    reference_lost: int = 0

    @property
    def notes(self) -> tuple[str, ...]:
        """What was lost, in words; nothing where nothing was."""
        counts = {"of the exact gradient": self.reference_lost}
        counts |= {f"of {n} nudged sweeps": count for n, count in zip(self.sweeps, self.lost, strict=False)}
        found = [f"{count} {phases}" for phases, count in counts.items() if count]
        return (
            (f"States that were not found, and whose images are left out: {', '.join(found)}.",)
            if found
            else ()
        )


@dataclass(frozen=True)
class Task:
    """What is compared.

    Args:
        settings: of the network.
        data: name of the set that the images are from.
        size: the split of the settings.
        images: how many of them.
        relaxation: sweeps of the exact gradient, and free ones of the estimates.
        coupling: share of the convex bound.
        sweeps: nudged sweeps of the estimates.
    """

    settings: Settings
    data: str
    size: int
    images: int
    relaxation: Relaxation
    coupling: float | None
    sweeps: tuple[int, ...]

    def network(self, seed: int) -> HybridModel:
        """The network as it starts."""
        settings = self.settings
        sizes = settings.splits[self.size].sizes if self.size in settings.splits else None
        spec = settings.network_of(self.size) if self.size in settings.splits else settings.network
        return network(
            spec, sizes or self.size, relaxation=self.relaxation, coupling=self.coupling, published=settings.published,
            nudge=settings.nudge, seed=seed, name=f"nest2024-{settings.model}",
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The task as JSON-compatible values."""
        return {
            "model": self.settings.model,
            "data": self.data,
            "blocks": self.size,
            "images": self.images,
            "coupling": self.coupling,
            "relaxation": asdict(self.relaxation),
            "sweeps": list(self.sweeps),
            "settings": self.settings.to_dict(),
        }


def task_of(model: str | None, data: str | None, size: int | None, request: Request) -> Task:
    """What a request asks for.

    Raises:
        ValueError: for a model or data set that is unknown, two that do not go together, and blocks that are no split.
    """
    if request.published_settings:
        return _published(model, data, size, request)
    settings, data = settings_of(model or "small", data, request)
    size = 2 if size is None else size
    sizes_of(len(settings.network.layers), size)
    coupling = settings.splits[size].coupling if size in settings.splits else 0.9
    sweeps = SWEEPS[:4] if request.quick else SWEEPS
    relaxation = Relaxation(10 * sweeps[-1], 10 * sweeps[-1])
    return Task(settings, data, size, IMAGES, relaxation, coupling, sweeps)


def _published(model: str | None, data: str | None, size: int | None, request: Request) -> Task:
    """The network of the static analysis, or a published recipe as it starts, with the sweeps of the paper."""
    if model in (None, STATIC.model):
        settings, data = STATIC, data or "cifar10"
        require_fit(data, settings.model, {settings.model: settings.network})
        settings = replace(settings, classes=len(SOURCES[data].classes))
    else:
        settings, data = settings_of(model, data, request)
    size = settings.blocks[-1] if size is None else size
    require_split(settings, size)
    split = settings.splits[size]
    free, nudged = split.sweeps
    most = SWEEPS[3] if request.quick else nudged
    sweeps = tuple(sorted({n for n in SWEEPS if n < most} | {min(most, nudged)}))
    relaxation = replace(split.relaxation, free_sweeps=free, nudged_sweeps=10 * nudged)
    return Task(settings, data, size, STATIC.batch_size, relaxation, split.coupling, sweeps)


def run(
    request: Request, model: str | None = None, data: str | None = None, size: int | None = None
) -> Outcome:
    """Compare gradients of a network at its start in blocks of ``size`` layers.

    Args:
        request: what is asked; with the published settings the network of the paper's static analysis, its number of
            images and its sweeps.
        model: a model that has settings; None for ``"small"``, with the published settings for ``"static"``.
        data: a name of :data:`~ebana.reproductions.nest2024.data.DATA`; None for the first that the model takes.
        size: layers of a block; None for 2, with the published settings for the smallest that they have.

    Raises:
        ValueError: for a model or data set that is unknown, two that do not go together, and blocks that are no split;
            all of them before anything is loaded.
        NotConverged: where no image is left to compare gradients on.
    """
    task = task_of(model, data, size, request)
    model, data = task.settings.model, task.data
    request.say(f"loading {data}")
    split, origin = load(data, task.settings.network.input_shape, request)
    images = Dataset({"x": split.x_train[: task.images]}, {"y": split.y_train[: task.images]})
    request.parts.open(_depends_on(task, images, request))
    request.say(f"comparing gradients of {model} in blocks of {task.size}, {task.images} images")
    found = request.parts.of(
        "cosines",
        Analysis,
        lambda: analyse(task.network(request.seed), images.inputs["x"], images.outputs["y"], task.sweeps),
    )
    last = {name: values[-1] for name, values in found.cosines.items()}
    worst = min(last, key=lambda n: last[n])
    missed = []
    if not request.quick and last[worst] < LEAST_COSINE:
        missed.append(f"the cosine of {worst} is {last[worst]:.4f}, below {LEAST_COSINE:g}")
    rows = [
        {
            "layer": name,
            **{
                f"{n} sweeps": f"{c:.4f}"
                for n, c in zip(found.sweeps, values, strict=True)
                if _shown(n, found)
            },
        }
        for name, values in found.cosines.items()
    ]
    return Outcome(
        name=f"nest2024-gradients-{model}-{data}{'-published' * task.settings.published}-blocks-{task.size}",
        published={
            "paper": PAPER,
            "reported": "gradients of equilibrium propagation match those of its reference",
        },
        ours={
            "analysis": asdict(found),
            "data": {"name": data, **asdict(origin)},
            "wall_seconds": request.clock(),
        },
        goal={"least_cosine": LEAST_COSINE},
        missed=tuple(missed),
        rows=tuple(rows),
        notes=(
            "Cosine between the centered estimate after so many nudged sweeps and the exact gradient, by layer.",
            *found.notes,
            *task.settings.notes,
            origin.told(data),
        ),
        shortened="four numbers of sweeps" if request.quick else "",
        settings=task.to_dict(),
        figures={"cosines": picture(found)},
    )


def _depends_on(task: Task, images: Dataset, request: Request) -> dict[str, Any]:
    """What the cosines depend on."""
    from ebana import __version__

    return {
        "name": "nest2024-gradients",
        "version": __version__,
        **task.to_dict(),
        "train": fingerprint(images),
        "seed": request.seed,
    }


def _shown(count: int, found: Analysis) -> bool:
    return count in _SHOWN or count == found.sweeps[-1]


_SHOWN = (1, 3, 8, 32)


def analyse(net: HybridModel, x: np.ndarray, y: np.ndarray, sweeps: tuple[int, ...]) -> Analysis:
    """Cosines of a network's weights by layer, after numbers of nudged sweeps; one compiled program.

    Raises:
        NotConverged: where the exact gradient is that of no image, or zero in every layer.
    """
    loss = losses.get("cross_entropy")

    @jax.jit
    def estimated(system: Any, values: Any) -> Estimate:
        return _gradients(system, values, x, y, loss, "centered")

    @jax.jit
    def exact(system: Any, values: Any) -> Estimate:
        return _gradients(system, values, x, y, loss, "adjoint")

    with arithmetic(False):
        values = {n: jnp.asarray(v, jnp.float32) for n, v in net.values.items()}
        reference = jax.tree.map(np.asarray, exact(net.system, values))
        names = [n for n, g in reference.gradients.items() if n.endswith("/weight") and np.any(g)]
        _require_some(names, reference, net)
        cosines: dict[str, list[float]] = {_layer(n): [] for n in names}
        lost = []
        for count in sweeps:
            found = jax.tree.map(np.asarray, estimated(_with_nudged(net.system, count), values))
            lost.append(int(found.unconverged))
            for name in names:
                cosines[_layer(name)].append(_cosine(found.gradients[name], reference.gradients[name]))
    return Analysis(sweeps, cosines, tuple(lost), int(reference.unconverged))


def _require_some(names: list[str], reference: Estimate, net: HybridModel) -> None:
    """Raise NotConverged where there is no gradient to compare with."""
    if names:
        return
    by_block = ", ".join(
        f"{int(count)} in block {name!r}" for name, count in reference.counts.items() if count
    )
    raise NotConverged(
        f"{net.name!r} has no exact gradient to compare with: {int(reference.used.sum())} of {len(reference.used)} "
        f"images settled, and it is zero in every layer (states not found: {by_block or 'none'}). Expected couplings "
        "that settle within their sweeps and tolerance, and images that are finite."
    )


def _gradients(system: Any, values: Any, x: Any, y: Any, loss: Any, rule: str) -> Estimate:
    """Gradients of the images that settle, which of them those are, and how many states were not found."""
    objective = Objective({"x": jnp.asarray(x)}, {"y": jnp.asarray(y, jnp.float32)}, loss)
    found = estimators.estimate(estimators.get(rule), system, values, objective, beta=jnp.float32(1.0))
    return Estimate(
        found.gradients, {}, {}, {}, found.used, jnp.asarray(found.unconverged), counts=found.counts
    )


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
    a, b = a.astype(np.float64), b.astype(np.float64)  # sums of millions
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + np.finfo(np.float32).tiny))


def picture(found: Analysis) -> Figure:
    """How far each layer's gradient is from the exact one, against the number of nudged sweeps."""
    from ebana.reports.rendering import Picture
    from ebana.reports.style import LINES, MARKERS, PALETTE, styled

    with styled():
        figure = Picture(figsize=(6.2, 3.9), layout="constrained")
        axes = figure.subplots()
        for i, (name, cosines) in enumerate(found.cosines.items()):
            again, k = divmod(i, len(PALETTE))  # a second round of colours has other lines and empty markers
            axes.plot(
                found.sweeps, np.maximum(1.0 - np.array(cosines), 1e-7), label=name, color=PALETTE[k],
                linestyle=LINES[(k + again) % len(LINES)], marker=MARKERS[(k + again) % len(MARKERS)], markersize=4,
                markerfacecolor="none" if again else PALETTE[k],
            )  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(found.sweeps, [str(n) for n in found.sweeps])
        axes.minorticks_off()
        axes.set_xlabel("nudged sweeps")
        axes.set_ylabel("1 - cosine to the exact gradient")
        figure.legend(loc="outside right upper")
    return figure
