"""What the sweeps of Hopfield blocks leave is measured within a multiple of what they are given."""

import math
import re

import numpy as np
import pytest

from ebana import LearningWarning
from ebana.hybrid import (
    Dense,
    Hopfield,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Relaxation,
    Uniform,
    measure_sweeps,
    sweeps,
)
from ebana.hybrid.settling import MOST
from ebana.training.fit import UnconvergedWarning

X = np.random.default_rng(0).normal(size=(16, 8))
BEYOND = 3.4e38 * np.sign(X)


def chain(relaxation: Relaxation, layers: int = 4, *, clamped: bool = True, gain: float = 1.6) -> HybridModel:
    """A row of layers, of which the last ones may be linear; couplings are free."""
    states = [
        HopfieldStates(clamped=clamped),
        *(HopfieldDense(8, start=Uniform(gain), clamped=clamped) for _ in range(layers)),
    ]
    return HybridModel([Hopfield(states, coupling=None, relaxation=relaxation, name="deep"), Dense(3)], 8)


@pytest.fixture
def swept(monkeypatch):
    """Sweeps of both phases as they are done."""
    done = {"free": 0, "nudged": 0}

    def counted(phase, run):
        def call(argument, *rest):
            relaxation = sweeps.from_argument(argument).relaxation
            done[phase] += int(getattr(relaxation, f"{phase}_sweeps"))
            return run(argument, *rest)

        return call

    monkeypatch.setattr(sweeps, "_settled", counted("free", sweeps._settled))
    monkeypatch.setattr(sweeps, "_pushed", counted("nudged", sweeps._pushed))
    return done


def test_enough_sweeps_are_found_enough_in_four_times_their_number(swept):
    found = measure_sweeps(chain(Relaxation(64, 64), 1, gain=0.5), X)["deep"]
    assert found.enough
    assert (found.free_needed, found.nudged_needed) == (64, 64)
    assert swept == {"free": 4 * 64, "nudged": 4 * 64}


@pytest.mark.parametrize("given", [1, 3, 20])
def test_no_more_is_tried_than_a_multiple_of_what_is_given(swept, given):
    """With this over-relaxation states go round for very long."""
    found = measure_sweeps(chain(Relaxation(given, given, factor=1.999)), X)["deep"]
    assert not found.enough
    assert found.free_needed is None
    assert max(swept.values()) < 2 * MOST * max(given, 8)


def test_the_reference_is_where_a_thousand_sweeps_lead():
    """Doubling from where states are ends where sweeping from the start does."""
    few = measure_sweeps(chain(Relaxation(4, 4), gain=1.0), X)["deep"]
    far = measure_sweeps(chain(Relaxation(1024, 1024), gain=1.0), X)["deep"]
    assert far.free_error < 1e-5
    model = chain(Relaxation(few.free_needed, few.nudged_needed), gain=1.0)
    assert measure_sweeps(model, X)["deep"].enough
    assert few.free_error == pytest.approx(_distance(4, 1024), abs=1e-4)


def _distance(few: int, many: int) -> float:
    """Between free states after so many sweeps from the start, root mean square."""
    return float(np.sqrt(np.mean((_states(few)[0] - _states(many)[0]) ** 2)))


def _states(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Free states after so many sweeps from the start, and what the last one changes by sample."""
    import jax.numpy as jnp

    from ebana.compilation import arithmetic
    from ebana.hybrid.parts import own_values

    model = chain(Relaxation(count, 1), gain=1.0)
    system = model.blocks["deep"].block.system
    with arithmetic(False):
        values = {n: jnp.asarray(v, jnp.float32) for n, v in own_values(model.values, "deep").items()}
        state = system.relax(values, {"x": jnp.asarray(X, jnp.float32)}, None, None)
        return np.asarray(system.unknowns(state)), np.asarray(state.change)


def test_states_that_are_lost_are_told_plainly(swept):
    """Linear layers of inputs that single precision has no numbers for, and a look that ends with them."""
    model = chain(Relaxation(100, 100), 2, clamped=False, gain=0.5)
    found = measure_sweeps(model, BEYOND)["deep"]
    assert math.isnan(found.free_error)
    assert not found.enough
    assert swept["nudged"] == 0
    with pytest.warns((LearningWarning, UnconvergedWarning)) as warned:
        model.fit(BEYOND, np.eye(3)[np.arange(16) % 3], loss_fn="cross_entropy", verbose=False)
    told = [str(one.message) for one in warned if "before training" in str(one.message)]
    assert len(told) == 1
    assert re.search(r"before training: its states become NaN or infinite within \d+ free sweeps\.", told[0])
    assert "nan" not in told[0].replace("NaN in model.values", "").replace("NaN or infinite", "")


# -- phases that a tolerance ends --------------------------------------------------------------------------


def test_nudged_phases_without_a_tolerance_are_measured_where_free_ones_have_one(swept):
    """As those of a block that takes so many free sweeps that they are within the tolerance."""
    ended = chain(Relaxation(2000, 1, 1e-6, nudged_tolerance=0), gain=1.0)
    found = measure_sweeps(ended, X)["deep"]
    fixed = measure_sweeps(chain(Relaxation(256, 1), gain=1.0), X)["deep"]
    assert (found.free_error, found.free_needed, found.lost) == (None, None, 0.0)
    assert found.nudged_error == pytest.approx(fixed.nudged_error, rel=1e-2)
    assert found.nudged_needed == fixed.nudged_needed
    assert not found.enough
    with pytest.warns(
        LearningWarning, match=rf"1 nudged sweeps miss .*Relaxation\(2000, {found.nudged_needed}\)"
    ):
        sweeps.warn_of_sweeps(ended, X, "now")


@pytest.mark.parametrize(
    "relaxation", [Relaxation(50, 50, 1e-4), Relaxation(50, 50, 1e-4, nudged_tolerance=1e-5)]
)
def test_nothing_is_measured_where_tolerances_end_both_phases(relaxation):
    assert measure_sweeps(chain(relaxation), X) == {}


def test_free_phases_without_a_tolerance_are_measured_where_nudged_ones_have_one():
    found = measure_sweeps(chain(Relaxation(2, 50, nudged_tolerance=1e-4), gain=1.0), X)["deep"]
    assert found.free_error == measure_sweeps(chain(Relaxation(2, 50), gain=1.0), X)["deep"].free_error
    assert (found.nudged_error, found.nudged_needed) == (None, None)


def test_samples_beyond_their_tolerance_are_told_and_left_out():
    """A tolerance between what the last of three sweeps changes in one half of the samples and in the other."""
    changes = _states(3)[1]
    between = float(np.median(changes))
    model = chain(Relaxation(3, 1, between, nudged_tolerance=0), gain=1.0)
    found = measure_sweeps(model, X)["deep"]
    assert found.lost == pytest.approx(8 / 16)
    alone = measure_sweeps(model, X[changes < between])["deep"]
    assert alone.lost == 0
    assert found.nudged_error == pytest.approx(alone.nudged_error, rel=1e-4)


def test_where_no_sample_is_left_it_is_said():
    model = chain(Relaxation(1, 3, 1e-7, nudged_tolerance=0), gain=1.0)
    found = measure_sweeps(model, X)["deep"]
    assert found.lost == 1
    assert not found.enough
    with pytest.warns(
        LearningWarning, match="1 free sweeps bring none of its samples within their tolerance"
    ):
        sweeps.warn_of_sweeps(model, X, "now")
