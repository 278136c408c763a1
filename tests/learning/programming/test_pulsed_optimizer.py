"""Training through devices: what is wanted, what is written, and what a run keeps of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import (
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    LearningWarning,
    Model,
    datasets,
)
from ebana.learning.optimizers import SGD, Adam, Optimizer
from ebana.learning.programming import ConstantStep, ExponentialStep, PiecewiseStep, Pulsed, SoftBounds, Vteam
from ebana.parameters import Parameter
from helpers.frameworks import compilations

G, B = "d/conductance", "b/voltage"
MANY = 20_000


def parameters(shape=(MANY,), low=0.0, high=8.0):
    """Devices from 0 to 8 (a weight's bounds: they may be zero), and a voltage."""
    return {
        G: Parameter(G, "weight", np.full(shape, 4.0), trainable=True, low=low, high=high),
        B: Parameter(B, "voltage", np.zeros(2), trainable=True),
    }


def updated(rule, wanted, times=1, values=None, state=None):
    """Values and state after some updates that want the values to grow by so much, in double precision."""
    known = parameters(np.shape(wanted))
    values = values or {name: p.initial for name, p in known.items()}
    with jax.enable_x64(True):
        state = rule.start(values, known) if state is None else state
        for _ in range(times):
            gradients = {G: -np.asarray(wanted, float), B: np.array([1.0, -2.0])}
            values, state = rule.update(
                gradients, state, values, dict.fromkeys(values, 1.0), 1.0, {G: (0.0, 8.0)}
            )
        return {name: np.asarray(v) for name, v in values.items()}, state


def pulsed(device=None, **options):
    """SGD at rate one through devices of steps of 0.5: sixteen between 0 and 8."""
    return Pulsed(SGD(), device=device or ConstantStep(states=16), kinds=("weight",), **options)


# -- whole numbers of pulses ---------------------------------------------------------------------------


def test_the_nearest_number_of_pulses_is_written():
    values, state = updated(pulsed(rounding="nearest"), [0.2, 0.3, 0.7, 0.8, -0.2, -1.3, 0.0])
    np.testing.assert_allclose(values[G] - 4.0, [0.0, 0.5, 0.5, 1.0, 0.0, -1.5, 0.0], atol=1e-12)
    assert int(state.written[G]) == 1 + 1 + 2 + 3


def test_random_rounding_is_right_on_average():
    values, _ = updated(pulsed(rounding="stochastic"), np.full(MANY, -0.65))
    change = values[G] - 4.0
    assert set(np.round(change, 9)) == {-1.0, -0.5}
    assert change.mean() == pytest.approx(-0.65, abs=4 * 0.25 / np.sqrt(MANY))


def test_below_the_threshold_nothing_is_written():
    values, _ = updated(pulsed(rounding="threshold", threshold=2.0), [0.9, 1.0, 1.3, -0.99, -1.6])
    np.testing.assert_allclose(values[G] - 4.0, [0.0, 1.0, 1.5, 0.0, -1.5], atol=1e-12)


def test_few_devices_are_written_by_the_threshold_right_on_average():
    values, _ = updated(pulsed(rounding="probabilistic", threshold=4.0), np.full(MANY, 0.3))
    change = values[G] - 4.0
    assert set(np.round(change, 9)) == {0.0, 2.0}
    share = 0.3 / 2.0
    assert (change > 0).mean() == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / MANY))


def test_what_is_left_over_is_kept_until_it_makes_a_pulse():
    rule, wanted = pulsed(rounding="accumulated"), np.array([0.15, -0.35, 0.0])
    values, state = updated(rule, wanted, times=7)
    left = 0.5 * np.asarray(state.rests[G])
    np.testing.assert_allclose(values[G] - 4.0 + left, 7 * wanted, atol=1e-9)
    assert np.all(np.abs(left) < 0.5)


def test_what_is_kept_is_no_part_of_a_value_that_nothing_is_wanted_of():
    rule = pulsed(rounding="accumulated")
    values, state = updated(rule, [0.3, -0.3])
    with jax.enable_x64(True):
        new, after = rule.update(
            {B: np.ones(2)}, state._replace(inner=rule.optimizer.init({B: values[B]})), values, {B: 1.0}
        )
    np.testing.assert_array_equal(new[G], values[G])
    np.testing.assert_array_equal(after.rests[G], state.rests[G])


def test_pulses_that_are_too_many_at_once_are_written_later_where_they_are_kept():
    values, state = updated(pulsed(rounding="accumulated", pulses=2), [2.0])
    assert (values[G] - 4.0, np.asarray(state.rests[G])) == (1.0, 2.0)
    values, _ = updated(pulsed(rounding="accumulated", pulses=2), [0.0], values=values, state=state)
    assert values[G] == 6.0


def test_no_more_pulses_are_written_at_once_than_there_are():
    values, state = updated(pulsed(rounding="nearest", pulses=3), [100.0, -2.0])
    np.testing.assert_allclose(values[G] - 4.0, [1.5, -1.5], atol=1e-12)
    assert int(state.written[G]) == 6


@pytest.mark.parametrize("most", [15, 16, 1000])
def test_trains_of_any_length_end_where_their_pulses_do(most):
    """``8 - 4 (1 - 1/8)^n`` of soft bounds from the middle, by short trains without a loop and by long ones."""
    values, _ = updated(
        pulsed(SoftBounds(states=16), rounding="nearest", pulses=most), np.array([0.5 * 14, -1.5])
    )
    np.testing.assert_allclose(values[G], [8 - 4 * 0.875**8, 4 * 0.875**3], rtol=1e-12)


# -- what is written -----------------------------------------------------------------------------------


def test_what_is_no_device_keeps_the_optimizers_own_update():
    values, _ = updated(pulsed(), [0.2])
    np.testing.assert_array_equal(values[B], [-1.0, 2.0])


def test_devices_that_get_no_pulse_keep_their_bits():
    start = {G: np.array([1 / 3, np.pi, 5.1]), B: np.zeros(2)}
    noisy = SoftBounds(states=16, cycle_to_cycle=0.5, write_noise=0.1, device_to_device=0.3)
    values, _ = updated(pulsed(noisy, rounding="nearest"), [0.0, 0.1, 2.0], values=start)
    np.testing.assert_array_equal(values[G][:2], start[G][:2])
    assert values[G][2] != start[G][2]


def test_noise_of_writing_does_not_add_up():
    rule, values, state = pulsed(ConstantStep(states=160, write_noise=0.02), rounding="nearest"), None, None
    for turn in range(6):
        values, state = updated(rule, np.full(MANY, (-1) ** turn * 0.05), values=values, state=state)
        assert (values[G] - 4.0).std() == pytest.approx(0.02 * 8, rel=4 / np.sqrt(2 * MANY))


def test_devices_differ_and_each_answers_by_its_own_step():
    rule = pulsed(ConstantStep(states=16, device_to_device=0.3), rounding="nearest", seed=4)
    values, state = updated(rule, np.full(MANY, 0.5))
    np.testing.assert_allclose(values[G] - 4.0, 0.5 * np.asarray(state.cells[G].up), rtol=1e-6)
    assert (values[G] - 4.0).std() == pytest.approx(0.15, rel=0.03)


def test_a_chip_is_the_same_one_in_both_precisions_and_beside_other_layers():
    rule = pulsed(SoftBounds(device_to_device=0.3, device_to_device_bounds=0.2), seed=9)
    known = parameters((5,))
    with jax.enable_x64(True):
        double = rule.start({G: np.ones(5)}, known).cells[G]
    single = rule.start({G: jnp.ones(5), B: jnp.ones(2)}, known).cells[G]
    assert [v.dtype for v in (double.up, single.up)] == [np.float64, np.float32]
    for a, b in zip(double, single, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    other = pulsed(rule.device, seed=10).start({G: jnp.ones(5)}, known).cells[G]
    assert not np.array_equal(single.up, other.up)


@given(
    wanted=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3),
    start=st.lists(st.floats(0.0, 8.0), min_size=3, max_size=3),
)
@settings(max_examples=20, deadline=None)
def test_values_stay_within_the_bounds_whatever_is_wanted_and_noisy(wanted, start):
    device = ExponentialStep(
        states=16, amplitude_up=0.1, cycle_to_cycle=5.0, write_noise=0.5, device_to_device_bounds=0.5
    )
    values, _ = updated(pulsed(device), np.array(wanted), values={G: np.array(start), B: np.zeros(2)})
    assert np.all((values[G] >= 0.0) & (values[G] <= 8.0))


def test_a_range_of_its_own_maps_the_device():
    rule = pulsed(ranges={"d": (2.0, 6.0)}, rounding="nearest", pulses=100)
    values, _ = updated(rule, [0.25, 4.0, -7.0])
    np.testing.assert_allclose(values[G], [4.25, 6.0, 2.0], atol=1e-12)


# -- programs, files and checkpoints ---------------------------------------------------------------------


def xor():
    xp, b, c = (
        InputVoltageLayer(2, "xp"),
        *(BiasVoltageLayer(2, name, bias_voltage=[1.0, -1.0]) for name in "bc"),
    )
    xn = InputVoltageLayer(name="xn", inverts=xp)
    hidden = DenseLayer(6, "d1", init_type="glorot")(ConcatenateLayer("j1")([xp, xn, b]))
    hidden = DiodeLayer("halves", direction=["up"] * 3 + ["down"] * 3, bias_voltage=0.0)(hidden)
    out = DenseLayer(2, "d2", init_type="glorot")(ConcatenateLayer("j2")([hidden, c]))
    return Model([xp, b, c], [CurrentLayer("xor")(out)], seed=1)


def small():
    x = InputVoltageLayer(units=3, name="x")
    return Model(x, CurrentLayer("y")(DenseLayer(units=2, name="d", init_type="glorot")(x)))


X = np.random.default_rng(0).normal(size=(7, 3))
Y = 0.2 * X[:, :1]
RANGE = {"ranges": (1e-6, 5e-2)}
NOISY = SoftBounds(states=50, cycle_to_cycle=0.3, write_noise=0.01, device_to_device=0.3)


def test_another_seed_and_other_numbers_of_a_device_compile_nothing():
    model = small()

    def fit(device, **options):
        model.fit(
            X,
            Y,
            epochs=3,
            batch_size=3,
            optimizer=Pulsed(Adam(lr=1e-4), device=device, **RANGE | options),
            verbose=False,
        )

    fit(NOISY)
    with compilations() as found:
        fit(NOISY, seed=1)
        fit(
            SoftBounds(states=200, cycle_to_cycle=0.1, write_noise=0.02, device_to_device=0.1, asymmetry=0.1),
            pulses=4,
        )
        fit(NOISY, ranges={"d": (1e-5, 2e-2)})
    assert not found
    with compilations() as found:
        fit(SoftBounds(states=50))
    assert found


def test_bounds_that_make_a_pulse_absurd_are_told():
    model = small()
    with pytest.warns(LearningWarning, match=r"a pulse changes 'd/conductance' by .*ranges=\{'d'"):
        Pulsed(device=SoftBounds(states=20)).start(model.values, model.system.parameters)


@pytest.mark.parametrize(
    "device",
    [
        NOISY,
        Vteam(voltage_up=0.3, voltage_down=0.1, width=1e-7, k_on=1e-3, k_off=1e-3, cycle_to_cycle=0.1),
        PiecewiseStep(pulses=(0, 5, 20), up=(0, 0.6, 1.0), down=(1, 0.5, 0.1), write_noise=0.1),
    ],
    ids=lambda d: type(d).__name__,
)
def test_state_and_description_come_back_from_a_file(tmp_path, device):
    model = small()
    rule = Pulsed(Adam(lr=1e-3), device=device, rounding="accumulated", ranges={"d": (1e-6, 5e-2)}, seed=3)
    model.fit(X, Y, epochs=2, batch_size=3, optimizer=rule, verbose=False)
    rule.save_state(tmp_path / "state.ebana")
    again = Optimizer.from_config(rule.to_config())
    assert again.to_config() == rule.to_config()
    assert again.signature == rule.signature
    again.model = model
    again.load_state(tmp_path / "state.ebana")
    for a, b in zip(jax.tree.leaves(rule.state), jax.tree.leaves(again.state), strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.pulses_written == rule.pulses_written != {}


def test_a_state_of_other_devices_is_refused(tmp_path):
    model = small()
    rule = Pulsed(Adam(model, lr=1e-3), device=NOISY, **RANGE)
    model.fit(X, Y, epochs=1, optimizer=rule, verbose=False)
    rule.save_state(tmp_path / "state.ebana")
    with pytest.raises(ValueError, match="make the optimizer with the device that was saved"):
        Pulsed(Adam(), device=SoftBounds(states=51), model=model, **RANGE).load_state(
            tmp_path / "state.ebana"
        )


def test_loops_by_hand_write_pulses_too():
    model = small()
    rule = Pulsed(Adam(lr=1e-4), device=NOISY, **RANGE)
    before = model.values["d/conductance"]
    rule.step(model, model.gradients(X, Y))
    rule.step(model, model.gradients(X, Y))
    assert rule.steps == 2
    assert not np.array_equal(before, model.values["d/conductance"])


def test_xor_is_learned_through_soft_bounds():
    split = datasets.load("xor")
    model = xor()
    rule = Pulsed(
        Adam(), device=SoftBounds(states=100, device_to_device=0.3, cycle_to_cycle=0.3), ranges=(1e-7, 0.1)
    )
    model.fit({"xp": split.x_train}, split.y_train, epochs=150, optimizer=rule, verbose=False, seed=0)
    assert model.evaluate({"xp": split.x_train}, split.y_train).accuracy == 1.0


# -- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"device": 100}, TypeError, "device=100.*SoftBounds"),
        ({"device": "soft-bounds"}, ValueError, "unknown device 'soft-bounds'.*'reram-soft-bounds'"),
        ({"rounding": "up"}, ValueError, "rounding='up'.*'stochastic'"),
        ({"threshold": 0.0, "rounding": "threshold"}, ValueError, "threshold=0.0"),
        ({"threshold": 2.0}, ValueError, "has no use for a threshold"),
        ({"pulses": 0}, ValueError, "pulses=0"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"kinds": "weight"}, ValueError, "kinds='weight'"),
        ({"kinds": ("conductivity",)}, ValueError, "conductivity"),
        ({"ranges": (2.0, 1.0)}, ValueError, r"ranges=\(2.0, 1.0\).*lowest first"),
        ({"ranges": {"d": 3.0}}, ValueError, "for 'd'"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, error, told):
    with pytest.raises(error, match=told):
        Pulsed(SGD(), **{"device": ConstantStep()} | options)


def test_pulses_are_not_written_twice():
    with pytest.raises(TypeError, match="twice"):
        Pulsed(pulsed(), device=ConstantStep())


def test_ranges_fit_the_layers_and_their_bounds():
    known, values = parameters((3,)), {G: np.ones(3)}
    with pytest.raises(ValueError, match=r"names \['e'\].*layers \['d'\]"):
        pulsed(ranges={"e": (0.0, 1.0)}).start(values, known)
    with pytest.raises(ValueError, match="within the parameter's bounds, 0 to 8"):
        pulsed(ranges=(0.0, 9.0)).start(values, known)
    with pytest.raises(ValueError, match=r"'b/voltage' has no bounds.*ranges=\{'b'"):
        Pulsed(SGD(), device=ConstantStep(), kinds=("voltage",)).start({B: np.zeros(2)}, known)
    with pytest.raises(TypeError, match=r"Call start\(values, parameters\)"):
        pulsed().init(values)
