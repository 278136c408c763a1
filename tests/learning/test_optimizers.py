"""Optimizers: known updates, bounds kept, nothing compiled twice, state in safe files."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.learning import optimizers
from ebana.learning.optimizers import SGD, Adam, Momentum, Optimizer
from ebana.parameters import Parameter
from ebana.schedules import Cosine, Exponential


class System:
    """The two attributes that optimizers read of a circuit."""

    def __init__(self, **parameters):
        self.parameters = {p.name: p for p in parameters.values()}


class Model:
    """The part of a model that optimizers touch."""

    def __init__(self, shape=(2, 3), seed=0, extra=()):
        rng = np.random.default_rng(seed)
        d1 = Parameter(
            "d1/conductance", "conductance", rng.uniform(1e-3, 1e-2, shape), True, 1e-4, 2e-2, 1e-4
        )
        b1 = Parameter("b1/voltage", "voltage", np.zeros(2), True)
        r = Parameter("r/conductance", "conductance", np.ones(1), False, 1e-9, 10.0)
        self.system = System(d1=d1, b1=b1, r=r, **{p.name: p for p in extra})
        self._values = {name: np.array(p.initial) for name, p in self.system.parameters.items()}

    @property
    def values(self):
        return {name: value.copy() for name, value in self._values.items()}

    def set_values(self, values):
        self._values |= {name: np.array(value) for name, value in values.items()}


GRADIENTS = {"d1/conductance": np.linspace(-5, 5, 6).reshape(2, 3), "b1/voltage": np.array([1.0, -2.0])}


def updated(rule, gradients, values, rates, *args, **options):
    """New values after one update from a fresh state, in double precision."""
    with jax.enable_x64(True):
        state = rule.init({name: values[name] for name in gradients})
        new, _ = rule.update(gradients, state, values, rates, *args, **options)
        return {name: np.asarray(value) for name, value in new.items()}


class SignDescent(Optimizer):
    def direction(self, gradients, state, values):
        return {name: jnp.sign(g) for name, g in gradients.items()}, state


RULES = [SGD(), SGD(momentum=0.9), Momentum(), Adam(), Adam(b1=0.5, b2=0.5), SignDescent()]


def test_sgd_goes_down_the_gradient():
    new = updated(SGD(), {"g": np.array([2.0])}, {"g": np.zeros(1)}, {"g": 0.1})
    np.testing.assert_allclose(new["g"], [-0.2])


def test_momentum_is_a_running_sum():
    rule = SGD(momentum=0.5)
    values, g = {"g": np.zeros(1)}, {"g": np.ones(1)}
    with jax.enable_x64(True):
        state = rule.init(values)
        for _ in range(3):
            values, state = rule.update(g, state, values, {"g": 1.0})
        values = {"g": np.asarray(values["g"])}
    np.testing.assert_allclose(values["g"], [-(1 + 1.5 + 1.75)])


def test_adam_is_that_of_optax():
    rng = np.random.default_rng(0)
    gradients = [{"g": rng.normal(size=4)} for _ in range(5)]
    with jax.enable_x64(True):
        mine, theirs = {"g": jnp.ones(4)}, {"g": jnp.ones(4)}
        rule, reference = Adam(b1=0.5, b2=0.5), optax.adam(0.1, b1=0.5, b2=0.5)
        state, other = rule.init(mine), reference.init(theirs)
        for g in gradients:
            mine, state = rule.update(g, state, mine, {"g": 0.1})
            steps, other = reference.update(g, other)
            theirs = optax.apply_updates(theirs, steps)
        np.testing.assert_allclose(np.asarray(mine["g"]), np.asarray(theirs["g"]), rtol=1e-14)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e9])
def test_adam_steps_by_the_learning_rate_whatever_the_gradient(scale):
    values = {"g": np.full(2, 1e-3)}
    new = updated(Adam(), {"g": scale * np.array([1.0, -3.0])}, values, {"g": 1e-5})
    np.testing.assert_allclose(new["g"] - values["g"], [-1e-5, 1e-5], rtol=2e-2)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@given(
    g=st.lists(st.floats(-1e12, 1e12), min_size=3, max_size=3),
    rate=st.floats(0, 1e3),
    start=st.lists(st.floats(1e-7, 1e-1), min_size=3, max_size=3),
)
@settings(max_examples=15, deadline=None)
def test_values_stay_within_bounds(rule, g, rate, start):
    values = {"g": np.array(start)}
    new = updated(rule, {"g": np.array(g)}, values, {"g": rate}, 1.0, {"g": (1e-7, 1e-1)})
    assert np.all(new["g"] >= 1e-7)
    assert np.all(new["g"] <= 1e-1)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_learning_rate_of_zero_changes_nothing(rule):
    values = {"g": np.array([1e-3, 2e-3])}
    new = updated(rule, {"g": np.array([1.0, -1.0])}, values, {"g": 0.0})
    np.testing.assert_array_equal(new["g"], values["g"])


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_of_the_values_is_kept(rule, dtype):
    with jax.enable_x64(True):
        values = {"g": jnp.ones(2, dtype)}
        new, state = rule.update(
            {"g": jnp.ones(2)}, rule.init(values), values, {"g": np.float64(0.1)}, jnp.float64(0.5)
        )
        again, _ = rule.update({"g": jnp.ones(2)}, state, new, {"g": np.float64(0.1)})
        assert new["g"].dtype == again["g"].dtype == dtype


def test_factor_multiplies_every_rate():
    values = {"a": np.zeros(1), "b": np.zeros(1)}
    g = {"a": np.ones(1), "b": np.ones(1)}
    new = updated(SGD(), g, values, {"a": 1.0, "b": 2.0}, 0.5)
    assert (float(new["a"][0]), float(new["b"][0])) == (-0.5, -1.0)


def test_values_without_a_gradient_are_handed_on():
    values = {"g": np.ones(1), "fixed": np.ones(1)}
    new, _ = SGD().update({"g": np.ones(1)}, SGD().init({"g": values["g"]}), values, {"g": 1e-5})
    assert new["fixed"] is values["fixed"]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_rates_bounds_and_factor_do_not_compile_again(rule):
    traced = []

    @jax.jit
    def step(g, state, values, rates, factor, bounds):
        traced.append(1)
        return rule.update(g, state, values, rates, factor, bounds)

    values = {"g": jnp.ones(2)}
    state = rule.init(values)
    for k in range(3):
        values, state = step(
            {"g": jnp.ones(2)}, state, values, {"g": 0.1 * k}, 0.5**k, {"g": (0.1 * k, 10.0 + k)}
        )
    assert len(traced) == 1


def test_signature_is_that_of_the_compiled_update():
    assert Adam(lr=1e-3).signature == Adam(lr=1e-4, schedule="cosine").signature
    assert Adam(b1=0.5).signature != Adam().signature
    assert SGD(momentum=0.5).signature != SGD().signature
    assert SignDescent().signature != SignDescent().signature
    assert len({Adam().signature, Adam().signature, SGD().signature}) == 2


# -- learning rates and bounds of a circuit ---------------------------------------------------------


def test_a_layers_own_rate_goes_first():
    parameters = Model().system.parameters
    assert Adam(lr=0.5).rates(parameters) == {"d1/conductance": 1e-4, "b1/voltage": 0.5}
    assert Adam().rates(parameters)["b1/voltage"] == Adam.default_lr
    assert SGD(learning_rate=0.25).rates(parameters)["b1/voltage"] == 0.25


@pytest.mark.parametrize(("parametrization", "size"), [("linear", 4e-6), ("sqrt", 1e-3), ("log", 1.0)])
def test_a_default_rate_is_a_share_of_what_a_layer_starts_with(parametrization, size):
    """Of a mean of 4 uS, in the coordinate u: u = g, g = u^2 (so du = dg / (2 u)), g = e^u (du = dg / g)."""
    parameters = {"d": Parameter("d", "conductance", [3e-6, 5e-6], trainable=True, low=1e-7, high=1e-4)}
    adam, sgd, momentum = (
        rule(parametrization=parametrization).rates(parameters)["d"] for rule in (Adam, SGD, Momentum)
    )
    assert adam == pytest.approx(0.02 * size, rel=1e-12)
    assert sgd == pytest.approx(size**2, rel=1e-12)
    assert momentum == pytest.approx(0.1 * size**2, rel=1e-12)


def test_a_default_rate_is_that_of_the_rule_whatever_was_drawn_or_learned():
    def rate(initial):
        parameter = Parameter("d", "conductance", initial, trainable=True, low=1e-7, high=1e-4, mean=5e-6)
        return Adam().rates({"d": parameter})["d"]

    assert rate([3e-6, 4e-6]) == rate([9e-5, 2e-6]) == 0.02 * 5e-6


def test_bounds_come_from_the_parameters():
    expected = {"d1/conductance": (1e-4, 2e-2), "b1/voltage": (-np.inf, np.inf)}
    assert Adam.bounds(Model().system.parameters) == expected


# -- the paper's rule -------------------------------------------------------------------------------


def test_paper_rule_is_equation_four():
    """g <- g - (lr / beta) [dv_b^2 - dv_0^2], from the true gradient (c_l / (beta c_out)) d(dv^2 / 2)."""
    lr, beta, c_l, c_out = 1e-3, 0.01, 1.0, 0.25
    free, nudged = np.array([1.0, -0.5]), np.array([1.1, -0.4])
    gradient = c_l / (beta * c_out) * (nudged**2 - free**2) / 2
    rule, values = SGD(rule="paper"), {"g": np.full(2, 0.5)}
    new = updated(rule, {"g": gradient}, values, {"g": lr}, scale={"g": 2 * c_out / c_l})
    np.testing.assert_allclose(new["g"], 0.5 - lr / beta * (nudged**2 - free**2), rtol=1e-14)


def test_paper_rule_needs_the_factors():
    with pytest.raises(ValueError, match="needs the factors"):
        SGD(rule="paper").update({"g": np.ones(1)}, (), {"g": np.ones(1)}, {"g": 1.0})


# -- optax ------------------------------------------------------------------------------------------


def test_any_transformation_of_optax_is_a_rule():
    rule = Optimizer(transform=optax.chain(optax.clip(1.0), optax.scale_by_lion()), lr=0.1)
    values = {"g": np.zeros(2)}
    new, _ = rule.update({"g": np.array([5.0, -5.0])}, rule.init(values), values, {"g": 0.1})
    np.testing.assert_allclose(new["g"], [-0.1, 0.1], rtol=1e-6)
    assert optimizers.get(optax.scale_by_rms()).lr is None


def test_whole_optimizers_of_optax_are_refused_for_their_sign():
    with pytest.raises(ValueError, match=r"scale_by_"):
        Optimizer(transform=optax.adamw(1e-3))


def test_what_is_no_transformation_is_named():
    with pytest.raises(TypeError, match="Expected an optax transformation"):
        Optimizer(transform=lambda g: g)  # type: ignore[arg-type]


# -- loops written by hand --------------------------------------------------------------------------


def test_step_changes_the_model_in_double_precision():
    model = Model()
    before = model.values
    Adam(lr=0.5).step(model, GRADIENTS)
    after = model.values
    assert all(value.dtype == np.float64 for value in after.values())
    np.testing.assert_allclose(after["b1/voltage"], [-0.5, 0.5], atol=1e-7)
    change = after["d1/conductance"] - before["d1/conductance"]
    np.testing.assert_allclose(change, -1e-4 * np.sign(GRADIENTS["d1/conductance"]), rtol=1e-6)
    np.testing.assert_array_equal(after["r/conductance"], before["r/conductance"])
    assert not jax.config.jax_enable_x64


def test_steps_are_counted_for_the_schedule():
    model, rule = Model(), SGD(lr=1.0, schedule=Exponential(0.5))
    for _ in range(2):
        rule.step(model, {"b1/voltage": np.ones(2)}, steps_per_epoch=1)
    np.testing.assert_allclose(model.values["b1/voltage"], [-1.5, -1.5])
    assert rule.steps == 2


def test_steps_equal_pure_updates_bit_for_bit():
    model, rule = Model(), Adam(lr=0.01)
    with jax.enable_x64(True):
        values = {name: model.values[name] for name in GRADIENTS}
        state = rule.init(values)
        for _ in range(3):
            values, state = rule.update(
                GRADIENTS,
                state,
                values,
                rule.rates(model.system.parameters),
                1.0,
                rule.bounds(model.system.parameters),
            )
        values = {name: np.asarray(value) for name, value in values.items()}
    for _ in range(3):
        rule.step(model, GRADIENTS)
    for name, value in values.items():
        np.testing.assert_array_equal(model.values[name], value)


@pytest.mark.parametrize(
    ("gradients", "message"),
    [
        ({"b1/voltage": np.array([np.nan, 0.0])}, "'b1/voltage' is not finite"),
        ({"b1/voltage": np.zeros(3)}, r"shape \(3,\). Expected \(2,\)"),
        ({"r/conductance": np.zeros(1)}, "r/conductance.*Expected some of the trainable"),
        ({}, "Expected some of the trainable"),
    ],
)
def test_bad_gradients_change_nothing(gradients, message):
    model, rule = Model(), Adam()
    with pytest.raises(ValueError, match=message):
        rule.step(model, gradients)
    np.testing.assert_array_equal(model.values["b1/voltage"], [0, 0])
    assert rule.steps == 0


# -- options ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(lr=-1.0), r"Adam\(lr=-1.0\).*at least 0"),
        (lambda: Adam(beta=0.0), r"Adam\(beta=0.0\).*above 0"),
        (lambda: Adam(b1=1.0), r"Adam\(b1=1.0\).*below 1"),
        (lambda: Adam(b2=None), r"Adam\(b2=None\)"),  # type: ignore[arg-type]
        (lambda: Adam(eps=0.0), r"Adam\(eps=0.0\)"),
        (lambda: SGD(momentum=1.5), r"SGD\(momentum=1.5\)"),
        (lambda: SGD(lr=float("nan")), r"SGD\(lr=nan\)"),
        (lambda: SGD(rule="raw"), r"SGD\(rule='raw'\).*'gradient' or 'paper'"),  # type: ignore[arg-type]
        (lambda: SGD(lr=1.0, learning_rate=1.0), "both lr and learning_rate"),
        (lambda: optimizers.get("rprop"), r"unknown optimizer 'rprop'.*'adam'"),
    ],
)
def test_bad_options_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_number_in_the_models_place_is_named():
    with pytest.raises(TypeError, match=r"first argument is the model. Write lr=0.001"):
        Adam(0.001)


def test_published_signatures():
    model = Model()
    assert Adam(model).model is model
    assert Adam(model, beta=0.01).beta == 0.01
    assert SGD(model, 0.01, 1e-3).lr == 1e-3


@pytest.mark.parametrize(
    "rule", [SGD(lr=1e-6, momentum=0.5, rule="paper"), Adam(schedule=Cosine(final=0.01)), Momentum()]
)
def test_config_round_trip(rule):
    again = Optimizer.from_config(rule.to_config())
    assert type(again) is type(rule)
    assert again.to_config() == rule.to_config()
    assert optimizers.get(rule.to_config()).signature == rule.signature


def test_a_users_rule_does_not_come_back_from_a_file():
    with pytest.raises(ValueError, match="'SignDescent' is not built in"):
        Optimizer.from_config(SignDescent().to_config())


@pytest.mark.parametrize("spec", ["adam", Adam, {"class": "Adam"}])
def test_get_resolves(spec):
    assert isinstance(optimizers.get(spec), Adam)


# -- parametrizations -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "to", "back"),
    [("sqrt", np.sqrt, np.square), ("log", np.log, np.exp), ("linear", lambda g: g, lambda g: g)],
)
def test_steps_are_taken_in_the_coordinate_of_the_parametrization(name, to, back):
    """SGD on g in a coordinate u is SGD on u with the gradient by u, found here by differences."""
    g, slope, lr = np.array([0.1, 0.5, 2.0]), np.array([0.3, -0.2, 0.1]), 0.05
    rule = SGD(lr=lr, parametrization=name)
    bounds = {"g": (1e-6, 1e3)}
    with jax.enable_x64(True):
        new, _ = rule.update({"g": slope}, rule.init({"g": g}), {"g": g}, {"g": lr}, bounds=bounds)
    u, h = to(g), 1e-7
    by_u = slope * (back(u + h) - back(u - h)) / (2 * h)
    np.testing.assert_allclose(new["g"], back(u - lr * by_u), rtol=1e-7)


@pytest.mark.parametrize("name", ["sqrt", "log"])
def test_values_that_may_be_negative_keep_their_own_coordinate(name):
    values, slopes = {"i": np.array([-0.5, 0.5])}, {"i": np.array([1.0, 1.0])}
    for low in (-1.0, -np.inf):
        rule = SGD(lr=0.1, parametrization=name)
        new, _ = rule.update(slopes, rule.init(values), values, {"i": 0.1}, bounds={"i": (low, 1.0)})
        np.testing.assert_allclose(new["i"], [-0.6, 0.4], rtol=1e-6)


@pytest.mark.parametrize("name", ["sqrt", "log"])
def test_no_step_leaves_the_bounds(name):
    values, bounds = {"g": np.array([1e-3, 1.0])}, {"g": (1e-6, 2.0)}
    rule = SGD(lr=1.0, parametrization=name)
    for sign in (1.0, -1.0):
        slopes = {"g": np.array([1e4, 1e4]) * sign}
        new, _ = rule.update(slopes, rule.init(values), values, {"g": 1.0}, bounds=bounds)
        assert np.isfinite(new["g"]).all()
        assert (new["g"] >= np.float32(1e-6)).all()
        assert (new["g"] <= 2.0).all()


def test_the_parametrization_is_part_of_what_is_compiled_and_stored():
    rules = [Adam(lr=1e-3, parametrization=name) for name in ("linear", "sqrt", "log")]
    assert len({rule.signature for rule in rules}) == 3
    assert Optimizer.from_config(rules[2].to_config()).parametrization == "log"
    with pytest.raises(ValueError, match=r"parametrization='cubic'.*'linear', 'sqrt', 'log'"):
        Adam(parametrization="cubic")
