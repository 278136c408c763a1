"""Hybrid models train by ``fit``: gradients pass every part, statistics follow the data, runs resume to the bit."""

from __future__ import annotations

import copy
import json
import pickle
import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import LearningWarning, optimizers
from ebana.callbacks import Checkpoint, Record
from ebana.engines import NativeEngine
from ebana.engines.base import NotConverged
from ebana.hybrid import (
    Activation,
    BatchNorm,
    CircuitBlock,
    Conv2D,
    Dense,
    Flatten,
    Function,
    Hopfield,
    HopfieldConv2D,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Pool2D,
    RandomShift,
    Relaxation,
    Uniform,
    load_model,
    measure_sweeps,
)
from ebana.hybrid.parts import Context
from ebana.storage import archive
from ebana.storage.archive import CorruptFile
from helpers.hybrids import small_circuit
from helpers.nets import same_values

RNG = np.random.default_rng(0)
X = RNG.normal(size=(10, 4))
Y = np.eye(3)[RNG.integers(0, 3, 10)]
CE = {"loss_fn": "cross_entropy"}


def circuits(**options) -> HybridModel:
    parts = [
        Dense(3, "tanh"),
        CircuitBlock(small_circuit(1), output_scale=2.0),
        Dense(3, "tanh"),
        CircuitBlock(small_circuit(2), input_scale=0.5),
        Dense(3),
    ]
    return HybridModel(parts, 4, dtype="float64", **options)


def images(**options) -> HybridModel:
    """Three blocks with convolutions, pooling and statistics; couplings that need no scaling to settle."""
    free = {"relaxation": Relaxation(300, 200), "coupling": None}
    small = Uniform(0.5)
    parts = [
        Conv2D(3, pool=2, bias=False),
        BatchNorm(),
        Hopfield([HopfieldStates(), HopfieldConv2D(3, start=small)], **free),
        Conv2D(4, bias=False),
        BatchNorm(affine=True),
        Hopfield(
            [HopfieldStates(), HopfieldConv2D(4, pool=2, start=small), HopfieldDense(6, start=small)], **free
        ),
        Dense(5, bias=False),
        BatchNorm(),
        Hopfield(
            [HopfieldStates(), HopfieldDense(4, start=small), HopfieldDense(4, clamped=False, start=small)],
            **free,
        ),
        Dense(3),
    ]
    return HybridModel(parts, (8, 8, 2), dtype="float64", **options)


def differences(model, x, y, h=1e-6, seed=0):
    """The change of the loss along a random direction, and the direction; by central differences."""
    rng = np.random.default_rng(seed)
    system = model.system
    values = model.values
    trained = {n: p for n, p in system.parameters.items() if p.trainable}
    sizes = {n: values[n].mean() if p.kind == "conductance" else 1.0 for n, p in trained.items()}
    along = {n: sizes[n] * rng.normal(size=p.shape) for n, p in trained.items()}

    def cost(v):
        done = system.run(v, jnp.asarray(x), Context(training=True))
        return -(jax.nn.log_softmax(done.y) * y).sum() / len(x)

    with jax.enable_x64(True):
        cost = jax.jit(cost)
        ahead, behind = (
            float(cost({**values, **{n: values[n] + s * h * d for n, d in along.items()}})) for s in (1, -1)
        )
    return (ahead - behind) / (2 * h), along


@pytest.mark.parametrize("make", [circuits, images])
def test_gradients_pass_all_parts(make):
    """By equilibrium propagation and by the adjoint in every block, against differences of the loss itself."""
    model = make()
    rng = np.random.default_rng(3)
    x = rng.normal(size=(6, model.input_columns["x"]))
    y = np.eye(3)[rng.integers(0, 3, 6)]
    exact = model.gradients(x, y, estimator="adjoint", **CE)
    found = model.gradients(x, y, beta=1e-2, **CE)
    for name, g in exact.items():
        cosine = (g * found[name]).sum() / np.linalg.norm(g) / np.linalg.norm(found[name])
        assert cosine > 0.999999, name
    for seed in range(2):
        expected, along = differences(model, x, y, seed=seed)
        np.testing.assert_allclose(sum((exact[n] * d).sum() for n, d in along.items()), expected, rtol=5e-6)


def test_it_trains_and_resumes_to_the_bit(tmp_path):
    """Statistics, which no gradient moves, are in the checkpoint too."""

    def trained(epochs, **options):
        model = HybridModel(
            [Dense(5, bias=False), BatchNorm(), Hopfield([HopfieldStates(), HopfieldDense(4)]), Dense(3)], 4
        )
        history = model.fit(
            X,
            Y,
            epochs=epochs,
            batch_size=4,
            optimizer=optimizers.Adam(lr=1e-2),
            verbose=False,
            **CE,
            **options,
        )
        return model, history

    whole, history = trained(6)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert history.history["hopfield_1_unconverged"] == [0.0] * 6
    assert history.settings["beta"] == 1.0
    trained(3, callbacks=[Checkpoint(tmp_path / "c")])
    resumed, _ = trained(6, callbacks=[Checkpoint(tmp_path / "c")], resume=tmp_path / "c")
    assert same_values(resumed.values, whole.values)
    assert np.abs(whole.values["batchnorm_1/mean"]).max() > 0
    assert whole.evaluate(X, Y, **CE).accuracy >= 0.5


def test_statistics_are_those_of_the_real_samples_and_serve_in_use():
    """The last batch is filled up: what fills it must not count. Against NumPy."""
    model = HybridModel([BatchNorm(momentum=1.0), Dense(3)], 4)
    model.fit(X[:3], Y[:3], batch_size=8, optimizer=optimizers.SGD(lr=1e-6), verbose=False, **CE)
    values = model.values
    np.testing.assert_allclose(values["batchnorm_1/mean"], X[:3].mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(values["batchnorm_1/variance"], X[:3].var(0, ddof=1), rtol=1e-5)
    centred = (X - values["batchnorm_1/mean"]) / np.sqrt(values["batchnorm_1/variance"] + 1e-5)
    expected = centred @ values["dense_1/weight"] + values["dense_1/bias"]
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-4, atol=1e-5)


def test_samples_that_do_not_settle_are_counted_by_block():
    block = Hopfield(
        [HopfieldStates(), HopfieldDense(4)], relaxation=Relaxation(2, 2, 1e-7, factor=1.0), name="slow"
    )
    model = HybridModel([Dense(4), block, Dense(3)], 4)
    with pytest.warns(Warning, match="did not converge"):
        history = model.fit(X, Y, batch_size=5, optimizer=optimizers.Adam(lr=1e-2), verbose=False, **CE)
    assert history.history["slow_unconverged"][0] >= 8
    assert history.history["slow_unconverged"][0] == history.history["unconverged"][0]


def test_too_few_sweeps_are_told_with_the_number_that_would_do():
    """A chain of five layers beyond the convex bound: three sweeps leave it far from rest."""
    layers = [HopfieldStates(), *(HopfieldDense(8, start=Uniform(1.6)) for _ in range(4))]
    x = RNG.normal(size=(16, 8))

    def model(*sweeps):
        part = Hopfield(layers, coupling=None, relaxation=Relaxation(*sweeps), name="deep")
        return HybridModel([part, Dense(3)], 8)

    found = measure_sweeps(model(2, 1), x)["deep"]
    assert not found.enough
    enough = measure_sweeps(model(found.free_needed, found.nudged_needed), x)["deep"]
    assert enough.enough
    half = measure_sweeps(model(max(1, found.free_needed // 4), found.nudged_needed), x)["deep"]
    assert half.free_error > enough.free_error
    told = rf"'deep' of model 'hybrid' does not settle before training.*Relaxation\({found.free_needed}, "
    with pytest.warns(LearningWarning, match="does not settle") as warned:
        model(2, 1).fit(x, np.eye(3)[RNG.integers(0, 3, 16)], verbose=False, **CE)
    assert any(re.search(told, str(one.message)) for one in warned)


def test_another_nudge_or_number_of_sweeps_compiles_nothing():
    from ebana.learning.estimators import Objective, estimate, get
    from ebana.learning.losses import CrossEntropyLoss

    model = HybridModel([Dense(4), Hopfield([HopfieldStates(), HopfieldDense(4)]), Dense(3)], 4)
    values = {n: jnp.asarray(v, jnp.float32) for n, v in model.values.items()}
    traced = []

    @jax.jit
    def gradients(system, values, beta):
        traced.append(1)
        objective = Objective(
            {"x": jnp.asarray(X, jnp.float32)}, {"y": jnp.asarray(Y, jnp.float32)}, CrossEntropyLoss()
        )
        return estimate(get("centered"), system, values, objective, beta=beta).gradients

    system = model.system
    gradients(system, values, 1.0)
    block = system.parts["hopfield_1"]
    other = replace(block, block=block.block.with_(nudge=1e-4, relaxation=Relaxation(5, 3)))
    for beta, changed in ((2.0, block), (1.0, other)):
        gradients(replace(system, parts={**system.parts, "hopfield_1": changed}), values, beta)
    assert len(traced) == 1


def test_without_feedback_a_block_is_its_feedforward_network():
    layers = [HopfieldStates(), HopfieldDense(5), HopfieldDense(4, clamped=False)]
    model = HybridModel([Hopfield(layers, feedback=False, coupling=None)], 4)
    v = model.values
    h = np.clip(np.clip(X, 0, 1) @ v["hopfield_1/dense_1/weight"] + v["hopfield_1/dense_1/bias"], 0, 1)
    expected = h @ v["hopfield_1/dense_2/weight"] + v["hopfield_1/dense_2/bias"]
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)


def test_a_circuits_bounds_rates_power_and_deck_stay_its_own():
    model = circuits()
    parameters = model.system.parameters
    assert parameters["circuit_1/d1/conductance"].low > 0
    rates = optimizers.Adam().rates(parameters)
    assert rates["circuit_1/d1/conductance"] < 1e-5 < rates["dense_1/weight"]
    power = model.power(X)
    given = model.given(X)["circuit_2"]
    alone = model.circuit("circuit_2").power(0.5 * given)
    np.testing.assert_allclose(power["circuit_2"].total, alone.total, rtol=1e-9)
    assert ".end" in model.circuit("circuit_1").netlist()
    with pytest.raises(KeyError, match="no circuit block 'dense_1'"):
        model.circuit("dense_1")
    text = model.summary(lambda _: None)
    assert "circuit (native)" in text
    assert max(map(len, text.splitlines())) <= 80
    model.plot()


PARTS = {
    "convolution": ([Conv2D(3, pool=2, activation="relu")], (6, 6, 2), (3, 3, 3)),
    "pooling": ([Pool2D(2, "mean")], (6, 7, 2), (3, 3, 2)),
    "flatten": ([Flatten(), Activation("tanh")], (2, 3, 4), (24,)),
    "function": ([Function(jnp.sin)], (5,), (5,)),
    "shift": ([RandomShift(2)], (6, 6, 1), (6, 6, 1)),
}


@pytest.mark.parametrize("name", PARTS)
def test_shapes_of_parts(name):
    parts, shape, made = PARTS[name]
    model = HybridModel(parts, shape)
    assert list(model.system.parts.values())[-1].shape == made
    x = RNG.normal(size=(2, int(np.prod(shape))))
    assert model.predict(x).shape == (2, int(np.prod(made)))


def test_pooling_against_numpy():
    x = RNG.normal(size=(2, 4 * 6 * 2))
    windows = x.reshape(2, 2, 2, 3, 2, 2)
    for kind, of in (("max", np.max), ("mean", np.mean)):
        found = HybridModel([Pool2D(2, kind)], (4, 6, 2), dtype="float64").predict(x)
        np.testing.assert_allclose(found, of(windows, axis=(2, 4)).reshape(2, -1), rtol=1e-6)


def test_shifted_images_are_windows_of_the_padded_image_and_other_ones_each_step():
    part = RandomShift(2, seed=1).build((6, 5, 1), RNG, "shift")
    x = jnp.asarray(RNG.normal(size=(20, 6, 5, 1)), jnp.float32)
    first = part.apply({"step": jnp.zeros(())}, x, Context(training=True))
    second = part.apply(first.statistics, x, Context(training=True))
    padded = np.pad(x[..., 0], ((0, 0), (2, 2), (2, 2)), mode="edge")
    for k in range(20):
        windows = [padded[k, i : i + 6, j : j + 5] for i in range(5) for j in range(5)]
        windows += [w[:, ::-1] for w in windows]
        assert any(np.array_equal(first.y[k, ..., 0], w) for w in windows)
    assert not np.array_equal(first.y, second.y)
    np.testing.assert_array_equal(part.apply({"step": jnp.zeros(())}, x, Context()).y, x)


@pytest.mark.parametrize(
    ("parts", "shape", "kind", "told"),
    [
        ([], 4, ValueError, "at least one part"),
        ([jnp.sin], 4, TypeError, "wrap a function as"),
        ([Dense(3, name="a"), Dense(3, name="a")], 4, ValueError, "two parts are named 'a'"),
        ([Conv2D(3)], 4, ValueError, r"part 'conv2d_1' .*samples of shape \(4,\)"),
        ([Conv2D(3, pool=9)], (4, 4, 1), ValueError, "leaves none"),
        ([Function(lambda x: x @ jnp.ones((3, 3)))], 4, ValueError, "the function fails"),
        (
            [Dense(7), CircuitBlock(small_circuit())],
            4,
            ValueError,
            "part 'circuit_1' is given .* 7 numbers.*takes 3",
        ),
        ([Dense(3)], 0, ValueError, "input_shape=0"),
    ],
)
def test_what_does_not_fit_is_refused(parts, shape, kind, told):
    with pytest.raises(kind, match=told):
        HybridModel(parts, shape)


def test_clamped_nudges_are_refused():
    with pytest.raises(ValueError, match="knows the slope of its loss alone"):
        circuits().fit(X, Y, nudge="clamped", **CE)


def test_a_warning_names_what_learns_nothing():
    model = HybridModel([Dense(3)], 4)
    with pytest.warns(LearningWarning):
        model.fit(X, Y, optimizer=optimizers.SGD(lr=0.0), verbose=False, **CE)


@pytest.mark.parametrize("make", [circuits, images])
def test_a_model_is_the_same_out_of_its_file(make, tmp_path):
    model = make(seed=5, name="kept")
    rng = np.random.default_rng(1)
    moved = {n: v * (1 + 0.01 * rng.random(v.shape)) for n, v in model.values.items()}
    model.set_values(moved)
    model.save(tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    x = rng.normal(size=(3, model.input_columns["x"]))
    assert same_values(loaded.values, model.values)
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.system.identity() == model.system.identity()
    assert repr(loaded) == repr(model)


def test_files_that_tell_of_no_model_are_refused(tmp_path):
    HybridModel([Dense(3), Hopfield([HopfieldStates(), HopfieldDense(4)])], 4).save(tmp_path / "m")
    metadata, arrays = archive.read(tmp_path / "m", "hybrid model")
    changes = {
        "class": ("Context", r"parts.*'class'.* is 'Context'. Expected one of Activation"),
        "units": (-3, r"makes no Dense \\(Dense\\(units=-3\\)"),
        "pony": (1, "Expected a Dense with the arguments"),
    }
    for key, (value, told) in changes.items():
        hurt = json.loads(json.dumps(metadata))
        hurt["parts"][0][1][key] = value
        archive.write(tmp_path / "hurt", "hybrid model", hurt, arrays)
        with pytest.raises(CorruptFile, match=told.replace("\\\\", "\\")):
            load_model(tmp_path / "hurt")
    archive.write(tmp_path / "less", "hybrid model", metadata, {"values": {}})
    with pytest.raises(ValueError, match="lacks the values"):
        load_model(tmp_path / "less")
    with pytest.raises(KeyError, match="engines for"):
        load_model(tmp_path / "m", engines={"circuit_9": "native"})
    with pytest.raises(TypeError, match="Function, which a file cannot bring back"):
        HybridModel([Function(jnp.sin)], 4).save(tmp_path / "f")


def trained_circuits() -> HybridModel:
    """A model that learned for a moment, around circuits of which a user keeps the models."""
    model = circuits()
    model.fit(X, Y, epochs=1, batch_size=5, optimizer=optimizers.Adam(lr=1e-3), verbose=False, **CE)
    return model


def test_the_models_of_circuits_stay_as_they_are():
    """Neither looking at a circuit nor measuring its power writes into the model that it was made of."""
    own = small_circuit(1)
    before = own.values
    model = HybridModel([Dense(3), CircuitBlock(own, name="c"), Dense(3)], 4)
    model.set_values({"c/d1/conductance": 0.5 * before["d1/conductance"]})
    shown = model.circuit("c")
    assert shown is not own
    np.testing.assert_array_equal(shown.values["d1/conductance"], 0.5 * before["d1/conductance"])
    model.power(X)
    assert same_values(own.values, before)
    shown.set_values(before)
    np.testing.assert_array_equal(model.values["c/d1/conductance"], 0.5 * before["d1/conductance"])
    own.set_values({"d1/conductance": 2 * before["d1/conductance"]})
    np.testing.assert_array_equal(model.circuit("c").values["d1/conductance"], 0.5 * before["d1/conductance"])


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
)
def test_copies_and_pickles_have_values_of_their_own(copied):
    model = trained_circuits()
    other = copied(model)
    assert type(other) is HybridModel
    assert same_values(other.values, model.values)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    assert other.history.history == model.history.history
    assert other.system.identity() == model.system.identity()
    kept = model.values
    other.set_values({n: 0 * v for n, v in other.values.items() if n.startswith("dense")})
    assert same_values(model.values, kept)


def test_a_deep_copy_is_one_however_often_it_is_met():
    """As of any object: what refers to the model refers to the copy then, and nothing that changes is shared."""
    model = trained_circuits()
    model.notes = {"of": model, "best": [1.0]}
    first, again = copy.deepcopy([model, model])
    assert first is again is first.notes["of"]
    first.notes["best"].append(2.0)
    first.fit(X, Y, epochs=2, batch_size=5, optimizer=optimizers.Adam(lr=1e-3), verbose=False, **CE)
    assert model.notes["best"] == [1.0]
    assert first.history is not model.history
    assert model.history.history["epoch"] == [1]
    shallow = copy.copy(model)
    assert shallow.notes is model.notes


def test_a_pickle_of_what_no_module_defines_is_refused_by_name():
    model = HybridModel([Function(lambda x: x, name="mine"), Dense(3)], 4)
    with pytest.raises(
        TypeError, match=r"part 'mine' of model 'hybrid' cannot be pickled .*save_values\(path\)"
    ):
        pickle.dumps(model)
    assert same_values(copy.deepcopy(model).values, model.values)


def test_currents_of_a_hybrid_model_are_refused_and_its_phases_recorded():
    model = circuits()
    with pytest.raises(ValueError, match=r"currents=True\) with model 'hybrid'.*only its blocks are nudged"):
        model.fit(X, Y, callbacks=[Record(currents=True)], verbose=False, **CE)
    history = model.fit(
        X, Y, epochs=1, batch_size=5, callbacks=[Record(phases=True, values=True)], verbose=False, **CE
    )
    assert len(history.records) == 2
    for found in history.records.values():
        assert found["free"].shape == (5, 3)
        assert "value/circuit_1/d1/conductance" in found


def test_blocks_that_do_not_settle_are_named():
    """One block that is given a tolerance that one sweep does not meet, behind one that settles."""
    slow = Hopfield(
        [HopfieldStates(), HopfieldDense(4)], relaxation=Relaxation(1, 1, 1e-9, factor=1.0), name="slow"
    )
    model = HybridModel([Hopfield([HopfieldStates(), HopfieldDense(4)], name="fast"), slow, Dense(3)], 4)
    with pytest.raises(NotConverged, match=r"\d+ in block 'slow': \d+ of 10 states were not found"):
        model.predict(X)


def test_a_circuit_in_single_precision_says_what_to_do():
    part = CircuitBlock(small_circuit(1, engine=NativeEngine(tolerance=1e-9, dtype="float32")), name="c")
    with pytest.raises(NotConverged, match=r"\d+ in block 'c' \(in float32.*larger tolerance"):
        HybridModel([Dense(3), part, Dense(3)], 4).predict(X)
