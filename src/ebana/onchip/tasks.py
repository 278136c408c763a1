"""Tasks for circuits that train themselves: features from 0 to 1, targets from -1 to 1.

Each is a function of a seed and of a number of points. ``score`` is the coefficient of determination R2 for a curve,
and the share that is classified rightly for classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Task:
    """Data to train on and to score.

    Args:
        name: of the task.
        x, y: training data, features ``(N, F)`` from 0 to 1 and targets ``(N, K)`` from -1 to 1.
        test_x, test_y: data to score.
        classes: whether the outputs tell classes.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: bool

    @property
    def measure(self) -> str:
        """What the score is called."""
        return "accuracy" if self.classes else "r2"


def r2(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """1 - SSE / SST of the mean output, over points (axis -2); further axes in front are kept."""
    o, y = outputs.mean(-1), targets.mean(-1)
    return 1.0 - ((o - y) ** 2).sum(-1) / ((y - y.mean(-1, keepdims=True)) ** 2).sum(-1)


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Share of points of the right class: by the sign of one output, or by the largest of several."""
    if targets.shape[-1] == 1:
        right = (outputs[..., 0] > 0) == (targets[..., 0] > 0)
    else:
        right = outputs.argmax(-1) == targets.argmax(-1)
    return right.mean(-1)


def score(outputs: np.ndarray, targets: np.ndarray, classes: bool) -> np.ndarray:
    """The task's measure."""
    return (accuracy if classes else r2)(outputs, targets)


def for_each(task: Task | Sequence[Task], seeds: Sequence[int]) -> list[Task]:
    """A task for each seed, from one for all or one for each."""
    each = [task] * len(seeds) if isinstance(task, Task) else list(task)
    if len(each) != len(seeds):
        raise ValueError(f"{len(each)} tasks are given for {len(seeds)} seeds. Expected one, or one a seed.")
    return each


def stacked(each: Sequence[Task], name: str) -> np.ndarray:
    """An array of each task, the first axis over tasks."""
    arrays = [getattr(task, name) for task in each]
    shapes = {np.shape(a) for a in arrays}
    if len(shapes) != 1:
        raise ValueError(f"tasks have arrays of the shapes {sorted(shapes)}. Expected equal shapes.")
    return np.stack([np.asarray(a, float) for a in arrays])


def check(x: np.ndarray, y: np.ndarray, features: int, outputs: int) -> None:
    """Refuse data, ``(seeds, N, F)`` and ``(seeds, N, K)``, that does not fit a circuit."""
    if x.shape[-1] != features or y.shape[-1] != outputs or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"data has features {x.shape[1:]} and targets {y.shape[1:]}. "
            f"Expected (N, {features}) and (N, {outputs})."
        )
    check_range(x)
    if not np.isfinite(y).all():
        raise ValueError("targets are NaN or infinite. Expected numbers from -1 to 1.")


def check_range(x: np.ndarray) -> None:
    """Refuse features outside of 0 to 1."""
    if x.size and not (np.isfinite(x).all() and x.min() >= 0.0 and x.max() <= 1.0):
        raise ValueError(
            f"features lie from {x.min():.3g} to {x.max():.3g}. Expected numbers from 0 to 1; scale them."
        )


def sine(seed: int = 0, points: int = 50, outputs: int = 1, frequency: float = 8.0) -> Task:
    """``sin(8 x)`` for ``x`` from 0 to 1, as published (Metzger); scored on its training points, as there.

    Args:
        outputs: equal outputs, whose mean counts.
        frequency: radians over the range; 8 is 1.27 periods.
    """
    x = np.random.default_rng([seed, 2]).random((points, 1))
    y = np.repeat(np.sin(frequency * x), outputs, axis=1)
    return Task("sine", x, y, x, y, False)


def curve(function: Callable[[np.ndarray], np.ndarray], seed: int = 0, points: int = 50) -> Task:
    """A function of one's own from 0..1 to -1..1; scored on its training points."""
    x = np.random.default_rng([seed, 2]).random((points, 1))
    y = np.asarray(function(x), dtype=float)
    return Task("curve", x, y, x, y, False)


def chirp(seed: int = 0, points: int = 50) -> Task:
    """A sine whose period falls from 2 to 0.33: ``sin(2 pi (0.5 x + 1.25 x^2))``, scored on its training points."""
    return curve(lambda x: np.sin(2.0 * np.pi * (0.5 * x + 1.25 * x * x)), seed, points)


def step(seed: int = 0, points: int = 50) -> Task:
    """0.9 above a half and -0.9 below, scored on its training points."""
    return curve(lambda x: 0.9 * np.sign(x - 0.5), seed, points)


def xor(seed: int = 0, points: int = 100, test_points: int = 300, spread: float = 0.12) -> Task:
    """Two of four Gaussian clouds in opposite corners; the best possible accuracy is about 98.8 %."""

    def draw(kind: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([seed, kind])
        bits = random.integers(0, 2, (count, 2))
        x = np.clip(0.2 + 0.6 * bits + spread * random.standard_normal((count, 2)), 0.0, 1.0)
        return x, _signs(bits[:, 0] ^ bits[:, 1])

    return Task("xor", *draw(2, points), *draw(3, test_points), True)


GATES: dict[str, tuple[int, int, int, int]] = {
    "and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "nand": (1, 1, 1, 0), "nor": (1, 0, 0, 0), "xor": (0, 1, 1, 0),
    "xnor": (1, 0, 0, 1),
}  # fmt: skip
"""Truth tables for the inputs 00, 01, 10 and 11."""


def gates(name: str = "xor") -> Task:
    """A gate of two inputs: its four patterns, both to train on and to score.

    Example:
        >>> gates("xor").y.ravel().tolist()
        [-1.0, 1.0, 1.0, -1.0]
    """
    if name not in GATES:
        raise ValueError(f"gates({name!r}). Expected one of {', '.join(GATES)}.")
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = _signs(np.array(GATES[name]))
    return Task(name, x, y, x, y, True)


def bump(points: int = 11) -> Task:
    """``-cos(2 pi x)`` on a grid from 0 to 1, up and down again; scored on these points and between."""
    x, between = np.linspace(0.0, 1.0, points)[:, None], np.linspace(0.0, 1.0, 2 * points - 1)[:, None]
    return Task("bump", x, -np.cos(2 * np.pi * x), between, -np.cos(2 * np.pi * between), False)


def moons(seed: int = 0, points: int = 100, test_points: int = 300, spread: float = 0.1) -> Task:
    """Two moons, each half of the points."""

    def draw(kind: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        random = np.random.default_rng([seed, kind])
        side, angle = np.arange(count) % 2, np.pi * random.random(count)
        x = np.where(side == 0, np.cos(angle), 1.0 - np.cos(angle))
        y = np.where(side == 0, np.sin(angle), 0.5 - np.sin(angle))
        places = np.stack([x, y], axis=1) + spread * random.standard_normal((count, 2))
        return np.clip((places - [-1.3, -0.8]) / [3.6, 2.1], 0.0, 1.0), _signs(side)

    return Task("moons", *draw(2, points), *draw(3, test_points), True)


def iris(seed: int = 0) -> Task:
    """Fisher's irises: 105 flowers to train on and 45 to score, split by the seed, each feature scaled to 0..1."""
    from sklearn.datasets import load_iris

    data: Any = load_iris()
    order = np.random.default_rng([seed, 2]).permutation(len(data.target))
    train, test = order[:105], order[105:]
    low, high = data.data[train].min(0), data.data[train].max(0)
    x = np.clip((data.data - low) / (high - low), 0.0, 1.0)
    y = 2.0 * np.eye(3)[data.target] - 1.0
    return Task("iris", x[train], y[train], x[test], y[test], True)


def _signs(classes: np.ndarray) -> np.ndarray:
    return np.where(classes, 1.0, -1.0)[:, None]


TASKS: dict[str, Callable[..., Task]] = {"sine": sine, "xor": xor, "moons": moons, "iris": iris}
"""Tasks by name."""
