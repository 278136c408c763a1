"""Choose the settings of a recipe without its test part.

    python -m benchmarks.choose_settings iris --jobs 2               # stage 1: random candidates
    python -m benchmarks.choose_settings iris --stage 2 --seeds 20   # stage 2: around the best of stage 1
    python -m benchmarks.choose_settings iris --stage 3 --seeds 20   # stage 3: a short list, all of it
    python -m benchmarks.choose_settings iris --around               # the recipe, one setting changed at a time

Tables (iris, wine): candidates are scored by 5-fold cross-validation inside the training parts of the
splits 0 to 9 (or to 19); test parts are never read. Truth tables (xor, gates) have no test part:
candidates are scored by the share of starts that learn the whole table, over seeds that no report uses
(1000 and up).

Candidates that share a topology, loss and optimizer share one compiled program: start values, data,
learning rates and bounds are its arguments. What was found stands in ``docs/results/settings.md``.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

CONSTANT, COSINE = {"class": "Constant"}, {"class": "Cosine"}

Space = dict[str, tuple[Any, ...]]

TABLES: Space = {
    "scale": (1.0, 2.0, 4.0),
    "bias": (1.0, 2.0, 4.0),
    "vth": (0.1, 0.3, 0.6, 1.0),
    "high": (4e-6, 8e-6, 2e-5),
    "lr": (3e-8, 1e-7, 3e-7, 6e-7),
    "loss": ("mse", "cross_entropy"),
    "schedule": (CONSTANT, COSINE),
    "epochs": (100, 200, 400),
}

LOGIC: Space = {
    "vth": (0.1, 0.3),
    "high": (8e-6, 2e-5),
    "lr": (1e-7, 3e-7, 6e-7, 1e-6),
    "schedule": (CONSTANT, COSINE),
    "epochs": (100, 200, 300),
}

SPACES: dict[str, dict[int, Space]] = {
    "iris": {
        1: TABLES,
        2: {
            "scale": (1.5, 2.0, 3.0),
            "bias": (1.0, 2.0, 4.0),
            "vth": (0.4, 0.6, 0.8),
            "high": (4e-6, 8e-6, 2e-5),
            "lr": (5e-8, 1e-7, 2e-7, 3e-7),
            "schedule": (COSINE,),
            "loss": ("mse",),
            "epochs": (100, 200, 300, 400),
        },
        3: {
            "scale": (2.0,),
            "vth": (0.3, 0.4),
            "lr": (5e-8, 1e-7),
            "loss": ("mse",),
            "epochs": (200, 300, 400),
        },
    },
    "wine": {
        1: TABLES,
        3: {
            "scale": (1.0, 2.0),
            "lr": (5e-8, 1e-7),
            "loss": ("mse", "cross_entropy"),
            "epochs": (200, 400),
        },
    },
    "xor": {1: LOGIC},
    "gates": {1: LOGIC},
}
"""Values that each setting may take at each stage; all else is the recipe's."""

TRUTH_TABLES = ("xor", "gates")
FIRST_START = 1000
"""First seed of the starts that truth tables are judged by; reports use 0 to 9."""

CHUNK = 100
"""Steps of one compiled chunk."""


@dataclass(frozen=True)
class Part:
    """One training run: what to learn from, and what to judge by."""

    seed: int
    x: np.ndarray
    y: Mapping[str, np.ndarray]
    x_judge: np.ndarray
    y_judge: Mapping[str, np.ndarray]


def candidates(name: str, stage: int, count: int) -> list[dict[str, Any]]:
    """The recipe in force (``{}``), and ``count`` different points of the space, drawn at random."""
    space = SPACES[name][stage]
    everything = list(itertools.product(*space.values()))
    order = np.random.default_rng(stage - 1).permutation(len(everything))[:count]
    return [{}, *(dict(zip(space, everything[i], strict=True)) for i in order)]


def neighbours(name: str) -> list[dict[str, Any]]:
    """The recipe in force, and all points that differ from it in one setting."""
    from ebana.recipes import get

    recipe = get(name)
    more = {"beta": (1e-8, 1e-6), "estimator": ("one_sided",), "nudge": ("clamped",)}
    space = SPACES[name][1] | more
    return [{}, *({k: v} for k, values in space.items() for v in values if v != getattr(recipe, k))]


def parts(recipe: Any, seeds: range, folds: int) -> Iterator[Part]:
    """The runs that a candidate is scored by."""
    for seed in seeds:
        yield from _parts(recipe, seed, folds)


def _parts(recipe: Any, seed: int, folds: int) -> Iterator[Part]:
    from ebana.datasets import inner_split

    split = recipe.data(seed)
    if recipe.name in TRUTH_TABLES:
        whole = recipe.dataset(split.x_train, split.y_train)
        yield Part(FIRST_START + seed, split.x_train, whole.outputs, split.x_train, whole.outputs)
        return
    for fold in range(folds):
        inner = inner_split(split, fold, folds, seed)
        train = recipe.dataset(inner.x_train, inner.y_train)
        held_out = recipe.dataset(inner.x_test, inner.y_test)
        yield Part(seed, inner.x_train, train.outputs, inner.x_test, held_out.outputs)


# -- one run ------------------------------------------------------------------------------------------


@cache
def _template(vth: float, ron: float, hidden: int, inputs: int, outputs: tuple[tuple[str, int], ...]) -> Any:
    """A model whose circuit stands for all of that topology, so that programs are compiled once."""
    from ebana.recipes.recipe import Recipe

    recipe = Recipe("template", inputs, dict(outputs), hidden, vth=vth, ron=ron)
    return recipe.build()


def train(recipe: Any, part: Part) -> tuple[dict[str, np.ndarray], int]:
    """Train as ``model.fit`` does with the recipe's settings, by full batches; values and failures."""
    import jax
    import jax.numpy as jnp

    from ebana.learning.equilibrium import EquilibriumPropagation
    from ebana.learning.losses import exclusive
    from ebana.training.step import Batches, Hyperparameters, OptimizerKey, StepSpec, run_chunk

    model, optimizer = recipe.build(part.seed), recipe.make_optimizer()
    template = _of(recipe)
    outputs = tuple((name, exclusive(y)) for name, y in part.y.items())
    rule = EquilibriumPropagation(recipe.estimator, recipe.nudge)
    spec = StepSpec(rule, recipe.make_loss().in_program(), OptimizerKey(optimizer), outputs)
    beta = model.default_beta() if recipe.beta is None else recipe.beta
    with jax.enable_x64(True):
        values = {name: jnp.asarray(v) for name, v in model.values.items()}
        state = optimizer.init({name: values[name] for name in model.circuit.trainable})
        x, targets, valid = _padded(part)
        everything = jnp.tile(jnp.arange(len(valid), dtype=jnp.int32), (CHUNK, 1))
        batches = Batches({"x": x}, targets, everything, jnp.tile(valid, (CHUNK, 1)))
        rates = {n: jnp.asarray(r) for n, r in optimizer.rates(model.system.parameters).items()}
        bounds = {
            n: (jnp.asarray(low), jnp.asarray(high))
            for n, (low, high) in optimizer.bounds(model.system.parameters).items()
        }
        failures = 0
        for start in range(0, recipe.epochs, CHUNK):
            steps = np.arange(start, start + CHUNK)
            factor = jnp.broadcast_to(optimizer.schedule.factor(steps, recipe.epochs, 1), (CHUNK,))
            settings = Hyperparameters(jnp.asarray(beta), rates, bounds, factor, {})
            count = min(CHUNK, recipe.epochs - start)
            values, state, records, _ = run_chunk(
                spec, template.system, values, state, batches, count, settings
            )
            failures += int(records.unconverged.sum())
        return {name: np.asarray(v) for name, v in values.items()}, failures


def _of(recipe: Any) -> Any:
    return _template(recipe.vth, recipe.ron, recipe.hidden, recipe.inputs, tuple(recipe.outputs.items()))


def _padded(part: Part) -> tuple[Any, dict[str, Any], Any]:
    """The data to a multiple of 4 samples, so that folds of nearly equal size share a program."""
    import jax.numpy as jnp

    n = len(part.x)
    more = -n % 4
    pad = partial(np.pad, pad_width=((0, more), (0, 0)), mode="edge")
    return (
        jnp.asarray(pad(part.x)),
        {k: jnp.asarray(pad(v)) for k, v in part.y.items()},
        jnp.arange(n + more) < n,
    )


def judge(recipe: Any, values: Mapping[str, np.ndarray], x: np.ndarray, y: Any) -> tuple[float, float]:
    """Loss and accuracy over some data; a truth table counts as learned when all of it is right."""
    model = _of(recipe)
    model._values = dict(values)
    result = model.evaluate(x, dict(y), loss_fn=recipe.make_loss(), strict=False)
    return result.loss, result.accuracy


# -- many ---------------------------------------------------------------------------------------------


def score(name: str, change: Mapping[str, Any], seeds: range, folds: int) -> dict[str, Any]:
    """Cross-validation of one candidate."""
    from ebana.recipes import get

    recipe = replace(get(name), **change)
    started = time.perf_counter()
    accuracy, loss, learned, failures = [], [], [], 0
    for part in parts(recipe, seeds, folds):
        values, failed = train(recipe, part)
        held_loss, held = judge(recipe, values, part.x_judge, part.y_judge)
        accuracy.append(held)
        loss.append(held_loss)
        learned.append(judge(recipe, values, part.x, part.y)[1])
        failures += failed
    by_seed = np.reshape(accuracy, (len(seeds), -1)).mean(1)
    return {
        "change": dict(change),
        "accuracy": float(np.mean(accuracy)),
        "spread": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else 0.0,
        "perfect": float(np.mean(np.equal(accuracy, 1.0))),
        "loss": float(np.mean(loss)),
        "train_accuracy": float(np.mean(learned)),
        "unconverged": failures,
        "seconds": time.perf_counter() - started,
    }


def _topology(change: Mapping[str, Any]) -> str:
    """Candidates with the same key share a compiled program."""
    return json.dumps({k: change.get(k) for k in ("vth", "loss", "estimator", "nudge")})


def search(name: str, changes: list[dict[str, Any]], seeds: range, folds: int, jobs: int) -> Iterator[dict]:
    """Scores of all candidates, as they come."""
    changes = sorted(changes, key=_topology)
    if jobs == 1:
        yield from (score(name, change, seeds, folds) for change in changes)
        return
    os.environ.setdefault("NPROC", "1")  # small arrays: one thread a process is fastest
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        run = partial(score, name, seeds=seeds, folds=folds)
        yield from pool.map(run, changes, chunksize=1)


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=sorted(SPACES))
    parser.add_argument("--stage", type=int, default=1, choices=(1, 2, 3))
    parser.add_argument("--candidates", type=int, default=100, help="at most so many, drawn at random")
    parser.add_argument("--around", action="store_true", help="vary one setting of the recipe at a time")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, help="write all scores here, as JSON lines")
    parser.add_argument("--top", type=int, default=20, help="rows to print")
    options = parser.parse_args()

    if options.stage not in SPACES[options.name]:
        parser.error(f"{options.name} has the stages {', '.join(map(str, SPACES[options.name]))}")
    drawn = candidates(options.name, options.stage, options.candidates)
    changes = neighbours(options.name) if options.around else drawn
    found = []
    for row in search(options.name, changes, range(options.seeds), options.folds, options.jobs):
        found.append(row)
        print(_line(row), flush=True)
        if options.out:
            with options.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
    print(f"\nbest of {len(found)}:")
    for row in sorted(found, key=lambda r: (-r["accuracy"], r["loss"]))[: options.top]:
        print(_line(row))


def _line(row: Mapping[str, Any]) -> str:
    change = " ".join(f"{k}={v['class'] if isinstance(v, dict) else v}" for k, v in row["change"].items())
    return (
        f"{row['accuracy']:.4f} +-{row['spread']:.4f}  perfect {row['perfect']:.2f}  loss {row['loss']:.4f}  "
        f"train {row['train_accuracy']:.4f}  unconverged {row['unconverged']}  {row['seconds']:.1f} s  "
        f"{change or '(recipe)'}"
    )


if __name__ == "__main__":
    main()
