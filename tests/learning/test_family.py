"""The rules that compare states, each against what it claims to be: three stages behind gains, folded outputs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ebana import Adjoint, ContrastiveLearning, CoupledLearning, Model, NPointPropagation, SweepEngine
from ebana.learning import estimators
from ebana.learning.losses import MSE, CrossEntropyLoss
from helpers.family import cosine, distance, estimates, exact, family_data, family_system, three_stages
from helpers.nets import shared

SHARE = 0.25
HELD = (ContrastiveLearning(), *(CoupledLearning(name) for name in ("positive", "negative", "centered")))
NAMES = ("contrastive", "positive", "negative", "centered")


@cache
def held_estimates():
    """What the four rules with held outputs estimate on two folded outputs, by name."""
    return dict(zip(NAMES, estimates(family_system("piecewise"), HELD, [SHARE] * 4), strict=True))


@cache
def one_output(share: float, sample: int = 0, nearer: float = 1.0):
    """The same, and the exact gradient, of one sample on an output of one node.

    Args:
        nearer: factor on the error.
    """
    system = family_system("piecewise", 1, False)
    inputs, targets = family_data(system.circuit)
    free = Model.from_circuit(system.circuit, engine=system.engine).predict(inputs)
    targets = {"y": free + nearer * (targets["y"] - free)}
    weight = np.eye(len(free))[sample]
    found = estimates(system, (*HELD, Adjoint()), [share] * 5, weight=weight, targets=targets)
    return dict(zip((*NAMES, "exact"), (e.gradients for e in found), strict=True))


@cache
def models() -> tuple[Model, Model]:
    """The circuit with its energies, and the same with each node of the folded output as an output of its own."""
    circuits = (family_system("piecewise", 4, folded).circuit for folded in (True, False))
    folded, plain = (Model.from_circuit(circuit, engine=SweepEngine(200)) for circuit in circuits)
    return folded, plain


@cache
def points() -> dict[str, np.ndarray]:
    """Where the nodes are held: each half the way of its pair to the target, and as far back."""
    folded, plain = models()
    inputs, targets = family_data(folded.circuit)
    nodes = plain.predict(inputs)
    step = 0.5 * SHARE * (targets["y"] - folded.predict(inputs))
    step = np.stack([step, -step], axis=-1).reshape(nodes.shape)
    return {"near": nodes + step, "away": nodes - step, "target": targets["y"]}


def contrasts(x: np.ndarray) -> dict[str, np.ndarray]:
    """The contrast functions of the four rules at the present values, each sample's."""
    folded, plain = models()
    free, target = folded.energy({"x": x}), folded.energy({"x": x}, points()["target"])
    near, away = (plain.energy({"x": x}, points()[name]) for name in ("near", "away"))
    return {
        "contrastive": target - free,
        "positive": (near - free) / SHARE,
        "negative": (free - away) / SHARE,
        "centered": (near - away) / (2 * SHARE),
    }


def slopes(at) -> dict[str, np.ndarray]:
    """Derivatives of the contrast functions by differences of fourth order; ``at(s)`` moves by s and tells them."""
    h = 5e-4
    one, two = ({n: at(k * h)[n] - at(-k * h)[n] for n in NAMES} for k in (1, 2))
    return {name: (8 * one[name] - two[name]) / (12 * h) for name in NAMES}


@pytest.mark.parametrize("name", three_stages("piecewise").trainable)
def test_rules_with_held_outputs_descend_their_contrast_functions(name):
    """Against differences of ``E[o := u] - E_0`` and the like along a random direction, ``u`` kept."""
    start, _ = models()[0].values, points()
    x = family_data(models()[0].circuit)[0]["x"]
    direction = np.random.default_rng(0).normal(size=start[name].shape) * np.abs(start[name]).mean()

    def at(step: float) -> dict[str, np.ndarray]:
        for model in models():
            model.set_values({name: start[name] + step * direction})
        return contrasts(x)

    try:
        found = slopes(at)
    finally:
        for model in models():
            model.set_values(start)
    largest = max(abs(slope.mean()) for slope in found.values())
    for rule in NAMES:
        along = np.vdot(held_estimates()[rule].gradients[name], direction)
        assert along == pytest.approx(found[rule].mean(), rel=1e-7, abs=1e-7 * largest), rule
        assert abs(found[rule].mean()) > 1e-3 * largest, f"{rule}: too small to compare"


def test_inputs_have_the_sensitivities_of_the_contrast_functions():
    x = family_data(models()[0].circuit)[0]["x"]
    for column, step in enumerate(np.eye(3)):
        found = slopes(lambda s, step=step: contrasts(x + s * step))
        for rule in NAMES:
            expected = found[rule] / len(x)  # of the mean over the samples
            np.testing.assert_allclose(
                held_estimates()[rule].sensitivities["x"][:, column],
                expected,
                rtol=0,
                atol=1e-7 * np.abs(expected).max(),
                err_msg=rule,
            )


def test_the_centered_variant_is_the_mean_of_the_others():
    found = held_estimates()
    mean = {n: 0.5 * (g + found["negative"].gradients[n]) for n, g in found["positive"].gradients.items()}
    assert distance(found["centered"].gradients, mean) < 1e-9


def test_contrastive_learning_is_coupled_learning_all_the_way():
    whole = one_output(1.0)
    assert distance(whole["positive"], whole["contrastive"]) < 1e-9


@pytest.mark.parametrize("sample", [0, 3])
def test_on_one_output_all_rules_go_down_the_loss(sample):
    """In the limit: of a small displacement, and for contrastive learning of a small error."""
    found = one_output(1e-5, sample, nearer=1e-5)
    for rule in NAMES:
        for name in found["exact"]:
            assert cosine(found[rule], found["exact"], name) > 1 - 1e-6, (rule, name)


def test_on_several_outputs_held_ones_weigh_errors_by_the_stiffness():
    found = held_estimates()["centered"].gradients
    assert cosine(found, exact("piecewise"), "h2/conductance") < 0.98
    assert cosine(found, exact("piecewise"), "h2/conductance") > 0.9


# -- N-point ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [1, 2, 3, 5])
def test_the_weights_cancel_the_lowest_even_powers(points):
    weights, strengths = np.array(NPointPropagation(points).weights), np.arange(1, points + 1.0)
    assert weights.sum() == pytest.approx(1)
    for power in range(1, points):
        assert (weights * strengths ** (2 * power)).sum() == pytest.approx(
            0, abs=1e-9 * points ** (2 * power)
        )


def test_the_error_of_n_points_falls_with_the_power_of_twice_their_number():
    """On smooth diodes, so that the series exists; against the exact gradient."""
    rules = tuple(NPointPropagation(n) for n in (1, 2, 3))
    errors = [
        [
            distance(e.gradients, exact("smooth"))
            for e in estimates(family_system("smooth"), rules, [beta] * 3)
        ]
        for beta in (3e-5, 1.5e-5)
    ]
    for strong, weak, factor in zip(*errors, (4.0, 16.0, 64.0), strict=True):
        assert strong / weak == pytest.approx(factor, rel=0.05)
    assert errors[1][2] > 1e-12, "large enough to be seen"
    assert errors[0][0] > 100 * errors[0][1] > 1e4 * errors[0][2]


# -- names, arguments, what cannot work -----------------------------------------------------------------------


@pytest.mark.parametrize("name", estimators.names())
def test_every_name_is_that_of_its_configuration(name):
    rule = estimators.get(name)
    assert rule.to_config()["estimator"] == name
    assert estimators.get(rule) is rule
    assert hash(rule) == hash(estimators.get(name))
    assert rule == estimators.get(name)


def test_an_unknown_name_is_answered_with_all_of_them():
    with pytest.raises(ValueError, match="'hebbian'") as told:
        estimators.get("hebbian")
    assert all(name in str(told.value) for name in estimators.names())


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: CoupledLearning("one_sided"), "one_sided"),
        (lambda: NPointPropagation(0), "points=0"),
        (lambda: NPointPropagation(9), "from 1 to 8"),
        (lambda: NPointPropagation(nudge="hard"), "'hard'"),
        (lambda: estimators.get("coupled", "clamped"), "takes no clamped nudge"),
        (lambda: estimators.get("adjoint", "clamped"), "takes no clamped nudge"),
    ],
)
def test_bad_arguments_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()
    assert estimators.get("n_point", "clamped") == NPointPropagation(nudge="clamped")


def test_a_loss_whose_targets_are_no_outputs_is_refused_by_contrastive_learning():
    with pytest.raises(ValueError, match=r"'cross_entropy'.*CoupledLearning"):
        ContrastiveLearning().check(family_system("piecewise"), CrossEntropyLoss())
    CoupledLearning().check(family_system("piecewise"), CrossEntropyLoss())


def test_a_system_without_clamps_is_refused():
    class Unknown:
        pass

    with pytest.raises(TypeError, match="Unknown does not offer"):
        CoupledLearning().check(Unknown(), MSE())  # type: ignore[arg-type]


def test_a_displacement_is_no_nudge():
    """Its default is a share of the way, its bound the rounding, its unit none."""
    net = shared("hidden")
    assert net.default_beta("coupled") == 0.25
    assert net.default_beta() != 0.25
    assert net.check_beta(3.0, CoupledLearning("negative"), MSE()) == 3.0
    with pytest.raises(
        ValueError, match=r"beta=-1. Expected a displacement above zero; leave it out .* 0.25\.$"
    ):
        net.check_beta(-1.0, CoupledLearning(), MSE())
    with pytest.raises(ValueError, match=r"beta=1e-18 moves outputs by 1e-18 V.*rounding"):
        net.check_beta(1e-18, CoupledLearning(), MSE())
    with pytest.raises(ValueError, match="too strong"):
        net.check_beta(1e-3, NPointPropagation(4, nudge="clamped"), MSE())
