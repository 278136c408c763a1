"""The examination: measures of a network turned into findings, each with the layer, the numbers and what to do.

What is told of a gradient is told against the exact one (:mod:`ebana.learning.adjoint`) at the same states: an angle
that another strength, or converters with more bits, would close names the cause.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ebana import inference
from ebana.circuit import Circuit
from ebana.circuit.elements import CurrentSources, Devices, VoltageSources
from ebana.hardware.doctor import measures
from ebana.hardware.doctor.diagnosis import Diagnosis, Finding, LayerHealth
from ebana.learning import estimators
from ebana.learning.estimators import GradientEstimator
from ebana.learning.losses import MSE, Loss
from ebana.learning.system import LearningWarning, scope
from ebana.physics.stages import conflicts
from ebana.training.data import Dataset, as_dataset
from ebana.training.diagnosis import at_bounds
from ebana.units import si

Array = np.ndarray

NAMES = (
    "lost states", "still inputs", "dead nodes", "held nodes", "linear", "targets out of reach",
    "stages in conflict", "condition", "values at bounds", "no gradient", "beta too small", "beta too large",
    "gradient off", "too few bits", "noise", "learning rate too small", "learning rate too large",
)  # fmt: skip
"""What can be found."""

DEAD, SATURATED, CONDITION, PINNED = 0.5, 0.95, 1e6, 0.9
"""Shares of dead nodes, of held ones and of values at bounds, and a ratio of conductances, that are too much."""

ANGLE, BETTER = 0.97, 0.01
"""Least cosine of a gradient, and by how much another strength has to be better."""

READ = 0.8
"""Least cosine of a gradient that converters and noise have gone through, over the samples that are examined."""

MOST_BITS, MOST_QUIETER = 24, 2.0**20

VANISHED = 1e-9
"""A gradient smaller than the largest one by this, in terms of the values, is none."""

SLOW, FAST = 1e-5, 0.5
"""Changes of a step in terms of the values that a layer has: slower is idle, faster leaps."""


@dataclass(frozen=True)
class Case:
    """What is examined.

    Args:
        name: of the model.
        system, values: the circuit on its engine, and its values.
        circuit: of it.
        data, loss, estimator, beta: as for training.
        learner: whose gradients training would take: the model, or a chip that measures them.
        quieter: makes the learner with so many bits, and noise by so much smaller; None where nothing is measured.
        bits, noise: of the converters, None where they have none.
        optimizer: whose rates are looked at, or None.
    """

    name: str
    system: Any
    values: Mapping[str, Array]
    circuit: Circuit
    data: Dataset
    loss: Loss
    estimator: GradientEstimator
    beta: float
    learner: Any
    quieter: Callable[[float | None, float], Any] | None = None
    bits: float | None = None
    noise: float | None = None
    optimizer: Any = None


def diagnose(case: Case) -> Diagnosis:
    """Examine a network."""
    with warnings.catch_warnings():  # they are what is looked for
        warnings.simplefilter("ignore", LearningWarning)
        return _examined(case)


def _examined(case: Case) -> Diagnosis:
    system, data = case.system, case.data
    seen = measures.states(system, case.values, data, _estimated(case))
    reach = max((float(np.abs(x).max(initial=0.0)) for x in data.inputs.values()), default=0.0)
    exact = _exact(case, seen) if seen.found.any() else {}
    learner = case.learner if case.quieter is None else case.quieter(None, np.inf)  # the strength by itself
    tried = measures.cosines(learner, data, case.loss, case.estimator, case.beta, exact) if exact else {}
    at = tried.get(case.beta, {})
    epsilon = float(np.finfo(system.traits.dtype).eps)
    layers = measures.layers(case.circuit, case.values, seen, reach, epsilon, at)
    findings = [*_of_states(case, seen, layers, reach), *_of_values(case, layers)]
    sick = {finding.layer for finding in findings}
    findings += [
        f for f in _of_gradients(case, exact, tried) if f.layer not in sick or f.name != "no gradient"
    ]
    if not any(f.name in ("beta too small", "beta too large", "gradient off") for f in findings):
        findings += _of_converters(case, exact)
    findings += _of_rates(case, exact)
    names = list(exact)
    return Diagnosis(
        case.name,
        tuple(findings),
        layers,
        tuple(tried),
        {name: tuple(row.get(name, float("nan")) for row in tried.values()) for name in names},
        case.beta,
        len(data),
    )


def case_of(
    model: Any,
    x: Any,
    y: Any,
    loss_fn: Any,
    beta: float | None,
    estimator: Any,
    nudge: str | None,
    optimizer: Any,
    samples: int,
) -> Case:
    """The case of a model: its data checked, the first samples of it, and a strength."""
    data = as_dataset(x, y, model.input_columns, model.output_units)
    data = data.select(slice(0, samples))
    loss, rule = model.checked_loss(loss_fn), estimators.get(estimator, nudge)
    strength = float(model.default_beta(rule) if beta is None else beta)
    if not (np.isfinite(strength) and strength > 0):
        raise ValueError(f"diagnose(beta={beta!r}). Expected a number above zero, in siemens.")
    return Case(
        model.name, model.system, model.values, model.circuit, data, loss, rule, strength, model,
        optimizer=optimizer,
    )  # fmt: skip


def _estimated(case: Case) -> inference.Found | None:
    """The phases of an estimate; None where the strength is refused."""
    if not case.estimator.nudges:
        return None
    try:
        case.estimator.check_strength(case.system, case.values, case.beta, case.loss)
    except ValueError:
        return None
    return inference.estimate(case.system, case.values, case.data, case.loss, case.estimator, case.beta)


def _exact(case: Case, seen: measures.States) -> dict[str, Array]:
    """The exact gradient over the samples that were found."""
    kept = np.flatnonzero(seen.found)
    return inference.exact(case.system, case.values, case.data.select(kept), case.loss, seen.v[kept])


# -- states and values -------------------------------------------------------------------------------------


def _of_states(
    case: Case, seen: measures.States, layers: tuple[LayerHealth, ...], reach: float
) -> Iterator[Finding]:
    lost, count = int((~seen.found).sum()), len(seen.found)
    if lost:
        text = f"{lost} of {count} operating points were not found. Look at them with "
        text += "model.operating_point(x, strict=False); a smaller beta or other devices may help."
        yield Finding("lost states", "", text)
    still = [name for name, x in case.data.inputs.items() if len(x) > 1 and not np.ptp(x, axis=0).any()]
    for name in still:
        yield Finding("still inputs", name, f"all of {count} samples are the same. Give samples that differ.")
    outputs = {case.circuit.group_of(int(port.nodes[0])).layer for port in case.circuit.outputs}
    driven = f"its inputs reach {si(reach, 'V', 3)}"
    for layer in layers:
        if layer.dead >= DEAD and not still:
            text = f"{layer.dead:.0%} of its {layer.nodes} nodes have one potential for all samples: no gradient "
            text += "passes them. Move the biases or thresholds of its devices apart, or drive it harder."
            yield Finding("dead nodes", layer.layer, text)
        elif layer.saturated >= SATURATED:
            text = f"its devices hold {layer.saturated:.0%} of nodes and samples, at {si(layer.swing, 'V', 3)} rms: "
            text += f"little passes them. Make the inputs smaller ({driven}), or the thresholds larger."
            yield Finding("held nodes", layer.layer, text)
        elif layer.near == 0.0 and layer.layer not in outputs and _has_devices(case.circuit, layer.layer):
            text = f"none of its devices conducts for any sample, at {si(layer.swing, 'V', 3)} rms, nor would one at "
            text += f"{measures.LEEWAY:g} times as much: the network is linear there. Make the inputs larger "
            yield Finding("linear", layer.layer, text + f"({driven}), or the thresholds smaller.")
    yield from _unreachable(case)


def _has_devices(circuit: Circuit, layer: str) -> bool:
    nodes = measures.free_layers(circuit)[layer]
    return any(np.isin(nodes, np.concatenate(e.ends())).any() for e in circuit.each(Devices))


def _unreachable(case: Case) -> Iterator[Finding]:
    """Targets that no conductances reach: potentials lie between those of the sources, times the gains on the way."""
    if type(case.loss) is not MSE or any(case.circuit.each(CurrentSources)):
        return  # other targets are no volts, and a current drives a node as far as its conductances let it
    volts = max(map(partial(_largest, case), case.circuit.each(VoltageSources)), default=0.0)
    gains = [max(1.0, float(np.abs(case.values[a.gain]).max())) for a in case.circuit.amplifiers]
    most = volts * float(np.prod(gains))
    for port in case.circuit.outputs:
        wanted = float(np.abs(case.data.outputs[port.name]).max(initial=0.0))
        limit = most * (2.0 if port.folded else 1.0)
        if wanted > limit > 0.0:
            text = f"targets of {si(wanted, 'V', 3)}, and no conductances make more than {si(limit, 'V', 3)} of its "
            yield Finding(
                "targets out of reach", port.name, text + "sources and gains. Scale them, or drive it harder."
            )


def _largest(case: Case, element: VoltageSources) -> float:
    """The largest potential that sources hold, volts."""
    if element.parameter is not None:
        given = np.asarray(case.values[element.parameter])
    else:
        given = np.asarray(
            case.data.inputs.get(element.input or "", np.zeros(int(element.columns.max()) + 1))
        )
    return float(np.abs(given[..., element.columns] * element.scale).max(initial=0.0))


def _of_values(case: Case, layers: tuple[LayerHealth, ...]) -> Iterator[Finding]:
    for name in conflicts(case.circuit):
        text = "amplifiers on several paths, or unit by unit, give it different factors: there is no energy whose "
        text += "gradient equilibrium propagation could take. Give the paths equal gains."
        yield Finding("stages in conflict", name, text)
    for layer in layers:
        if layer.condition > CONDITION:
            text = f"the conductances of its nodes differ by a factor of {layer.condition:.2g}: what rounds at the "
            text += f"strongest moves the weakest. Raise g_min, or lower g_max, to stay below {CONDITION:g}."
            yield Finding("condition", layer.layer, text)
    for name, parameter in case.circuit.parameters.items():
        if not parameter.trainable or not parameter.initial.size:
            continue
        now = float(at_bounds(np.asarray(case.values[name]), parameter).mean())
        if now > PINNED:
            ends = f"{si(parameter.low, parameter.unit, 3)} and {si(parameter.high, parameter.unit, 3)}"
            text = f"{now:.0%} of {name!r} are at their bounds, {ends}: they can only move one way. Widen the bounds, "
            text += "start elsewhere, or train with a smaller learning rate."
            yield Finding("values at bounds", parameter.layer, text)


# -- gradients ---------------------------------------------------------------------------------------------


def _sizes(case: Case, exact: Mapping[str, Array]) -> dict[str, float]:
    """Size of each gradient in terms of the values: what a change by as much as they are would change."""
    least = np.finfo(float).tiny
    return {
        name: float(np.linalg.norm(g) * max(np.abs(case.values[name]).mean(), least))
        for name, g in exact.items()
    }


def _alive(case: Case, exact: Mapping[str, Array]) -> list[str]:
    """Parameters that the loss depends on."""
    sizes = _sizes(case, exact)
    return [name for name, size in sizes.items() if size > VANISHED * max(sizes.values()) > 0.0]


def _of_gradients(
    case: Case, exact: Mapping[str, Array], tried: Mapping[float, Mapping[str, float]]
) -> Iterator[Finding]:
    alive, sizes = _alive(case, exact), _sizes(case, exact)
    if exact and not alive:
        text = "the exact gradient is zero: all samples are right, or nothing moves the outputs."
        yield Finding("no gradient", "", text)
    for name in exact:
        if alive and name not in alive:
            share = sizes[name] / max(sizes.values())
            text = f"the exact gradient of {name!r} is {share:.1g} of the largest: the loss does not depend on it at "
            yield Finding("no gradient", _layer(name), text + "these states.")
    if case.estimator.nudges:
        at = {name: tried.get(case.beta, {}).get(name, float("nan")) for name in alive}
        bad = {name: c for name, c in at.items() if not c >= ANGLE}
        if bad:
            yield _strength(case, tried, bad)


def _layer(name: str) -> str:
    return name.rsplit("/", 1)[0]


def _known(cosine: float) -> float:
    """A cosine, the worst where there is none."""
    return -1.0 if np.isnan(cosine) else cosine


def _strength(case: Case, tried: Mapping[float, Mapping[str, float]], bad: Mapping[str, float]) -> Finding:
    """Which way the strength is wrong, by what the other strengths give."""
    worst = min(bad, key=lambda name: _known(bad[name]))
    of_worst = {beta: _known(row[worst]) for beta, row in tried.items()}
    now, best = _known(bad[worst]), max(of_worst, key=lambda beta: of_worst[beta], default=case.beta)
    unit = case.estimator.unit(case.system)
    told = f"beta={case.beta:.3g} {unit} ".replace("  ", " ")
    told += (
        "is refused"
        if case.beta not in tried
        else f"gives {worst!r} a cosine of {now:.3g} to the exact gradient"
    )
    if of_worst.get(best, -1.0) > now + BETTER and best != case.beta:
        way = "small" if best > case.beta else "large"
        why = "the contrast drowns in rounding" if way == "small" else "the nudge is no small change any more"
        text = f"{told}, {best:.3g} {unit} {of_worst[best]:.4f}: {why}. Use beta={best:.3g}."
        return Finding(f"beta too {way}", _layer(worst), text, {"beta": best})
    text = f"{told}, and no strength does better: the circuit has no energy that the rule could use, or its states are "
    return Finding(
        "gradient off", _layer(worst), text + "found too coarsely. See model.gradients(method='adjoint')."
    )


# -- converters --------------------------------------------------------------------------------------------


def _of_converters(case: Case, exact: Mapping[str, Array]) -> Iterator[Finding]:
    alive = _alive(case, exact)
    if case.quieter is None or not alive:
        return
    make = case.quieter

    def read(bits: float | None, quieter: float) -> dict[str, float]:
        """The cosine of each gradient that such converters tell."""
        options = {"loss_fn": case.loss, "beta": case.beta, "estimator": case.estimator, "strict": False}
        found = make(bits, quieter).gradients(case.data, **options)
        return {name: _known(measures.cosine(found[name], exact[name])) for name in alive}

    over = f"over these {len(case.data)} samples"
    if case.bits is not None:
        now = read(case.bits, np.inf)
        if min(now.values()) < READ:
            more = np.arange(case.bits + 1, MOST_BITS + 1)
            bits, worst = _cured(now, more, lambda b: read(b, np.inf))
            enough = f"{bits:.0f} bits give" if bits else f"no {MOST_BITS} bits give"
            text = f"read with {case.bits:.0f} bits, the gradient of {worst!r} has a cosine of {now[worst]:.2f} to the "
            text += f"exact one; {enough} {READ:g} {over}. Use more bits, read changes (differential=True), dither, or "
            text += "nudge harder."
            yield Finding("too few bits", _layer(worst), text, {} if bits is None else {"bits": bits})
            return
    if case.noise:
        now = read(case.bits, 1.0)
        if min(now.values()) < READ:
            factors = 2.0 ** np.arange(1, int(np.log2(MOST_QUIETER)) + 1)
            enough, worst = _cured(now, factors, lambda f: read(case.bits, f))
            least = None if enough is None else case.noise / enough
            enough_is = "no less noise gives" if least is None else f"{si(least, 'V', 3)} would give"
            text = (
                f"read with a noise of {si(case.noise, 'V', 3)}, the gradient of {worst!r} has a cosine of "
            )
            text += f"{now[worst]:.2f} to the exact one {over}; {enough_is} {READ:g}. Average more reads, use larger "
            text += "batches, or nudge harder."
            yield Finding("noise", _layer(worst), text, {} if least is None else {"noise": least})


def _cured(
    now: Mapping[str, float], levels: Any, read: Callable[[float], dict[str, float]]
) -> tuple[float | None, str]:
    """The first level at which every gradient is told, None for none, and the gradient that is told last.

    Where several drown, which is farthest off is chance; which needs the most is not.
    """
    worst = min(now, key=lambda name: now[name])
    for level in map(float, levels):
        each = read(level)
        name = min(each, key=lambda name: each[name])
        if each[name] >= READ:
            return level, worst
        worst = name
    return None, worst


# -- learning rates ----------------------------------------------------------------------------------------


def _of_rates(case: Case, exact: Mapping[str, Array]) -> Iterator[Finding]:
    """Steps that a layer's values would hardly notice, or that would carry them away."""
    if case.optimizer is None or not exact:
        return
    steps, rates = _one_step(case, exact)
    for name, step in steps.items():
        rate = float(np.max(rates[name]))
        if 0.0 < step < SLOW:
            advised = rate * 100.0 * SLOW / step
            text = f"a step changes {name!r} by {step:.1g} of its values: it takes some {1.0 / step:.1g} steps to "
            text += f"learn anything. Use lr of about {advised:.1g}."
            yield Finding("learning rate too small", _layer(name), text, {"lr": advised})
        elif step > FAST:
            advised = rate * 0.02 / step
            text = f"a step changes {name!r} by {step:.2g} of its values: they leap from bound to bound. "
            text += f"Use lr of about {advised:.1g}."
            yield Finding("learning rate too large", _layer(name), text, {"lr": advised})


def _one_step(case: Case, exact: Mapping[str, Array]) -> tuple[dict[str, float], Mapping[str, Any]]:
    """Mean change of each parameter by a first step, in terms of its values, and the learning rates."""
    optimizer = case.optimizer
    with scope(case.system.traits):
        trained = {name: np.asarray(case.values[name]) for name in exact}
        rates = optimizer.rates(case.system.parameters, 0, 1000, 100)
        scale = optimizer.scale(case.system, case.values)
        new, _ = optimizer.update(dict(exact), optimizer.init(trained), trained, rates, 1.0, None, scale)
        moved = {name: np.asarray(new[name], np.float64) - trained[name] for name in exact}
    sizes = {name: float(np.abs(value).mean()) for name, value in trained.items()}
    steps = {n: float(np.abs(m).mean()) / sizes[n] for n, m in moved.items() if sizes[n] and exact[n].any()}
    return steps, rates
