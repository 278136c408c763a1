"""The SPICE engines find the same operating points by every road, with workers or executors or neither."""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from ebana import NeospiceEngine, NgspiceBatchEngine, NgspiceEngine, recipes
from ebana.engines import get
from ebana.engines.base import Engine
from ebana.engines.spice import ENGINES, SpiceEngine
from ebana.learning.losses import MSE, CrossEntropyLoss
from ebana.physics.nudge import Nudge
from ebana.spice.simulators.errors import WorkerLost
from ebana.spice.simulators.session import available
from helpers.circuits import draw_inputs, solve, stack3
from helpers.simulators import needs_ngspice

FOUND = {name: available(name) for name in ENGINES}
EACH = [
    pytest.param(name, marks=pytest.mark.skipif(not found, reason=how))
    for name, (found, how) in FOUND.items()
]
WITH_LIBRARY = [p for p in EACH if p.values[0] != "ngspice-batch"]

BATCH = 7


def clamped(loss, strength: float) -> Nudge:
    """Both outputs of the stack pulled to one of their units."""
    targets = {name: np.eye(2)[np.arange(BATCH) % 2] for name in ("near", "far")}
    return Nudge({}, dict.fromkeys(targets, np.asarray(strength)), targets, loss)


NUDGES = {
    "free": Nudge.none(),
    "held": Nudge({"near": np.full((BATCH, 4), 1e-6), "far": np.full((BATCH, 4), -2e-6)}, {}, {}),
    "clamped": clamped(MSE(), 1e-6),
    "clamped back": clamped(MSE(), -1e-6),
    "clamped cross-entropy": clamped(CrossEntropyLoss(), 1e-6),
}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("nudge", NUDGES)
def test_all_roads_lead_to_the_native_operating_point(name: str, nudge: str) -> None:
    circuit, engine = stack3(), get(name)
    assert isinstance(engine, Engine)
    x = draw_inputs(circuit, np.random.default_rng(0), BATCH)
    values = circuit.initial()
    values["h1/conductance"] = values["h1/conductance"] * 1.1
    values["a2/gain"] = values["a2/gain"] * 0.9
    ours = solve(circuit, x, values=values, nudge=NUDGES[nudge], tolerance=1e-12)
    theirs = engine.solve(circuit, values, x, NUDGES[nudge])
    assert theirs.converged.all()
    assert np.abs(theirs.v - ours.v).max() < 1e-9


@pytest.mark.parametrize("name", WITH_LIBRARY)
def test_workers_change_no_bit_in_training(name: str) -> None:
    def train(engine: SpiceEngine) -> dict[str, np.ndarray]:
        recipe = recipes.get("xor")
        model = recipe.build(0)
        model.engine = engine
        split = recipe.data(0)
        options = recipe.fit_options(0, 3) | {"batch_size": 4, "verbose": False}
        model.fit(recipe.dataset(split.x_train, split.y_train), **options)
        engine.close()
        return model.values

    alone, shared = train(ENGINES[name]()), train(ENGINES[name](workers=2))
    assert all(np.array_equal(alone[key], shared[key]) for key in alone)


@needs_ngspice
@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_may_do_the_work(kind: type) -> None:
    circuit = stack3()
    x = draw_inputs(circuit, np.random.default_rng(0), BATCH)
    alone = NgspiceEngine().solve(circuit, circuit.initial(), x, Nudge.none())
    options = {"mp_context": get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(2, **options) as executor:
        shared = NgspiceEngine(executor=executor).solve(circuit, circuit.initial(), x, Nudge.none())
    assert np.array_equal(alone.v, shared.v)


@needs_ngspice
def test_a_broken_executor_is_told_of_in_words() -> None:
    circuit = stack3()
    x = draw_inputs(circuit, np.random.default_rng(0), BATCH)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        engine = NgspiceEngine(executor=executor)
        engine.solve(circuit, circuit.initial(), x, Nudge.none())
        for process in executor._processes.values():
            process.kill()
        with pytest.raises(WorkerLost, match=r"ProcessPoolExecutor.*workers=2"):
            engine.solve(circuit, circuit.initial(), x, Nudge.none())


@needs_ngspice
@pytest.mark.slow
def test_dask_spreads_the_samples_over_a_cluster_of_two_workers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's own
        distributed = pytest.importorskip("distributed", reason="the test extra installs distributed")
        circuit = stack3()
        x = draw_inputs(circuit, np.random.default_rng(0), BATCH)
        alone = NgspiceEngine().solve(circuit, circuit.initial(), x, Nudge.none())
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            engine = NgspiceEngine(executor=client)
            shared = engine.solve(circuit, circuit.initial(), x, Nudge.none())
            again = engine.solve(circuit, circuit.initial(), x, Nudge.none())
    assert np.array_equal(alone.v, shared.v)
    assert np.array_equal(alone.v, again.v)


@needs_ngspice
def test_options_that_cannot_be_are_refused() -> None:
    for options, message in (
        ({"workers": -1}, r"workers=-1. Expected a number of processes"),
        ({"workers": True}, r"workers=True"),
        ({"workers": 2, "executor": ThreadPoolExecutor()}, r"both workers=2 and an executor"),
        ({"timeout": 0}, r"timeout=0. Expected a number of seconds from 0.01"),
    ):
        with pytest.raises(ValueError, match=message):
            NgspiceEngine(**options)
    with pytest.raises(TypeError, match=r"has no submit\(\)"):
        NgspiceEngine(executor=3)


def test_the_engines_have_names() -> None:
    assert [engine.name for engine in (NgspiceEngine, NeospiceEngine, NgspiceBatchEngine)] == list(ENGINES)
