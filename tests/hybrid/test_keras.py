"""A circuit or a Hopfield network as a layer of Keras: fit, bounds, files, and the same derivatives as in JAX."""

import os
import runpy
import subprocess
import sys

import jax
import keras
import numpy as np
import pytest

import ebana.keras
from ebana import (
    CircuitBuilder,
    CurrentLayer,
    DenseLayer,
    GradientEstimator,
    InputVoltageLayer,
    Model,
    datasets,
)
from ebana.hybrid import (
    Dense,
    HopfieldConv2D,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Relaxation,
    equilibrium,
    hopfield,
)
from ebana.hybrid.description import describe_system, restore_system
from ebana.keras import EquilibriumLayer, Within
from helpers.frameworks import compilations, derivatives, small_circuit, small_hopfield

RNG = np.random.default_rng(0)
X, WEIGHT = RNG.uniform(-1, 1, (105, 4)).astype(np.float32), RNG.normal(size=(105, 3)).astype(np.float32)


def built(system, *arguments, **options):
    layer = EquilibriumLayer(system, *arguments, **options)
    layer.build((None, 4))
    return layer


@pytest.mark.parametrize(
    ("system", "estimator", "tolerance"),
    [(small_circuit, "centered", 1e-4), (small_hopfield, "adjoint", 1e-6)],
    ids=["circuit", "hopfield"],
)
def test_outputs_and_derivatives_are_those_of_the_function(system, estimator, tolerance):
    layer = built(system(), estimator)

    @jax.jit
    def run(trained, fixed, x):
        def weighted(trained, x):
            y, _ = layer.stateless_call(trained, fixed, x)
            return (WEIGHT * y).sum(), y

        return jax.grad(weighted, argnums=(0, 1), has_aux=True)(trained, x)

    def weights():
        return [w.value for w in layer.trainable_variables], [w.value for w in layer.non_trainable_variables]

    (by_weight, by_input), y = run(*weights(), X)
    values = {name: value.astype(np.float32) for name, value in layer.values().items()}
    expected = derivatives(equilibrium(system(), estimator), values, X, WEIGHT)
    np.testing.assert_allclose(y, expected[0], rtol=1e-5, atol=1e-6)
    assert abs(by_input - expected[2]).max() <= tolerance * abs(expected[2]).max()
    trained = [n for n, p in layer.system.parameters.items() if p.trainable]
    for name, found in zip(trained, by_weight, strict=True):
        g = expected[1][name] * layer._units[name]
        assert abs(found - g).max() <= tolerance * abs(g).max(), name
    with compilations() as compiled:
        layer.nudge = 1e5 * layer.nudge
        (_, other), _ = run(*weights(), X)
    assert compiled == []
    assert (estimator == "adjoint") == (other == by_input).all()  # which nudges nothing


@pytest.fixture(scope="module")
def trained():
    """A functional model on Iris, its circuit's values before, and the history of thirty steps."""
    keras.utils.set_random_seed(0)
    iris = datasets.load("iris", seed=0)
    x = keras.Input((4,))
    h = keras.layers.Dense(4, activation="tanh")(x)
    y = keras.layers.Dense(3)(EquilibriumLayer(small_circuit(), output_scale=5.0, name="circuit")(h))
    model = keras.Model(x, y)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss=loss, jit_compile=True)
    start = model.get_layer("circuit").values()
    data = iris.x_train.astype(np.float32), iris.y_train.astype(np.float32)
    history = model.fit(*data, epochs=30, batch_size=len(data[0]), shuffle=False, verbose=0)
    return model, start, history, data


def test_a_network_around_a_circuit_learns_iris(trained):
    model, start, history, _ = trained
    losses, layer = history.history["loss"], model.get_layer("circuit")
    assert losses[-1] < 0.5 * losses[0]
    for name in ("d1/conductance", "d2/conductance"):
        assert abs(layer.values()[name] / start[name] - 1).max() > 0.1
    small_circuit().set_values(layer.values())  # within the bounds
    assert layer.unsettled == 0


def test_other_nudges_compile_nothing(trained):
    model, _, _, data = trained
    layer = model.get_layer("circuit")
    nudge = layer.nudge
    with compilations() as compiled:
        layer.nudge = 2 * nudge
        model.fit(*data, epochs=1, batch_size=len(data[0]), verbose=0)
    assert compiled == []
    assert layer.nudge == pytest.approx(2 * nudge)


def test_a_saved_model_is_loaded_whole(trained, tmp_path):
    model, _, _, data = trained
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    layer, other = model.get_layer("circuit"), again.get_layer("circuit")
    for name, value in layer.values().items():
        np.testing.assert_array_equal(other.values()[name], value)
    assert other.output_scale == 5.0
    assert isinstance(other._by_name["d1/conductance"].constraint, Within)
    np.testing.assert_array_equal(again(data[0]), model(data[0]))


@pytest.mark.parametrize("jit_compile", [True, False])
def test_fit_trains_a_sequential_model(jit_compile):
    """Also operation by operation."""
    keras.utils.set_random_seed(1)
    layer = EquilibriumLayer(hopfield([HopfieldStates(), HopfieldDense(3, clamped=False)], (4,)))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), layer])
    model.compile(optimizer=keras.optimizers.Adam(0.1), loss="mse", jit_compile=jit_compile)
    target = np.tile([[0.2, 0.5, 0.8]], (len(X), 1)).astype(np.float32)
    losses = model.fit(X, target, epochs=40, batch_size=len(X), verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    "system",
    [
        lambda: hopfield(
            [HopfieldConv2D(2, pool=2, clamped=False, name="a"), HopfieldDense(3, slope=0.5)],
            (4, 4, 1), coupling=None, order="even-odd", start="zeros", relaxation=Relaxation(7, 5, 1e-3),
        ),
        small_hopfield,
    ],
    ids=["convolutions", "driven"],
)  # fmt: skip
def test_a_hopfield_network_is_described_by_its_layers(system):
    system = system()
    again = restore_system(describe_system(system))
    assert describe_system(again) == describe_system(system)
    assert again.identity() == system.identity()
    assert {n: p.shape for n, p in again.parameters.items()} == {
        n: p.shape for n, p in system.parameters.items()
    }


def test_a_layer_is_described_with_its_settings():
    layer = built(
        small_hopfield(), "adjoint", nudge=0.5, relaxation=Relaxation(4, 3, 1e-2, 1.0), input_scale=2.0
    )
    layer.relaxation = Relaxation(5, 2, 1e-3, 1.1)
    again = EquilibriumLayer.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.relaxation.free_sweeps == 5
    assert again.relaxation.tolerance == pytest.approx(1e-3)
    assert (again.nudge, again.input_scale) == (0.5, 2.0)
    again.build((None, 4))
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(X), layer(X))


def test_values_are_those_of_the_model_and_stay_within_bounds():
    model = small_circuit()
    model.set_values({"d1/conductance": np.full((10, 4), 1e-7)})  # at the bound
    layer = built(model)
    np.testing.assert_allclose(layer.values()["d1/conductance"], 1e-7, rtol=1e-6)
    model.set_values(layer.values())
    layer.set_values({"d2/conductance": np.full((6, 6), 1e-4)})
    model.set_values(layer.values())
    within = layer._by_name["d2/conductance"].constraint
    assert within(np.float32([-1.0, 1e9])).tolist() == [np.float32(within.low), np.float32(within.high)]
    assert Within.from_config(within.get_config()).high == within.high


def test_a_step_of_a_weight_moves_conductances_by_a_fiftieth_of_their_mean():
    layer = built(small_circuit())
    mean = small_circuit().system.parameters["d1/conductance"].mean
    assert 1e-3 * layer._units["d1/conductance"] == pytest.approx(0.02 * mean)
    assert layer._units["b/voltage"] == 1.0


def test_samples_that_do_not_settle_are_counted():
    layer = built(small_hopfield(), relaxation=Relaxation(1, 1, 1e-12))
    layer(X)
    layer(X[:2])
    assert layer.unsettled == len(X) + 2
    layer.unsettled = 0
    assert layer.unsettled == 0


class OwnEstimator(GradientEstimator):
    def estimate(self, system, values, objective, *, beta):
        raise NotImplementedError


class OwnLayer(DenseLayer):
    pass


def divider():
    build = CircuitBuilder()
    x, y = build.input("x", 4), build.nodes("y", 1)
    build.crossbar("d", x, y, 1e-6, trainable=True, low=1e-7, high=1e-5)
    build.output("y", y, folded=False)
    return Model.from_circuit(build.build())


def own_layer():
    x = InputVoltageLayer(units=4, name="x")
    return Model(x, CurrentLayer(name="y")(OwnLayer(units=2, name="own")(x)))


@pytest.mark.parametrize(
    ("make", "kind", "named"),
    [
        (lambda: built(small_circuit(), "one_sided", nudge=0.0), ValueError, r"nudge=0.0"),
        (lambda: built(small_circuit(), conductance_rate=0), ValueError, "conductance_rate=0"),
        (lambda: EquilibriumLayer(small_circuit()).build((None, 5)), ValueError, r"\(samples, 4\).*'x' \(4\)"),
        (lambda: EquilibriumLayer(small_circuit())(X[:, :3]), ValueError, "expected axis -1 of input shape"),
        (lambda: EquilibriumLayer(small_circuit()).values(), ValueError, r"layer.build\(\(None, 4\)\)"),
        (lambda: built(small_circuit()).set_values({"d9": 1}), KeyError, "no parameter 'd9'"),
        (lambda: EquilibriumLayer(HybridModel([Dense(3)], 4)), TypeError, "a block of each of them"),
        (lambda: EquilibriumLayer(divider()).get_config(), ValueError, "made from a circuit"),
        (lambda: EquilibriumLayer(divider().system).get_config(), TypeError, "CircuitSystem cannot be described"),
        (lambda: EquilibriumLayer(own_layer()).get_config(), TypeError, "'own' of model 'model' is a OwnLayer"),
        (lambda: EquilibriumLayer(small_hopfield(), OwnEstimator()).get_config(), TypeError, "OwnEstimator"),
        (lambda: setattr(built(small_circuit()), "relaxation", Relaxation()), ValueError, "Make a layer with these"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(make, kind, named):
    with pytest.raises(kind, match=named):
        make()


@pytest.mark.spice
def test_a_circuit_on_a_simulator_is_used_but_not_described():
    layer = built(small_circuit("ngspice"))
    np.testing.assert_allclose(layer(X), built(small_circuit())(X), atol=1e-6)
    with pytest.raises(TypeError, match="'ngspice' cannot be described in a file"):
        layer.get_config()


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(ImportError, match=r"found the backend 'numpy'. Set KERAS_BACKEND=jax in"):
        runpy.run_path(ebana.keras.__file__)


def test_a_backend_that_is_missing_is_told_by_what_to_set(tmp_path):
    """Keras itself complains of a library that nobody asked for."""
    kept = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['tensorflow'] = None\nimport ebana.keras"],
        env={**kept, "KERAS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ImportError: ebana.keras needs Keras on its JAX backend" in done.stderr
    assert "before the first import of keras" in done.stderr


def test_without_keras_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match=r'needs Keras 3. Install it with: pip install "ebana\[keras\]"'):
        runpy.run_path(ebana.keras.__file__)
