"""The native engine finds operating points to a nanovolt, or says that it has not."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.engines import NativeEngine, NotConverged, Nudge, Result, get
from ebana.engines.base import raise_unless_converged
from ebana.engines.certificate import estimate_error
from ebana.learning.losses import MSE, CrossEntropyLoss, Loss
from ebana.physics import kirchhoff
from ebana.physics.energy import energy, output_factor
from helpers.circuits import (
    amplify,
    diodes,
    draw_inputs,
    draw_values,
    law,
    random_circuit,
    solve,
    stiff_chain,
    traced,
)
from helpers.oracles import ExactCircuit

NANOVOLT = 1e-9
METHODS = ("auto", "newton", "sweeps")
METHOD_OPTIONS = {
    "auto": {},
    "newton": {"method": "newton"},
    "sweeps": {"method": "sweeps", "max_iterations": 1000},
}


class LogCosh(Loss):
    """A loss that is neither quadratic nor built in."""

    def cost(self, y, target):
        return jnp.log(jnp.cosh(y - target)).sum(-1)


# -- against exact arithmetic ------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "bridged"), [(5, False), (7, False), (0, True), (5, True)])
def test_random_circuits_over_nine_decades_are_solved_to_a_nanovolt_or_refused(seed, bridged):
    circuit, rng = random_circuit(seed, bridged), np.random.default_rng(seed)
    solved = 0
    for draw in range(50):
        values, inputs = draw_values(circuit, rng), draw_inputs(circuit, rng, 2)
        point = solve(circuit, inputs, values=values)
        for sample in np.flatnonzero(point.converged):
            exact = ExactCircuit(circuit, values, inputs, sample).operating_point(point.v[sample])
            assert exact is not None, f"draw {draw}, sample {sample}: not the segments of an operating point"
            np.testing.assert_allclose(point.v[sample], exact, rtol=0, atol=NANOVOLT)
            solved += 1
    assert solved >= 95, f"only {solved} of 100 operating points were found"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("volts", [1.0, 0.3, -4.0])
def test_a_stiff_chain_is_solved_or_refused_but_never_wrong(method, volts):
    circuit, inputs = stiff_chain(), {"x": [[volts]]}
    point = solve(circuit, inputs, method=method)
    exact = ExactCircuit(circuit, circuit.initial(), inputs).operating_point(point.v[0])
    np.testing.assert_allclose(exact, volts / 2, rtol=1e-8)
    right = np.abs(point.v[0] - exact).max() <= NANOVOLT
    assert right or point.code[0] != Result.CONVERGED
    assert point.code[0] == Result.CONVERGED or method == "sweeps", "Newton's method must solve it"


@pytest.mark.parametrize("spread", [(-9, -6), (-6, -3), (-9, 0)])
def test_all_methods_agree_on_layered_circuits(spread):
    circuit, rng = random_circuit(5), np.random.default_rng(3)
    for _ in range(5):
        values, inputs = draw_values(circuit, rng, spread), draw_inputs(circuit, rng, 2)
        points = {
            method: solve(circuit, inputs, values=values, **METHOD_OPTIONS[method]) for method in METHODS
        }
        assert points["auto"].converged.all()
        assert points["newton"].converged.all()
        for point in points.values():
            apart = np.abs(point.v - points["auto"].v).max(1)
            assert (apart[point.converged] <= 2 * NANOVOLT).all()


def test_sweeps_alone_solve_a_layered_circuit_of_like_conductances():
    circuit, rng = random_circuit(5), np.random.default_rng(0)
    values, inputs = draw_values(circuit, rng, (-6, -5)), draw_inputs(circuit, rng, 2)
    point = solve(circuit, inputs, values=values, **METHOD_OPTIONS["sweeps"])
    assert point.converged.all()
    np.testing.assert_allclose(point.v, solve(circuit, inputs, values=values).v, rtol=0, atol=2 * NANOVOLT)


def test_a_crossbar_within_one_layer_is_solved():
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 4)
    build.crossbar("in", x, h, np.ones((2, 4)), low=1e-12)
    build.crossbar("across", h[:2], h[2:], np.ones((2, 2)), low=1e-12)
    diodes(build, "d", h, BehavioralDiode(vth=0.2, ron=10.0), 0.1, -0.1)
    build.output("y", h)
    circuit, rng = build.build(), np.random.default_rng(0)
    for _ in range(10):
        values, inputs = draw_values(circuit, rng), draw_inputs(circuit, rng, 2)
        point = solve(circuit, inputs, values=values)
        for sample in range(2):
            exact = ExactCircuit(circuit, values, inputs, sample).operating_point(point.v[sample])
            np.testing.assert_allclose(point.v[sample], exact, rtol=0, atol=NANOVOLT)


def test_many_conductances_are_summed_without_losing_a_leak():
    """150 x 150 conductances of 1 to 10 mS between nodes that leaks of 1 nS hold: sums round at 3 nV or less."""
    size = 150
    build = CircuitBuilder()
    x, a, b = build.input("x", 2), build.nodes("a", size), build.nodes("b", size)
    rng = np.random.default_rng(0)
    build.crossbar("in", x, a, 10 ** rng.uniform(-9, -8.9, (2, size)), low=1e-10)
    build.crossbar("middle", a, b, 10 ** rng.uniform(-3, -2, (size, size)))
    build.crossbar("out", b, build.ground(1), 10 ** rng.uniform(-9, -8.9, (size, 1)), low=1e-10)
    build.output("y", b, folded=False)
    circuit, values = build.build(), None
    inputs = draw_inputs(circuit, rng, 8)
    point = solve(circuit, inputs, max_iterations=30)
    values = circuit.initial()
    # as good as one node: the sources' currents through the sum of all leaks
    g_in, g_out = values["in/conductance"], values["out/conductance"].sum()
    mean = inputs["x"] @ g_in.sum(1) / (g_in.sum() + g_out)
    apart = np.abs(_refined(circuit, values, inputs, mean) - point.v).max(1)
    assert (apart[point.converged] <= NANOVOLT).all()
    assert point.converged.all()


def _refined(circuit: Circuit, values: dict, inputs: dict, mean: np.ndarray) -> np.ndarray:
    """Solution for deviations from ``mean``, which are small, so that their rounding is smaller still."""
    g1, g2, g3 = (values[f"{name}/conductance"] for name in ("in", "middle", "out"))
    m, n = g2.shape
    matrix = np.block([[np.diag(g1.sum(0) + g2.sum(1)), -g2], [-g2.T, np.diag(g2.sum(0) + g3.sum(1))]])
    rhs = np.concatenate([(inputs["x"] - mean[:, None]) @ g1, -mean[:, None] * g3.sum(1)], axis=1)
    # in the basis (common mode, differences) the leak does not drown
    basis = np.eye(m + n)
    basis[:, 0] = 1.0
    leak = np.concatenate([g1.sum(0), g3.sum(1)])
    transformed = basis.T @ matrix @ basis
    transformed[0] = transformed[:, 0] = basis.T @ leak
    return mean[:, None] + (basis @ np.linalg.solve(transformed, basis.T @ rhs.T)).T


# -- devices -----------------------------------------------------------------------------------------


@cache
def clipped(model) -> Circuit:
    """Two layers with diodes on the first, an amplifier, and two folded outputs."""
    rng = np.random.default_rng(1)
    build = CircuitBuilder()
    rows = np.concatenate([build.input("x", 3), build.bias("one", [1.0])])
    h = build.nodes("h", 5)
    build.crossbar("h", rows, h, rng.uniform(1e-6, 1e-5, (4, 5)))
    diodes(build, "d", h, model, 0.2, -0.2)
    w = amplify(build, "a", h, 3.0, 0.1)
    o = build.nodes("o", 4)
    build.crossbar(
        "o", np.concatenate([w, build.bias("two", [1.0, -1.0])]), o, rng.uniform(1e-6, 1e-5, (7, 4))
    )
    build.output("y", o)
    return build.build()


@pytest.mark.parametrize("method", METHODS)
def test_ideal_diodes_keep_their_bounds_and_push_only_outwards(method):
    circuit = clipped(IdealDiode())
    inputs = draw_inputs(circuit, np.random.default_rng(0), 10)
    point = solve(circuit, inputs, method=method)
    assert point.converged.all()
    h, drawn = point.v[:, :5], law(circuit, inputs, point.v)
    assert (h >= -0.2).all()
    assert (h <= 0.2).all()
    top, bottom = h == 0.2, h == -0.2
    assert top.any()
    assert bottom.any()
    assert (~top & ~bottom).any()
    assert (drawn[:, :5][top] <= 0).all(), "the diode at the upper bound takes current out of the node"
    assert (drawn[:, :5][bottom] >= 0).all(), "the diode at the lower bound brings current into the node"
    idle = np.concatenate([~top & ~bottom, np.full((10, 4), True)], axis=1)
    assert np.abs(drawn[idle]).max() < 1e-5 * NANOVOLT, "elsewhere Kirchhoff's current law holds"


def test_ideal_diodes_are_the_limit_of_small_resistances():
    inputs = draw_inputs(clipped(IdealDiode()), np.random.default_rng(0), 10)
    ideal = solve(clipped(IdealDiode()), inputs).v
    apart = [
        np.abs(solve(clipped(BehavioralDiode(vth=0.0, ron=ron)), inputs).v - ideal).max()
        for ron in (100.0, 1.0)
    ]
    assert apart[1] < 1e-4
    assert apart[1] == pytest.approx(apart[0] / 100, rel=0.01)


def test_ideal_diodes_between_free_nodes_are_refused_by_name():
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.resistors("r", x, h, [1e-6, 1e-6])
    build.devices("valve", h[:1], h[1:], IdealDiode())
    with pytest.raises(ValueError, match=r"'valve' join two free nodes"):
        solve(build.build(), {"x": [[2.0, 0.0]]})


def test_ideal_diodes_with_contradictory_bounds_have_no_operating_point():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("r", x, h, [1e-6])
    diodes(build, "d", h, IdealDiode(), down=0.1, up=0.5)
    assert solve(build.build(), {"x": [[2.0]]}).code[0] == Result.NO_MINIMUM


@pytest.mark.parametrize("method", METHODS)
def test_two_diodes_of_one_array_at_one_node_both_count(method):
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.crossbar("r", x, h, [[1e-6]])
    build.devices("d", np.repeat(h, 2), build.bias("s", [0.1, 0.5]), BehavioralDiode(vth=0.3, ron=1e6))
    point = solve(build.build(), {"x": [[2.0]]}, method=method)
    assert point.code[0] == Result.CONVERGED
    assert point.v[0, 0] == pytest.approx((2.0 + 0.4 + 0.8) / 3)  # three equal conductances


JUNCTIONS = (
    JunctionDiode(is_=2.52e-9, n=1.752, rs=0.568),
    JunctionDiode(is_=1e-6),
)


@pytest.mark.parametrize("model", JUNCTIONS, ids=["series", "leaky"])
def test_junction_diodes_obey_kirchhoff_and_the_certificate(model):
    circuit = clipped(model)
    inputs = draw_inputs(circuit, np.random.default_rng(0), 10, volts=4.0)
    point = solve(circuit, inputs)
    assert point.converged.all()
    assert np.abs(law(circuit, inputs, point.v)).max() < 1e-6 * NANOVOLT  # the nodes see 1e-6 S and more
    with jax.enable_x64(True):
        error = estimate_error(circuit, traced(circuit.initial()), traced(inputs), point.v, Nudge.none())
    assert error.max() < NANOVOLT
    drop = point.v[:, :5] - 0.2
    assert (drop > 0.05).any(), "some diode conducts"


@pytest.mark.parametrize("offset", [0.0, 1e-12, -1e-12, 1e-9, -1e-9, 1e-6])
@pytest.mark.parametrize("method", METHODS)
def test_a_state_at_a_diode_corner_is_found(method, offset):
    corner = 0.25 + 0.5
    volts = 2 * (corner + offset)  # the divider alone would be at the corner plus the offset
    point = solve(corner_circuit(), {"x": [[volts]]}, method=method)
    exact = ExactCircuit(corner_circuit(), corner_circuit().initial(), {"x": [[volts]]}).operating_point(
        point.v[0]
    )
    assert point.code[0] == Result.CONVERGED
    np.testing.assert_allclose(point.v[0], exact, rtol=0, atol=NANOVOLT)


@cache
def corner_circuit() -> Circuit:
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.crossbar("top", x, h, 1e-9)
    build.crossbar("bottom", h, build.ground(1), 1e-9)
    build.devices("d", h, build.bias("s", [0.25]), BehavioralDiode(vth=0.5, ron=1.0))
    return build.build()


# -- the batch and the start -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "outcomes"),
    [
        ("auto", {Result.CONVERGED, Result.NOT_FINITE}),
        ("newton", {Result.CONVERGED, Result.NOT_FINITE, Result.STALLED}),
    ],
)
def test_a_sample_does_not_depend_on_its_companions(method, outcomes):
    """Easy and hard samples, one not finite; the loose tolerance shows any step that is taken after the end."""
    circuit = clipped(JUNCTIONS[0])
    x = draw_inputs(circuit, np.random.default_rng(0), 8)["x"]
    inputs = {"x": x * np.logspace(-6, 3, 8)[:, None]}
    inputs["x"][5] = np.nan
    options = {"tolerance": 1e-3, "max_iterations": 6, "method": method}
    together = solve(circuit, inputs, **options)
    assert set(together.code) == outcomes, "outcomes must differ"
    assert len(set(together.iterations)) > 1
    for k in range(8):
        alone = solve(circuit, {"x": inputs["x"][k : k + 1]}, **options)
        assert alone.code[0] == together.code[k]
        assert alone.iterations[0] == together.iterations[k]
        if alone.converged[0]:
            np.testing.assert_allclose(alone.v[0], together.v[k], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "model", [BehavioralDiode(vth=0.1), JUNCTIONS[0], IdealDiode()], ids=lambda m: type(m).__name__
)
def test_a_warm_start_ends_where_a_cold_one_does(model):
    circuit, rng = clipped(model), np.random.default_rng(0)
    inputs = draw_inputs(circuit, rng, 10)
    cold = solve(circuit, inputs)
    near = solve(circuit, inputs, start=cold.v)
    far = solve(circuit, inputs, start=3 * rng.normal(size=cold.v.shape))
    assert cold.converged.all()
    assert far.converged.all()
    np.testing.assert_allclose(near.v, cold.v, rtol=0, atol=NANOVOLT)
    np.testing.assert_allclose(far.v, cold.v, rtol=0, atol=NANOVOLT)
    assert near.iterations.max() <= 2


@pytest.mark.parametrize("method", ["auto", "sweeps"])
def test_an_iteration_too_few_stalls_and_never_converges_wrong(method):
    circuit, rng = random_circuit(5), np.random.default_rng(0)
    values, inputs = draw_values(circuit, rng), draw_inputs(circuit, rng, 2)
    short = solve(circuit, inputs, values=values, method=method, max_iterations=1)
    right = solve(circuit, inputs, values=values)
    assert (short.code == Result.STALLED).any()
    assert (short.iterations == 1).all()
    assert (short.error[short.code == Result.STALLED] > NANOVOLT).all()
    assert (np.abs(short.v - right.v).max(1)[short.converged] <= NANOVOLT).all()


@pytest.mark.parametrize("tolerance", [1e-3, 1e-12])
def test_the_error_stays_within_the_tolerance_that_was_asked_for(tolerance):
    circuit = clipped(JUNCTIONS[0])
    inputs = draw_inputs(circuit, np.random.default_rng(0), 10)
    point = solve(circuit, inputs, tolerance=tolerance)
    assert point.converged.all()
    assert (point.error <= tolerance).all()
    assert np.abs(point.v - solve(circuit, inputs).v).max() <= max(tolerance, NANOVOLT)


# -- nudges ------------------------------------------------------------------------------------------


@cache
def nudged_circuit(folded: bool) -> Circuit:
    """Hidden layer with diodes, amplifier, four output nodes (more than hidden ones)."""
    rng = np.random.default_rng(4)
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 3)
    build.crossbar("h", x, h, rng.uniform(1e-6, 1e-5, (3, 3)))
    diodes(build, "d", h, BehavioralDiode(vth=0.3, ron=1e4), 0.1, -0.1)
    o = build.nodes("o", 4)
    build.crossbar("o", amplify(build, "a", h, 2.0, 0.1), o, rng.uniform(1e-6, 1e-5, (3, 4)))
    build.output("y", o, folded=folded)
    return build.build()


def _clamped(circuit: Circuit, strength: float, loss: Loss, batch: int = 4) -> tuple[dict, Nudge]:
    rng = np.random.default_rng(0)
    inputs = draw_inputs(circuit, rng, batch)
    units = circuit.outputs[0].units
    targets = np.eye(units)[rng.integers(0, units, batch)]
    with jax.enable_x64(True):
        return inputs, Nudge({}, {"y": jnp.asarray(strength)}, {"y": jnp.asarray(targets)}, loss)


@partial(jax.jit, static_argnums=0)
def _slope_and_curvature(circuit: Circuit, v, x, nudge):
    """Of ``E + c_out s C``, by the free potentials of each sample."""
    values = traced(circuit.initial())
    c_out = output_factor(circuit, values, "y")

    def objective(v, x, target):
        p = kirchhoff.potentials(circuit, values, {"x": x[None]}, v[None])
        cost = nudge.loss.cost(kirchhoff.read(circuit, "y", p), target[None])[0]
        return energy(circuit, values, p)[0] + c_out * nudge.strength["y"] * cost

    return tuple(jax.vmap(d(objective))(v, x, nudge.targets["y"]) for d in (jax.grad, jax.hessian))


def _derivatives(circuit: Circuit, nudge: Nudge, v, inputs: dict) -> tuple[np.ndarray, np.ndarray]:
    with jax.enable_x64(True):
        slope, curvature = _slope_and_curvature(circuit, jnp.asarray(v), jnp.asarray(inputs["x"]), nudge)
        return np.asarray(slope), np.asarray(curvature)


@pytest.mark.parametrize("strength", [3e-6, -2e-6])
@pytest.mark.parametrize(
    ("loss", "folded", "method"),
    [
        (MSE(), True, "auto"),
        (MSE(), True, "sweeps"),
        (MSE(), False, "newton"),
        (CrossEntropyLoss(), True, "auto"),
        (LogCosh(), False, "auto"),
    ],
    ids=lambda part: getattr(part, "name", part),
)
def test_a_clamped_nudge_settles_at_a_minimum_of_energy_plus_strength_times_cost(
    loss, folded, strength, method
):
    circuit = nudged_circuit(folded)
    inputs, nudge = _clamped(circuit, strength, loss)
    point = solve(circuit, inputs, nudge=nudge, method=method, max_iterations=400)
    assert point.converged.all()
    slope, curvature = _derivatives(circuit, nudge, point.v, inputs)
    assert np.linalg.eigvalsh(curvature).min() > 0, "a minimum, not a saddle"
    away = np.linalg.solve(curvature, slope[..., None])[..., 0]
    assert np.abs(away).max() <= NANOVOLT
    assert np.abs(point.v - solve(circuit, inputs).v).max() > 1e-3, "the nudge does something"


def test_a_nudge_behind_an_amplifier_acts_on_its_input():
    """The output reads amplified nodes: what is injected there reaches the free nodes times kappa."""
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 3)
    build.crossbar("h", x, h, np.random.default_rng(0).uniform(1e-6, 1e-5, (3, 3)))
    w = amplify(build, "a", h, 2.0, 0.1)
    build.resistors("load", w, build.ground(3), np.full(3, 1e-6))
    build.output("y", w, folded=False)
    circuit = build.build()
    inputs, nudge = _clamped(circuit, 3e-6, MSE())
    point = solve(circuit, inputs, nudge=nudge)
    assert point.converged.all()
    slope, curvature = _derivatives(circuit, nudge, point.v, inputs)
    assert np.abs(np.linalg.solve(curvature, slope[..., None])).max() <= NANOVOLT


def test_newton_sees_the_nudge_and_converges_quadratically():
    circuit = nudged_circuit(False)
    inputs, nudge = _clamped(circuit, 5e-6, MSE())
    assert solve(circuit, inputs, nudge=nudge, method="newton").iterations.max() <= 6


@pytest.mark.parametrize("folded", [True, False], ids=["folded", "single"])
@pytest.mark.parametrize("share", [0.5, 0.98, 1.02, 2.0, 100.0])
def test_a_clamped_nudge_beyond_the_outputs_stiffness_is_refused(share, folded):
    """The bound is the least eigenvalue of the conductances that the outputs see, the rest eliminated."""
    circuit = nudged_circuit(folded)
    inputs, nudge = _clamped(circuit, 0.0, MSE())
    inputs = {"x": inputs["x"] * 1e-2}  # no diode conducts
    free = solve(circuit, inputs).v
    h = _derivatives(circuit, nudge, free, inputs)[1][0]
    c_out = 1 / 2.0**2  # behind a gain of 2
    read = np.zeros((circuit.outputs[0].units, 7))
    for unit in range(len(read)):
        read[unit, 3 + (2 * unit if folded else unit)] = 1
        if folded:
            read[unit, 4 + 2 * unit] = -1
    seen = np.linalg.inv(read @ np.linalg.inv(h) @ read.T) / c_out
    bound = np.linalg.eigvalsh(seen).min()
    # the target is the free state itself, which so stays stationary
    nudge = Nudge({}, {"y": np.asarray(-share * bound)}, {"y": free @ read.T}, MSE())
    point = solve(circuit, inputs, nudge=nudge, method="newton", start=free)
    assert point.converged.all() == (share < 1)
    assert share < 1 or (point.code == Result.NO_MINIMUM).all()


def test_a_held_current_enters_kirchhoffs_law():
    circuit = nudged_circuit(True)
    inputs, current = (
        draw_inputs(circuit, np.random.default_rng(0), 4),
        1e-6 * np.random.default_rng(1).normal(size=(4, 4)),
    )
    nudge = Nudge({"y": current}, {}, {}, None)
    point = solve(circuit, inputs, nudge=nudge)
    assert point.converged.all()
    assert np.abs(law(circuit, inputs, point.v, nudge=nudge)).max() < 1e-18
    drawn = law(circuit, inputs, point.v)[:, 3:]
    np.testing.assert_allclose(drawn, current, rtol=0, atol=1e-18)


# -- precision, codes, options -----------------------------------------------------------------------


def test_single_precision_is_close_to_double():
    circuit = clipped(BehavioralDiode(vth=0.1, ron=1e3))
    inputs = draw_inputs(circuit, np.random.default_rng(0), 20)
    exact = solve(circuit, inputs)
    engine = NativeEngine(dtype="float32")
    with jax.enable_x64(False):
        values, x = (
            {n: jnp.asarray(a, jnp.float32) for n, a in d.items()} for d in (circuit.initial(), inputs)
        )
        point = jax.jit(lambda values, x: engine.solve(circuit, values, x, Nudge.none()))(values, x)
    assert point.v.dtype == np.float32
    assert np.asarray(point.converged).all()
    assert np.abs(np.asarray(point.v) - exact.v).max() < 1e-4


def test_single_precision_refuses_what_does_not_fit_it():
    engine = NativeEngine(dtype="float32")
    with jax.enable_x64(False):
        values = {n: jnp.asarray(a, jnp.float32) for n, a in stiff_chain().initial().items()}
        point = engine.solve(stiff_chain(), values, {"x": jnp.ones((1, 1), jnp.float32)}, Nudge.none())
    right = abs(np.asarray(point.v) - 0.5).max() <= 1e-4
    assert right or int(point.code[0]) != Result.CONVERGED


def test_nothing_global_is_set():
    solve(stiff_chain(), {"x": [[1.0]]})
    assert not jax.config.jax_enable_x64
    assert jnp.asarray(1.0).dtype == jnp.float32


def test_infinite_data_is_not_finite():
    assert solve(stiff_chain(), {"x": [[np.inf]]}).code[0] == Result.NOT_FINITE
    assert solve(stiff_chain(), {"x": [[np.nan]]}).code[0] == Result.NOT_FINITE


@pytest.mark.parametrize("code", list(Result))
def test_every_result_explains_itself(code):
    assert len(code.explanation.split()) > 5
    assert len({c.explanation for c in Result}) == len(Result)


def test_strictness_names_the_samples_the_reason_and_the_node():
    point = solve(stiff_chain(), {"x": [[1.0], [np.nan], [2.0]]})
    with pytest.raises(NotConverged) as caught:
        raise_unless_converged(point, stiff_chain(), "predict")
    message = str(caught.value)
    for part in ("predict", "1 of 3", "samples 1)", Result.NOT_FINITE.explanation, "strict=False"):
        assert part in message
    raise_unless_converged(solve(stiff_chain(), {"x": [[1.0]]}), stiff_chain(), "predict")


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "float16"},
        {"method": "gauss"},
        {"tolerance": 0.0},
        {"tolerance": -1.0},
        {"max_iterations": 0},
        {"dense_limit": -1},
        {"dense_limit": 2.5},
        {"dense_limit": True},
    ],
    ids=str,
)
def test_senseless_options_are_refused_by_name(options):
    (name,) = options
    with pytest.raises(ValueError, match=name):
        NativeEngine(**options)


def test_an_engine_is_found_by_name_class_or_object():
    engine = NativeEngine(tolerance=1e-6)
    assert get(engine) is engine
    assert get("native") == get(NativeEngine) == NativeEngine()
    with pytest.raises(ValueError, match="'spectre'"):
        get("spectre")
    with pytest.raises(TypeError, match="contract"):
        get(object())
