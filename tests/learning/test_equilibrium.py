"""Equilibrium propagation against the exact adjoint and against finite differences of the loss."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, Device, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.engines import NativeEngine
from ebana.learning.adjoint import exact_gradient
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE, CrossEntropyLoss, Loss
from ebana.learning.systems.circuit import CircuitSystem
from ebana.physics import stages
from helpers.circuits import amplify, diodes, draw_inputs, stack3, traced

BATCH = 6
SQUARED = MSE()
KINDS = ("conductance", "voltage", "current", "gain", "shift", "backward_gain")
CENTERED, CLAMPED = (
    EquilibriumPropagation("centered", "current"),
    EquilibriumPropagation("centered", "clamped"),
)
ONE_SIDED, NEGATIVE = (
    EquilibriumPropagation("one_sided", "clamped"),
    EquilibriumPropagation("negative", "clamped"),
)


def name_of(rule: EquilibriumPropagation) -> str:
    return f"{rule.phases}-{rule.nudge}"


def system(which: str, **options) -> CircuitSystem:
    """A circuit on the native engine, solved far below what the estimates resolve."""
    return CircuitSystem(
        _circuit(which), NativeEngine(**({"tolerance": 1e-12, "method": "newton"} | options))
    )


@cache
def _circuit(which: str) -> Circuit:
    circuits = {
        "piecewise": stack3,
        "smooth": lambda: stack3(JunctionDiode(is_=1e-7, n=6.0)),
        "ideal": lambda: stack3(IdealDiode(), bias=0.1),
        "shared": shared_crossbar,
    }
    return circuits[which]()


def data(circuit: Circuit, seed: int = 0) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    targets = {port.name: rng.normal(size=(BATCH, port.units)) for port in circuit.outputs}
    return draw_inputs(circuit, rng, BATCH, volts=1.0), targets


@partial(jax.jit, static_argnums=(0, 1, 2))
def _estimate(system, loss, rule, values, inputs, targets, beta, valid):
    return rule.estimate(system, values, Objective(inputs, targets, loss, valid), beta=beta)


@partial(jax.jit, static_argnums=(0, 1))
def _adjoint(system, loss, values, inputs, targets):
    v = system.relax(values, inputs, None, None).v
    return exact_gradient(system, values, Objective(inputs, targets, loss), v)


@partial(jax.jit, static_argnums=(0, 1))
def _loss(system, loss, values, inputs, targets):
    outputs = system.outputs(system.relax(values, inputs, None, None))
    return sum(loss.cost(y, targets[name]).mean() for name, y in outputs.items())


def ep(
    system: CircuitSystem,
    rule: EquilibriumPropagation,
    beta: float,
    *,
    loss: Loss = SQUARED,
    values=None,
    valid=None,
    batch=None,
):
    """An estimate; everything in it as NumPy."""
    inputs, targets = batch or data(system.circuit)
    values = system.circuit.initial() if values is None else values
    with jax.enable_x64(True):
        valid = jnp.ones(len(next(iter(inputs.values()))), bool) if valid is None else jnp.asarray(valid)
        result = _estimate(
            system, loss, rule, traced(values), traced(inputs), traced(targets), jnp.asarray(beta), valid
        )
        return jax.tree.map(np.asarray, result)


def exact(system: CircuitSystem, *, loss: Loss = SQUARED, values=None, batch=None) -> dict[str, np.ndarray]:
    inputs, targets = batch or data(system.circuit)
    values = system.circuit.initial() if values is None else values
    with jax.enable_x64(True):
        return jax.tree.map(
            np.asarray, _adjoint(system, loss, traced(values), traced(inputs), traced(targets))
        )


def difference_quotient(system: CircuitSystem, direction: dict, step: float, loss: Loss) -> float:
    """Central finite difference of the loss, the operating points solved anew."""
    inputs, targets = data(system.circuit)
    start = system.circuit.initial()
    with jax.enable_x64(True):
        ends = [
            float(
                _loss(
                    system,
                    loss,
                    traced({n: v + s * step * direction.get(n, 0.0) for n, v in start.items()}),
                    traced(inputs),
                    traced(targets),
                )
            )
            for s in (1, -1)
        ]
    return (ends[0] - ends[1]) / (2 * step)


def assert_equal_gradients(found: dict, reference: dict, relative: float = 1e-3, idle: tuple = ()) -> None:
    """Direction and length of each parameter's gradient; that of the ``idle`` ones is zero."""
    assert found.keys() == reference.keys()
    for name, wanted in reference.items():
        size = np.linalg.norm(wanted)
        if name in idle:
            assert size == np.abs(found[name]).max() == 0, name
            continue
        assert size > 0, f"{name}: no gradient to compare with"
        cosine = np.vdot(found[name], wanted) / (np.linalg.norm(found[name]) * size)
        assert cosine >= 1 - relative / 10, name
        assert np.linalg.norm(found[name] - wanted) <= relative * size, name


# -- against the adjoint and against finite differences ------------------------------------------------


def test_the_three_stages_have_every_kind_of_trainable_parameter():
    circuit = system("piecewise").circuit
    assert {circuit.parameters[name].kind for name in circuit.trainable} == set(KINDS)
    with jax.enable_x64(True):
        factors = system("piecewise").factors(traced(circuit.initial()))
    assert float(factors["near"]) == pytest.approx(1 / 9)
    assert float(factors["far"]) == pytest.approx(1 / 9 * 1.1 / 0.7 / 4)


@pytest.mark.parametrize(
    ("which", "loss"),
    [("smooth", MSE()), ("ideal", MSE()), ("shared", CrossEntropyLoss())],
    ids=["smooth", "ideal", "cross-entropy"],
)
def test_the_adjoint_is_the_derivative_of_the_loss(which, loss):
    """Along one random direction for each parameter, in units of its values."""
    reference, rng = exact(system(which), loss=loss), np.random.default_rng(0)
    for name, value in system(which).circuit.initial().items():
        if name not in reference:
            continue
        direction = {name: np.abs(value).mean() * rng.normal(size=value.shape)}
        found = difference_quotient(system(which), direction, 1e-5, loss)
        size = np.linalg.norm(reference[name]) * np.linalg.norm(direction[name])
        assert found == pytest.approx(np.vdot(reference[name], direction[name]), abs=1e-5 * size + 1e-10), (
            name
        )


@pytest.mark.parametrize(
    ("which", "rule"),
    [
        ("smooth", CENTERED),
        ("smooth", CLAMPED),
        ("smooth", ONE_SIDED),
        ("smooth", NEGATIVE),
        ("piecewise", CENTERED),
    ],
    ids=lambda part: part if isinstance(part, str) else name_of(part),
)
def test_every_estimator_gives_the_gradient_of_every_kind_of_parameter(which, rule):
    result = ep(system(which), rule, 1e-8 if rule.phases == "centered" else 1e-9)
    assert result.unconverged == 0
    assert result.used.all()
    assert_equal_gradients(result.gradients, exact(system(which)))


def test_cross_entropy_nudges_are_estimated_as_well():
    loss = CrossEntropyLoss()
    result = ep(system("shared"), CLAMPED, 1e-9, loss=loss)
    assert_equal_gradients(result.gradients, exact(system("shared"), loss=loss))


def test_the_centered_estimate_matches_finite_differences_directly():
    """No adjoint between the two: a check that a common mistake in both would fail."""
    gradients = ep(system("smooth"), EquilibriumPropagation(), 1e-8).gradients
    rng = np.random.default_rng(1)
    direction = {
        n: np.abs(v).mean() * rng.normal(size=v.shape) for n, v in system("smooth").circuit.initial().items()
    }
    along = sum(np.vdot(gradients[n], direction[n]) for n in gradients)
    assert difference_quotient(
        system("smooth"), {n: direction[n] for n in gradients}, 1e-5, MSE()
    ) == pytest.approx(along, rel=1e-4)


def test_ideal_diodes_that_conduct_do_not_spoil_the_gradient():
    found, circuit = ep(system("ideal"), EquilibriumPropagation(), 1e-8), system("ideal").circuit
    h1 = found.free.v[:, : circuit.free_groups[0].size]
    voltages = circuit.initial()
    held = np.isclose(h1, voltages["h1d_below/voltage"]) | np.isclose(h1, -voltages["h1d_above/voltage"])
    assert held.any()
    assert not held.all()
    assert found.used.all()
    reference = exact(system("ideal"))
    idle = tuple(n for n, g in reference.items() if n.endswith("voltage") and not g.any())
    assert set(idle) <= {"h2d_below/voltage", "h3d_below/voltage", "h3d_above/voltage"}, "never conduct"
    assert_equal_gradients(found.gradients, reference, idle=idle)


# -- the order of the error ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "factor"),
    [(CENTERED, 4.0), (CLAMPED, 4.0), (ONE_SIDED, 2.0), (NEGATIVE, 2.0)],
    ids=lambda part: name_of(part) if isinstance(part, EquilibriumPropagation) else str(part),
)
def test_halving_beta_divides_the_error_by_four_or_two(rule, factor):
    """Centered: O(beta^2); one-sided and negative: O(beta). Smooth devices, so that the series exists."""
    reference = exact(system("smooth"))

    def error(beta: float) -> float:
        result = ep(system("smooth"), rule, beta)
        assert result.used.all()
        return np.sqrt(
            sum(
                np.linalg.norm(result.gradients[n] - g) ** 2 / np.linalg.norm(g) ** 2
                for n, g in reference.items()
            )
        )

    big = 1e-6
    assert error(big) / error(big / 2) == pytest.approx(factor, rel=0.1)
    assert error(big) > 1e-5, "large enough to be seen"


def test_the_centered_estimator_is_the_mean_of_the_two_one_sided_ones():
    beta = 1e-6
    plus, minus = (ep(system("smooth"), rule, beta).gradients for rule in (ONE_SIDED, NEGATIVE))
    for name, value in ep(system("smooth"), CLAMPED, beta).gradients.items():
        if name.endswith("gain"):
            continue  # products of means and changes, not differences of one function
        np.testing.assert_allclose(
            value, (plus[name] + minus[name]) / 2, rtol=1e-6, atol=1e-6 * np.abs(value).max()
        )


# -- what may not enter a gradient ----------------------------------------------------------------------


def _rows(batch: tuple[dict, dict], index) -> tuple[dict, dict]:
    return tuple({name: a[index] for name, a in part.items()} for part in batch)  # type: ignore[return-value]


def test_samples_that_did_not_converge_leave_the_gradient():
    """Two iterations are too few for some samples: the mean is that of the others."""
    hasty, batch = system("shared", max_iterations=2), data(system("shared").circuit)
    batch = ({n: a * np.array([[1e-3, 1, 3, 1e-3, 10, 30]]).T for n, a in batch[0].items()}, batch[1])
    result = ep(hasty, CENTERED, 1e-9, batch=batch)
    assert 0 < result.used.sum() < BATCH
    assert result.unconverged >= BATCH - result.used.sum()
    alone = _rows(batch, result.used)
    repeated = _rows(alone, np.resize(np.arange(result.used.sum()), BATCH))  # same shape: one compilation
    mask = np.arange(BATCH) < result.used.sum()
    reference = ep(hasty, CENTERED, 1e-9, batch=repeated, valid=mask)
    assert reference.unconverged == 0
    for name, value in result.gradients.items():
        np.testing.assert_allclose(
            value, reference.gradients[name], rtol=1e-6, atol=1e-6 * np.abs(value).max()
        )


@pytest.mark.parametrize("where", ["inputs", "targets"])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("rule", [CENTERED, ONE_SIDED], ids=name_of)
def test_not_a_number_never_enters_a_gradient(rule, poison, where):
    inputs, targets = data(system("shared").circuit)
    clean = ep(system("shared"), rule, 1e-9, valid=np.arange(BATCH) != 2)
    spoilt = {"inputs": inputs["x"], "targets": targets["y"]}[where]
    spoilt[2] = poison
    result = ep(system("shared"), rule, 1e-9, batch=(inputs, targets))
    np.testing.assert_array_equal(result.used, np.arange(BATCH) != 2)
    assert result.unconverged > 0
    for name, value in result.gradients.items():
        np.testing.assert_allclose(value, clean.gradients[name], rtol=1e-6, atol=1e-6 * np.abs(value).max())


def test_a_batch_without_one_operating_point_has_no_gradient():
    inputs, targets = data(system("shared").circuit)
    result = ep(
        system("shared"), EquilibriumPropagation(), 1e-9, batch=({"x": inputs["x"] * np.nan}, targets)
    )
    assert not result.used.any()
    assert all((g == 0).all() for g in result.gradients.values())


def test_padding_has_no_effect():
    inputs, targets = batch = data(system("shared").circuit)
    mask = np.array([True, True, True, True, False, False])
    padded = ep(system("shared"), EquilibriumPropagation(), 1e-9, valid=mask)
    other = _rows(batch, np.array([0, 1, 2, 3, 0, 1]))
    again = ep(system("shared"), EquilibriumPropagation(), 1e-9, batch=other, valid=mask)
    np.testing.assert_array_equal(padded.used, mask)
    for name, value in padded.gradients.items():
        np.testing.assert_allclose(value, again.gradients[name], rtol=1e-6, atol=1e-6 * np.abs(value).max())
    spoilt = {"x": inputs["x"].copy()}
    spoilt["x"][4:] = np.nan
    assert (
        ep(system("shared"), EquilibriumPropagation(), 1e-9, batch=(spoilt, targets), valid=mask).unconverged
        == 0
    )


def test_the_gradient_is_the_mean_over_samples():
    batch = data(system("shared").circuit)
    whole = ep(system("shared"), EquilibriumPropagation(), 1e-9).gradients
    parts = [
        ep(system("shared"), EquilibriumPropagation(), 1e-9, valid=np.arange(BATCH) == k).gradients
        for k in range(BATCH)
    ]
    assert len(batch[0]["x"]) == BATCH
    for name, value in whole.items():
        mean = np.mean([part[name] for part in parts], axis=0)
        np.testing.assert_allclose(mean, value, rtol=1e-6, atol=1e-6 * np.abs(value).max())


# -- sharing, and where there is no energy ------------------------------------------------------------------


def shared_crossbar(copies: bool = False) -> Circuit:
    """One crossbar in two places, behind a gain of 2 in the second; ``copies`` gives each its own values."""
    rng = np.random.default_rng(0)
    g = rng.uniform(1e-6, 1e-5, (3, 3))
    build = CircuitBuilder()
    x, first, second = build.input("x", 3), build.nodes("first", 3), build.nodes("second", 3)
    build.crossbar("one", x, first, g, trainable=True)
    diodes(build, "d", first, BehavioralDiode(vth=0.3, ron=1e4), 0.1, -0.1)
    w = amplify(build, "a", first, 2.0)
    build.crossbar(
        "two", w, second, g if copies else "one/conductance", **({"trainable": True} if copies else {})
    )
    build.resistors("leak", second, build.ground(3), np.full(3, 1e-6))
    build.output("y", second, folded=False)
    return build.build()


def test_conductances_in_two_places_add_up_their_gradients():
    shared = ep(system("shared"), EquilibriumPropagation(), 1e-9).gradients["one/conductance"]
    apart = ep(
        CircuitSystem(shared_crossbar(copies=True), NativeEngine(tolerance=1e-12)),
        EquilibriumPropagation(),
        1e-9,
    ).gradients
    np.testing.assert_allclose(shared, apart["one/conductance"] + apart["two/conductance"], rtol=1e-6)
    assert_equal_gradients({"one/conductance": shared}, exact(system("shared")))
    assert np.abs(apart["one/conductance"]).max() > 1e-2 * np.abs(apart["two/conductance"]).max()


def test_without_a_common_energy_the_estimate_is_off_and_the_adjoint_is_not():
    """Amplifiers of gains 4 and 1 from one stage to another: physics.md 2 says to warn; this is by how much."""
    rng = np.random.default_rng(0)
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 3)
    build.crossbar("h", x, h, rng.uniform(1e-6, 1e-5, (3, 3)), trainable=True)
    rows = np.concatenate([amplify(build, "a", h, 4.0), amplify(build, "b", h, 1.0)])
    o = build.nodes("o", 2)
    build.crossbar("o", rows, o, rng.uniform(1e-6, 1e-5, (6, 2)), trainable=True)
    build.output("y", o)
    circuit = build.build()
    assert stages.conflicts(circuit)
    diamond = CircuitSystem(circuit, NativeEngine(tolerance=1e-12))
    found, reference = ep(diamond, EquilibriumPropagation(), 1e-9).gradients, exact(diamond)
    direction = {n: v * rng.normal(size=v.shape) for n, v in circuit.initial().items() if n in reference}
    along = sum(np.vdot(reference[n], d) for n, d in direction.items())
    assert difference_quotient(diamond, direction, 1e-5, MSE()) == pytest.approx(along, rel=1e-6)
    off = max(np.linalg.norm(found[n] - g) / np.linalg.norm(g) for n, g in reference.items())
    assert off > 0.1


def test_sources_and_outputs_behind_amplifiers_are_trained():
    """A trainable bias that an amplifier raises, and outputs that are amplified nodes themselves."""
    rng = np.random.default_rng(0)
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 3)
    bias = amplify(build, "before", build.bias("b", [0.5, -0.3], trainable=True), 2.0, 0.1)
    build.crossbar("h", np.concatenate([x, bias]), h, rng.uniform(1e-6, 1e-5, (5, 3)), trainable=True)
    diodes(build, "d", h, BehavioralDiode(vth=0.3, ron=1e5), 0.1, -0.1)
    w = amplify(build, "after", h, 3.0, 0.1, trainable=True)
    build.resistors("load", w, build.ground(3), rng.uniform(1e-6, 1e-5, 3), trainable=True)
    build.output("y", w, folded=False)
    amplified = CircuitSystem(build.build(), NativeEngine(tolerance=1e-12))
    reference = exact(amplified)
    assert_equal_gradients(ep(amplified, CENTERED, 1e-9).gradients, reference)
    for name in ("b/voltage", "after/gain", "after/shift"):
        direction = {name: np.ones_like(reference[name])}
        slope = difference_quotient(amplified, direction, 1e-5, SQUARED)
        assert slope == pytest.approx(reference[name].sum(), rel=1e-5), name


def test_devices_of_their_own_parameter_are_trained():
    """A user's device with a trainable width, stated by its co-content alone."""
    from dataclasses import dataclass

    @dataclass(frozen=True)
    class Quartic(Device):
        def cocontent(self, dv, p):
            return p["width"] * dv**4 / 4

    rng = np.random.default_rng(0)
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 4)
    build.crossbar("h", x, h, rng.uniform(1e-6, 1e-5, (3, 4)), trainable=True)
    width = build.parameter("d/width", "device", rng.uniform(1e-6, 1e-5, 4), trainable=True)
    build.devices("d", h, build.ground(4), Quartic(), {"width": width})
    build.output("y", h)
    own = CircuitSystem(build.build(), NativeEngine(tolerance=1e-12))
    assert_equal_gradients(ep(own, EquilibriumPropagation(), 1e-9).gradients, exact(own))


# -- the rule ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "named"), [({"phases": "central"}, "'central'"), ({"nudge": "hard"}, "'hard'")]
)
def test_unknown_rules_are_refused_by_name(options, named):
    with pytest.raises(ValueError, match=named):
        EquilibriumPropagation(**options)


def test_the_published_rule_is_the_gradient_times_twice_the_ratio_of_factors():
    """Equation (4) of the paper moves by dv_b^2 - dv_0^2 over beta: 2 c_out / c_l times the gradient."""
    stack = system("piecewise")
    with jax.enable_x64(True):
        scale = {n: float(s) for n, s in stack.gradient_scale(traced(stack.circuit.initial())).items()}
    c_out = 1 / 9 * 1.1 / 0.7 / 4  # the least of the outputs' factors
    assert scale["h1/conductance"] == pytest.approx(2 * c_out)
    assert scale["h2/conductance"] == pytest.approx(2 * c_out * 9)
    assert scale["far/conductance"] == pytest.approx(2)
    assert "a1/gain" not in scale
