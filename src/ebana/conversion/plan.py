"""The numbers of a converted network: conductances, leaks, gains; and the bound of what it errs by.

A weight w is a pair of conductances between complementary rows, held at ``u`` and ``-u``, and a column:

    g+ = g_min + alpha max(w, 0),    g- = g_min + alpha max(-w, 0),    alpha = (g_max - g_min) / max |w|

so that ``g+ u - g- u = alpha w u`` whatever ``g_min`` (a weight of zero is ``g_min`` twice). A bias is such a pair
between two sources of ``+-V``. A unit is two columns p and n, whose rows are exchanged: n is the mirror image of p.
With ``q`` volts to a unit of activation, Kirchhoff's current law at p, which an ideal diode holds at or above 0, is

    S p = alpha q a + kappa sum_j g_j v_j,     a = h W + b                                           (p > 0)

where S adds up all conductances of the column. Leaks to ground make S the same for every unit, so that the column
divides all activations alike and an amplifier of gain ``A = q' S / (alpha q)`` restores them, ``w = q' max(a, 0)``.
The amplifier draws ``kappa`` times the current of the next crossbar's rows from p. Of that current, ``w`` times the
conductance R of the row is linear: with ``kappa = rho / A`` it is a leak of ``rho R``, and is counted into S. The rest
is what the next stage's nodes ``v_j`` feed back. In units of activations it is

    h_l = max(h_{l-1} W_l + b_l + c_l W_{l+1} h_{l+1}, 0),     c_l = rho alpha_{l+1}^2 / (S_l S_{l+1})

and the only difference between the circuit and the network. With e_l the largest error of each unit of stage l,

    e_l <= e_{l-1} |W_l| + c_l |W_{l+1}| (|h_{l+1}| + e_{l+1}),     e_0 = 0,

whose least solution bounds the error (:func:`error_bound`). It is proportional to rho, the ``feedback``. At ``rho = 0``
the stages would be unilateral and the circuit equal to the network, but no nudge of the outputs would reach the hidden
units: what loads them is what equilibrium propagation learns by.

Source: B. Scellier and S. Mishra, "A universal approximation theorem for nonlinear resistive networks",
arXiv:2312.15063 (2023), which lets the feedback fall by choosing gains and conductances; the leak ``rho R`` is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ebana.conversion.chain import Chain, Stage

ROUNDS = 1000
"""Most rounds of the bound's iteration, which a converted network needs two or three of."""


@dataclass(frozen=True)
class Choices:
    """What a user chooses.

    Args:
        scale: volts of a one at the inputs.
        output_volts: volts of a one at the outputs.
        g_min, g_max: least and largest conductance of a cell, siemens.
        feedback: rho, the conductance by which a row loads the unit behind its amplifier, over the row's own.
        swing: volts of the largest activation of a hidden layer, where examples are given.
    """

    scale: float = 1.0
    output_volts: float = 1.0
    g_min: float = 1e-7
    g_max: float = 1e-4
    feedback: float = 1e-6
    swing: float = 1.0


@dataclass(frozen=True, eq=False)
class StagePlan:
    """The numbers of one stage.

    Args:
        stage: the weights.
        alpha: siemens of a weight of one.
        positive, negative: ``g+`` and ``g-``, siemens, shape ``(inputs + 1, outputs)``; the bias in the last row.
        leak: siemens of each leak to ground, shape ``(leaks, outputs)``.
        column: S, siemens.
        bias_volts: of the bias sources.
        volts_in, volts_out: volts of a one before and behind, q and q'.
        gain: A of the amplifier behind the column's nodes.
        backward_gain: kappa.
    """

    stage: Stage
    alpha: float
    positive: np.ndarray
    negative: np.ndarray
    leak: np.ndarray
    column: float
    bias_volts: float
    volts_in: float
    volts_out: float
    gain: float
    backward_gain: float

    @property
    def cells(self) -> int:
        """Number of conductances of the crossbar, leaks included."""
        return 4 * self.positive.size + 2 * self.leak.size


@dataclass(frozen=True, eq=False)
class Plan:
    """The numbers of a converted network.

    Args:
        chain: the network.
        choices: what the user chose.
        stages: from the inputs to the outputs.
    """

    chain: Chain
    choices: Choices
    stages: tuple[StagePlan, ...]

    @property
    def couplings(self) -> list[float]:
        """``c_l``: what stage l takes of each weighted activation of the next; 0 of the last."""
        rho = self.choices.feedback
        inner = [rho * b.alpha**2 / (a.column * b.column) for a, b in pairwise(self.stages)]
        return [*inner, 0.0]


def plan(chain: Chain, choices: Choices, examples: np.ndarray | None = None) -> Plan:
    """The numbers that make a network's circuit.

    Args:
        chain: the network.
        choices: volts, siemens and feedback.
        examples: inputs, ``(B, inputs)``, by which hidden layers are scaled to ``swing``; left out, a one is
            ``scale`` volts everywhere.

    Example:
        >>> w, b = np.array([[0.5], [-1.0]]), np.array([0.0])
        >>> only = plan(Chain((Stage("fc", w, b, rectified=False),)), Choices(g_min=1e-6, g_max=5e-6)).stages[0]
        >>> (only.positive * 1e6).round(9).ravel().tolist(), (only.negative * 1e6).round(9).ravel().tolist()
        ([3.0, 1.0, 1.0], [1.0, 5.0, 1.0])
    """
    volts = _volts(chain, choices, examples)
    stages: list[StagePlan] = []
    load: np.ndarray | float = 0.0
    for k in reversed(range(len(chain.stages))):
        done = _stage(chain.stages[k], choices, load, volts[k], volts[k + 1], last=k + 1 == len(chain.stages))
        stages.append(done)
        load = choices.feedback * (done.positive + done.negative)[:-1].sum(1)
    return Plan(chain, choices, tuple(reversed(stages)))


def _volts(chain: Chain, choices: Choices, examples: np.ndarray | None) -> list[float]:
    """Volts of a one, before the first stage and behind each."""
    if examples is None:
        hidden = [choices.scale] * (len(chain.stages) - 1)
    else:
        largest = [float(h.max(initial=0.0)) for h in chain.activations(examples)[1:-1]]
        hidden = [choices.swing / m if m > 0 else choices.scale for m in largest]
    return [choices.scale, *hidden, choices.output_volts]


def _stage(
    stage: Stage, choices: Choices, load: np.ndarray | float, before: float, behind: float, *, last: bool
) -> StagePlan:
    """One stage, behind whose units ``load`` siemens are drawn."""
    bias_volts, weights = _with_bias(stage, before)
    least, span = choices.g_min, choices.g_max - choices.g_min
    alpha = span / (np.abs(weights).max(initial=0.0) or 1.0)
    positive = np.minimum(least + alpha * np.maximum(weights, 0.0), choices.g_max)
    negative = np.minimum(least + alpha * np.maximum(-weights, 0.0), choices.g_max)
    leak, column = _levelled((positive + negative).sum(0) + load, least, span)
    gain = behind * column / (alpha * before) / (2.0 if last else 1.0)  # outputs are read as differences
    return StagePlan(
        stage, float(alpha), positive, negative, leak, column, bias_volts, before, behind,
        gain=float(gain), backward_gain=float(1.0 / gain if last else choices.feedback / gain),
    )  # fmt: skip


def _with_bias(stage: Stage, before: float) -> tuple[float, np.ndarray]:
    """Volts of the bias sources, and the weights with a row for them: no larger than the largest weight."""
    largest, bias = np.abs(stage.weights).max(initial=0.0), np.abs(stage.bias).max(initial=0.0)
    ratio = max(1.0, float(bias / largest)) if largest > 0 else 1.0
    return before * ratio, np.vstack([stage.weights, stage.bias / ratio])


def _levelled(sums: np.ndarray, least: float, span: float) -> tuple[np.ndarray, float]:
    """Leaks that bring every column to one sum, and the sum.

    As few rows of them as the range allows, rounded up to a power of two: networks of one architecture then mostly are
    circuits of one structure, which share their compiled programs.
    """
    lacking = sums.max() - sums
    rows = 1 << (max(1, math.ceil(lacking.max() / span)) - 1).bit_length()
    return np.tile(least + lacking / rows, (rows, 1)), float(sums.max() + rows * least)


def error_bound(of: Plan, magnitudes: Sequence[np.ndarray]) -> np.ndarray:
    """Bound on the error of each output, in the network's units.

    Args:
        of: the numbers.
        magnitudes: ``|h_0|`` to ``|h_L|`` of the network, ``(B, units)`` each, or what bounds them.

    Returns:
        Shape ``(B, outputs)``; infinite where the feedback is so strong that the bound does not hold.
    """
    weights = [np.abs(stage.weights) for stage in of.chain.stages]
    errors = [np.zeros_like(h, dtype=float) for h in magnitudes]
    for _ in range(ROUNDS):
        before = [e.copy() for e in errors]
        for k, coupling in enumerate(of.couplings):
            errors[k + 1] = errors[k] @ weights[k]
            if coupling:
                errors[k + 1] += coupling * (magnitudes[k + 2] + errors[k + 2]) @ weights[k + 1].T
        if all(np.allclose(new, old, rtol=1e-6, atol=0.0) for new, old in zip(errors, before, strict=True)):
            return errors[-1] * (1.0 + 1e-5)  # what is left of the iteration
        if max(float(e.max(initial=0.0)) for e in errors) > 1e100:
            break
    return np.full_like(errors[-1], np.inf)


def reach(chain: Chain, largest: float = 1.0) -> list[np.ndarray]:
    """What bounds ``|h_0|`` to ``|h_L|`` over all inputs of at most ``largest``, ``(1, units)`` each."""
    found = [np.full((1, chain.sizes[0]), largest)]
    for stage in chain.stages:
        found.append(found[-1] @ np.abs(stage.weights) + np.abs(stage.bias))
    return found
