"""Nudges in decks.

* A held nudge is a current source into each node of an output.
* A clamped nudge of a squared error is a conductance to a source at the target (for folded outputs between ``v+`` and
  ``v-``, offset by the target), written as a G source because its value may be negative.
* Clamped cross-entropy is a B source whose expression is the gradient of the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import LossLike
from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import Output
from ebana.compilation import arithmetic
from ebana.spice.language.statements import Behavioural, Statement, VoltageControlled, VoltageSource
from ebana.spice.netlist import parts
from ebana.spice.netlist.names import Names
from ebana.spice.netlist.parts import held, unit_runs
from ebana.spice.netlist.values import part_handles

CLAMPED_LOSSES = ("mse", "cross_entropy", "binary_cross_entropy")
"""Names of the losses whose clamped nudge has a SPICE form."""


def loss_name(loss: LossLike) -> str:
    """Name of a loss with a SPICE form for clamped nudging.

    Raises:
        ValueError: for any other loss.
    """
    name = getattr(loss, "name", None)
    if name in CLAMPED_LOSSES:
        return name
    raise ValueError(
        f"clamped nudging with the loss {name or type(loss).__name__!r} has no SPICE form. "
        f"Expected one of: {', '.join(CLAMPED_LOSSES)}. Use the current nudge, which works with any loss, "
        "or the native engine."
    )


def _slopes(loss: LossLike, y: np.ndarray, target: np.ndarray) -> np.ndarray:
    with arithmetic():
        slope = jax.grad(lambda o, t: loss.cost(o, t).sum())(jnp.asarray(y), jnp.asarray(target))
        return np.asarray(slope)


def clamp_values(loss: LossLike, strength: object, target: object) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of a clamped nudge: a strength for each unit, and what it pulls towards.

    A squared error of any scale and offset is ``a (y - z)^2 / 2`` for each unit, so two gradients give
    a and z. The (binary) cross-entropy must be that of a softmax (a logistic function) of the outputs.

    Args:
        loss: the loss, with ``name`` and ``cost(y, target)``.
        strength: the nudging strength s, a number or shape ``(B, 1)``.
        target: shape ``(B, units)``.

    Returns:
        The conductances ``s a`` and the offsets ``z``, both ``(B, units)``.

    Raises:
        ValueError: when the loss has no SPICE form, or is not what its name says.
    """
    name = loss_name(loss)
    target = np.asarray(target, dtype=np.float64)
    s = np.asarray(strength, dtype=np.float64).reshape(-1, 1)
    probe = np.linspace(-0.7, 1.3, target.size).reshape(target.shape)
    at_zero, at_probe = _slopes(loss, np.zeros_like(target), target), _slopes(loss, probe, target)
    if name == "mse":
        scale = _slopes(loss, np.ones_like(target), target) - at_zero
        offset = -at_zero / np.where(scale == 0, 1.0, scale)
        expected = scale * (probe - offset)
    else:
        odds = np.exp(probe)
        share = odds / odds.sum(1, keepdims=True) if name == "cross_entropy" else odds / (1 + odds)
        scale = np.full_like(
            target, np.vdot(at_probe, share - target) / np.vdot(share - target, share - target)
        )
        offset = target
        expected = scale * (share - target)
    if not np.allclose(at_probe, expected, rtol=1e-9, atol=1e-12):
        raise ValueError(
            f"the loss {name!r} has another gradient than the SPICE form of that name. "
            "Use the current nudge, or give the loss a name of its own."
        )
    return s * scale, offset


@dataclass(frozen=True)
class Clamp:
    """A clamped nudge of one port, as the deck has it: ``strength`` and ``offset`` for each unit."""

    port: str
    loss: str
    strength: np.ndarray
    offset: np.ndarray


def nudge_values(nudge: Any, sample: int) -> tuple[dict[str, np.ndarray], list[Clamp]]:
    """The held currents of one sample by port, and its clamps."""
    row = slice(sample, sample + 1)
    held = {port: np.asarray(current, dtype=np.float64)[sample] for port, current in nudge.currents.items()}
    clamps = []
    for port, s in nudge.strength.items():
        strength = np.asarray(s, dtype=np.float64)
        strength = strength if strength.size == 1 else strength.reshape(-1)[row]
        values = clamp_values(nudge.loss, strength, np.asarray(nudge.targets[port])[row])
        clamps.append(Clamp(port, loss_name(nudge.loss), values[0][0], values[1][0]))
    return held, clamps


def clamp_handles(circuit: Circuit, names: Names, port: str, loss: str) -> tuple[list[str], list[str]]:
    """What ``alter`` calls the strengths and the offsets of a port's clamped nudge.

    Raises:
        ValueError: when ngspice cannot hold the nudge (cross-entropy of very many units).
    """
    output = circuit.output(port)
    places = [
        (name.lower(), k)
        for name, run in zip(names.subcircuits["clamp", port], clamp_runs(output, loss), strict=True)
        for k, _ in enumerate(range(output.units)[run])
    ]
    strength = "g.x{}.g{} gain" if loss == "mse" else "v.x{}.vs{}"
    return [strength.format(*place) for place in places], ["v.x{}.vt{}".format(*place) for place in places]


def held_handles(circuit: Circuit, names: Names, port: str) -> list[str]:
    """What ``alter`` calls the held currents of a port."""
    return part_handles(names, names.subcircuits["held", port], held(circuit.output(port)))


def clamp_runs(output: Output, loss: str) -> list[slice]:
    """The runs of units that the clamped nudge of a loss is written in."""
    runs = unit_runs(output)
    if loss == "cross_entropy" and len(runs) > 1:
        raise ValueError(
            f"a clamped nudge of cross-entropy couples all nodes of output {output.name!r}, and ngspice holds "
            f"at most {parts.MAX_PORTS} in one subcircuit. Received: {len(output.nodes)} nodes. Use the current nudge, "
            "or the native engine."
        )
    return runs


def unit_nodes(circuit: Circuit, names: Names, port: str) -> list[tuple[str, str]]:
    """The two nodes between which each unit of an output is read."""
    output = circuit.output(port)
    nodes = [names.nodes[i] for i in output.nodes.tolist()]
    return list(zip(nodes[0::2], nodes[1::2], strict=True)) if output.folded else [(n, "0") for n in nodes]


def clamp_statements(
    loss: str, pairs: list[tuple[str, str]], strength: list[float], offset: list[float]
) -> Iterator[Statement]:
    """The clamped nudge of some units."""
    for k, (a, b) in enumerate(pairs):
        if loss == "mse":
            yield VoltageSource(f"Vt{k}", f"t{k}", b, offset[k])
            yield VoltageControlled(f"G{k}", a, f"t{k}", a, f"t{k}", strength[k])
        else:
            yield VoltageSource(f"Vs{k}", f"s{k}", "0", strength[k])
            yield VoltageSource(f"Vt{k}", f"t{k}", "0", offset[k])
            yield Behavioural(f"B{k}", a, b, f"V(s{k})*({_probability(loss, pairs, k)}-V(t{k}))")


def _probability(loss: str, pairs: list[tuple[str, str]], k: int) -> str:
    """Expression of the k-th probability, with exponents of differences so that none overflows."""
    a, b = pairs[k]
    if loss == "binary_cross_entropy":
        return f"1/(1+exp(-V({a},{b})))"
    others = "".join(f"+exp(V({c},{d})-V({a},{b}))" for j, (c, d) in enumerate(pairs) if j != k)
    return f"1/(1{others})"
