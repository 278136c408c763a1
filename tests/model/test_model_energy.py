"""The energy of a state, and of an input-output pair."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebana import AmplificationLayer, CurrentLayer, InputVoltageLayer, Model, NotConverged, VoltageLayer
from helpers.nets import Refuses, X, Y, dense, hidden, linear, shared

VOLTS = np.hstack([X, np.ones((5, 1))])


def content(model, v):
    """``sum g dv^2 / 2`` over the one crossbar."""
    dv = VOLTS[:, :, None] - v[:, None, :]
    return 0.5 * (model.values["d/conductance"] * dv**2).sum((1, 2))


def test_the_energy_is_the_co_content_of_the_elements():
    model = shared()
    energy = model.energy(X)
    assert (energy.dtype, energy.shape) == (np.float64, (5,))
    np.testing.assert_allclose(energy, content(model, model.operating_point(X).v), rtol=1e-12)


def test_a_pair_holds_folded_outputs_at_plus_and_minus_half():
    np.testing.assert_allclose(
        shared().energy(X, Y), content(shared(), np.hstack([Y / 2, -Y / 2])), rtol=1e-12
    )


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(-3, 3), min_size=5, max_size=5))
@pytest.mark.parametrize("kind", ["linear", "hidden"])
def test_no_pair_has_less_energy_than_the_free_state(kind, y):
    model = shared(kind)
    free, pair = model.energy(X), model.energy(X, np.array(y))
    assert (pair >= free - 1e-9 * np.abs(free)).all()


def test_the_free_outputs_go_best_with_their_inputs():
    model = linear(fold=False)
    y = model.predict(X)
    np.testing.assert_allclose(model.energy(X, y), model.energy(X), rtol=1e-12)
    assert (model.energy(X, y + 0.1) > model.energy(X)).all()


def test_the_slope_of_the_energy_by_a_conductance_is_half_the_squared_drop_times_the_factor():
    model = shared("hidden")
    v = model.operating_point(X).v
    h, out = v[:, :3], v[:, 3:]  # d1, d2
    drops = {
        "d1/conductance": X[:, 0] - h[:, 0],
        "d2/conductance": 2.0 * h[:, 0] - out[:, 0],  # behind the gain of 2: c = 1 / 4
    }
    for name, factor in (("d1/conductance", 1.0), ("d2/conductance", 0.25)):
        g = model.values[name]
        energies = []
        for step in (1e-4, -1e-4):
            moved = g.copy()
            moved[0, 0] *= 1 + step
            model.set_values({name: moved})
            energies.append(model.energy(X))
        model.set_values({name: g})
        slope = (energies[0] - energies[1]) / (2e-4 * g[0, 0])
        np.testing.assert_allclose(slope, factor * drops[name] ** 2 / 2, rtol=1e-5, atol=1e-9)


def test_a_voltage_layer_reads_the_same_energy_of_a_pair():
    def net(output):
        x = InputVoltageLayer(2, "x")
        return Model(x, output(dense(2, "d2")(dense(3, "d1")(x))))

    read, held = net(CurrentLayer("y")), net(VoltageLayer("y", fold=True))
    np.testing.assert_allclose(read.energy(X, Y), held.energy({"x": X, "y": Y}), rtol=1e-9)


def test_an_output_behind_an_amplifier_cannot_be_held():
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(AmplificationLayer(2.0, "amp")(dense(2, "d")(x))))
    with pytest.raises(ValueError, match=r"'y' cannot be clamped: it reads 2 nodes of 'amp' \(amplified"):
        model.energy(X, Y)


def test_the_energy_of_a_state_that_was_not_found_is_an_error_or_nan():
    model = hidden(engine=Refuses(1.5), name="half")
    with pytest.raises(NotConverged, match=r"energy of model 'half'.*samples 2, 3"):
        model.energy(X)
    assert np.isnan(model.energy(X, strict=False)).tolist() == [False, False, True, True, False]


def test_a_pair_needs_targets_of_the_right_width():
    with pytest.raises(ValueError, match=r"'y'.*shape \(5, 2\)"):
        shared().energy(X, np.zeros((5, 2)))
