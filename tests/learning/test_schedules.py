"""Schedules: the published shapes, on traced numbers."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, load_model, schedules
from ebana.optimizers import Adam
from ebana.schedules import Constant, Cosine, Exponential, FromFunction, Schedule


@pytest.mark.parametrize("step", [0, 1, 7, 10, 15])
def test_cosine_is_that_of_optax(step):
    expected = optax.cosine_decay_schedule(1.0, 10, alpha=0.01)(step)
    assert float(Cosine(steps=10, final=0.01).factor(step)) == pytest.approx(float(expected), abs=1e-6)


def test_cosine_spans_epochs_or_the_whole_run():
    assert float(Cosine(epochs=2).factor(10, steps_per_epoch=10)) == pytest.approx(0.5)
    assert float(Cosine().factor(50, total_steps=100)) == pytest.approx(0.5)
    assert float(Cosine().factor(100, total_steps=100)) == pytest.approx(0.0, abs=1e-7)


def test_exponential_steps_down_each_epoch():
    factors = [float(Exponential(0.5).factor(step, 9, 3)) for step in range(9)]
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert float(Exponential(0.25, smooth=True).factor(1, 4, 2)) == pytest.approx(0.5)


@pytest.mark.parametrize("schedule", [Constant(), Cosine(), Cosine(epochs=3), Exponential(0.9)], ids=str)
def test_factors_are_traced_and_take_arrays_of_steps(schedule):
    traced = []

    @jax.jit
    def factor(step, total, per_epoch):
        traced.append(1)
        return schedule.factor(step, total, per_epoch)

    for total in (100, 200):
        whole = factor(jnp.arange(10), total, 5)
        single = [float(schedule.factor(step, total, 5)) for step in range(10)]
        np.testing.assert_allclose(whole, single, rtol=1e-6)
    assert len(traced) == 1


def test_a_schedule_of_optax_is_a_factor():
    schedule = schedules.get(optax.linear_schedule(1.0, 0.0, 10))
    assert float(schedule.factor(5)) == pytest.approx(0.5)
    assert isinstance(schedule, FromFunction)


@pytest.mark.parametrize("schedule", [Cosine(), Cosine(epochs=2), Exponential()], ids=str)
def test_missing_lengths_are_named(schedule):
    with pytest.raises(ValueError, match=r"needs (total_steps|steps_per_epoch)"):
        schedule.factor(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cosine(steps=0), r"Cosine\(steps=0\)"),
        (lambda: Cosine(steps=3, epochs=2), "one of the two"),
        (lambda: Cosine(final=2), r"Cosine\(final=2\)"),
        (lambda: Exponential(0.0), r"Exponential\(decay=0.0\)"),
        (lambda: Exponential(1.5), r"Exponential\(decay=1.5\)"),
        (lambda: schedules.get("stairs"), r"unknown schedule 'stairs'.*'cosine'"),
        (lambda: schedules.get("linear"), "'linear_schedule' needs end_value and transition_steps"),
        (
            lambda: schedules.get("exponential_decay", rate=2),
            "'exponential_decay' has no options .*transition_steps",
        ),
        (lambda: schedules.get("cosine", decay=2), "'Cosine' has no options .*steps, epochs, final, warmup"),
        (lambda: schedules.get(Constant(), steps=2), "Expected a name or a class"),
        (lambda: schedules.Optax("join_schedules", {}), "no schedule 'join_schedules'"),
        (lambda: schedules.get({"class": "Mine", "custom": True}), "'Mine' is not built in"),
        (lambda: schedules.get({"class": "Cosine", "speed": 1}), "no options"),
    ],
)
def test_bad_schedules_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "schedule",
    [
        Constant(),
        Cosine(steps=5, final=0.1),
        Exponential(0.9, smooth=True),
        schedules.get("piecewise_constant", boundaries_and_scales={3: 0.5, 7: 0.1}),
    ],
    ids=str,
)
def test_config_round_trip(schedule):
    assert schedules.get(json.loads(json.dumps(schedule.to_config()))) == schedule


OF_OPTAX = {
    "constant_schedule": ({}, {"value": 1.0}),
    "linear": ({"end_value": 0.1, "transition_steps": 10}, {"init_value": 1.0}),
    "polynomial": ({"end_value": 0.1, "power": 2, "transition_steps": 10}, {"init_value": 1.0}),
    "exponential_decay": ({"transition_steps": 3, "decay_rate": 0.5, "staircase": True}, {"init_value": 1.0}),
    "cosine_decay": ({"decay_steps": 10, "alpha": 0.1}, {"init_value": 1.0}),
    "cosine_onecycle": ({"transition_steps": 20}, {"peak_value": 1.0}),
    "linear_onecycle": ({"transition_steps": 20}, {"peak_value": 1.0}),
    "piecewise_constant": ({"boundaries_and_scales": {5: 0.5}}, {"init_value": 1.0}),
    "piecewise_interpolate": (
        {"interpolate_type": "cosine", "boundaries_and_scales": {5: 0.5, 10: 0.1}},
        {"init_value": 1.0},
    ),
    "warmup_constant": ({"warmup_steps": 5}, {"init_value": 0.0, "peak_value": 1.0}),
    "warmup_cosine_decay": ({"warmup_steps": 5, "decay_steps": 20}, {"init_value": 0.0, "peak_value": 1.0}),
    "warmup_exponential_decay": (
        {"warmup_steps": 5, "transition_steps": 5, "decay_rate": 0.5},
        {"init_value": 0.0, "peak_value": 1.0},
    ),
    "sgdr": (
        {"cosine_kwargs": [{"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 2, "decay_steps": 10}] * 2},
        {},
    ),
}


@pytest.mark.parametrize("name", OF_OPTAX)
def test_schedules_of_optax_by_their_names(name):
    options, implied = OF_OPTAX[name]
    ours, steps = schedules.get(name, **options), np.arange(25)
    theirs = getattr(optax, ours.name)(**options, **implied)
    expected = [float(theirs(step)) for step in steps]
    np.testing.assert_allclose(ours.factor(steps), expected, rtol=1e-6, atol=1e-7)
    assert float(ours.factor(7)) == pytest.approx(expected[7], abs=1e-7)


def test_every_schedule_of_optax_that_is_made_of_numbers_is_named():
    made = {name for name, found in vars(optax.schedules).items() if callable(found) and name[0].islower()}
    others = {"inject_hyperparams", "inject_stateful_hyperparams", "join_schedules"}
    assert set(schedules.OPTAX) == made - others
    assert {schedules.get(name, **options).name for name, (options, _) in OF_OPTAX.items()} == set(
        schedules.OPTAX
    )


def test_a_layer_whose_rate_has_a_schedule_of_optax_is_not_stored(tmp_path):
    x = InputVoltageLayer(units=1, name="x")
    rate = schedules.Scheduled(1e-7, schedules.get("exponential_decay", transition_steps=3, decay_rate=0.5))
    model = Model(x, CurrentLayer("y")(DenseLayer(2, "d", lr=rate)(x)))
    with pytest.raises(TypeError, match=r"layer 'd' has the learning rate.*no stored form"):
        model.save(tmp_path / "model")


@pytest.mark.parametrize("spec", [None, "constant", Constant, Constant()])
def test_get_resolves(spec):
    assert schedules.get(spec) == Constant()


def test_base_class_names_the_missing_method():
    with pytest.raises(NotImplementedError, match="factor"):
        Schedule().factor(1)


def test_a_warm_up_rises_to_one_and_hands_over_to_the_cosine():
    schedule = Cosine(final=0.1, warmup=0.25)
    factors = np.array([float(schedule.factor(step, 100)) for step in range(101)])
    np.testing.assert_allclose(factors[:25], (np.arange(25) + 1) / 25, rtol=1e-6)
    assert (np.diff(factors[25:]) <= 0).all()
    np.testing.assert_allclose(factors[100], 0.1, rtol=1e-6)


@pytest.mark.parametrize("warmup", [-0.1, 1.0, True, "a"])
def test_a_warm_up_is_a_share_of_the_run(warmup):
    with pytest.raises(ValueError, match="warmup"):
        Cosine(warmup=warmup)


# -- learning rates with a course of their own --------------------------------------------------------


class Falling(schedules.LearningRateSchedule):
    def __call__(self, step):
        return 1e-6 if step < 2 else 1e-7  # of plain numbers: nothing is traced


def test_cosine_decay_is_that_of_keras():
    """Of ``initial ((1 - alpha) (1 + cos(pi n / N)) / 2 + alpha)``, held after N."""
    rate = schedules.CosineDecay(initial_learning_rate=2e-7, decay_steps=10, alpha=0.1)
    steps = np.array([0, 1, 5, 10, 99])
    share = (1 + np.cos(np.pi * np.minimum(steps, 10) / 10)) / 2
    with jax.enable_x64(True):
        np.testing.assert_allclose(schedules.rate_at(rate, steps), 2e-7 * (0.9 * share + 0.1), rtol=1e-12)
        assert float(schedules.ConstantLearningRateSchedule(3e-7)(5)) == pytest.approx(3e-7)
    assert isinstance(rate, schedules.LearningRateSchedule)
    assert schedules.get_rate(schedules.rate_config(rate)) == rate


@pytest.mark.parametrize("bad", [lambda n: -1.0, lambda n: float("nan")])
def test_a_rate_that_is_none_is_refused(bad):
    with pytest.raises(ValueError, match="Expected numbers of at least 0"):
        schedules.rate_at(bad, np.arange(3))
    with pytest.raises(ValueError, match=r"Scheduled\(lr=-1"):
        schedules.CosineDecay(-1, 10)
    with pytest.raises(ValueError, match="'Falling' is not built in"):
        schedules.get_rate(schedules.rate_config(Falling()) | {"class": "Falling"})


@pytest.mark.parametrize("owner", ["layers", "optimizer"])
@pytest.mark.parametrize(
    ("rate", "schedule"),
    [
        (schedules.CosineDecay(1e-6, 5), Cosine(steps=5)),
        (schedules.Scheduled(1e-6, Cosine()), Cosine()),
        (Falling(), lambda n: jnp.where(n < 2, 1.0, 0.1)),
        (lambda n: Falling()(n), lambda n: jnp.where(n < 2, 1.0, 0.1)),
    ],
    ids=["decay", "whole run", "class", "function"],
)
def test_a_rate_with_a_schedule_trains_as_the_number_and_the_schedule_do(owner, rate, schedule):
    def trained(layers, **options):
        x = InputVoltageLayer(2, "x")
        hidden = DenseLayer(3, "d1", lr=layers, init_type="glorot")(x)
        model = Model(x, CurrentLayer("y")(DenseLayer(2, "d2", lr=layers, init_type="glorot")(hidden)))
        data = np.random.default_rng(0).normal(size=(8, 3))
        model.fit(data[:, :2], data[:, 2:], batch_size=4, epochs=3, verbose=False, optimizer=Adam(**options))
        return model.values

    own = trained(rate) if owner == "layers" else trained(None, lr=rate)
    for name, value in trained(None, lr=1e-6, schedule=schedule).items():
        np.testing.assert_allclose(own[name], value, rtol=1e-9)


def test_a_layer_with_a_schedule_is_stored_and_one_with_a_function_is_not(tmp_path):
    def model(lr):
        x = InputVoltageLayer(2, "x")
        return Model(x, CurrentLayer("y")(DenseLayer(2, "d", lr=lr, init_type="glorot")(x)))

    rate = schedules.CosineDecay(1e-7, 20, alpha=0.5)
    again = load_model(model(rate).save(tmp_path / "m"))
    assert again.circuit.parameters["d/conductance"].learning_rate == rate
    with pytest.raises(TypeError, match="'d' has the learning rate"):
        model(Falling()).save(tmp_path / "n")


def test_steps_by_hand_count_on():
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(DenseLayer(2, "d", lr=Falling(), init_type="glorot")(x)))
    rule, moved = Adam(), []
    for _ in range(3):
        before = model.values["d/conductance"]
        rule.step(model, {"d/conductance": np.ones_like(before)})
        moved.append(np.abs(model.values["d/conductance"] - before).max())
    np.testing.assert_allclose(moved, [1e-6, 1e-6, 1e-7], rtol=1e-6)
