"""What is measured of a network: its states by layer, and its gradient at several strengths beside the exact one.

A node is *held* where its devices conduct so much more than its resistors that a current into it hardly moves it,

    g_devices / (g_devices + g_resistors) > HELD,

and *dead* where its potential is the same for all samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana import inference
from ebana.analysis.held_nodes import STILL
from ebana.circuit import Circuit
from ebana.circuit.elements import Devices
from ebana.compilation import arithmetic
from ebana.hardware.doctor.diagnosis import LayerHealth
from ebana.learning.estimators import GradientEstimator
from ebana.learning.losses import Loss
from ebana.physics import kirchhoff
from ebana.physics.stiffness import node_conductances
from ebana.training.data import Dataset
from ebana.training.diagnosis import at_bounds

Array = np.ndarray

HELD = 0.9
"""Share of a node's conductance that its devices have where they hold it."""

OPEN = 0.01
"""The share from which on a device counts as conducting."""

LEEWAY = 5.0
"""A device is near to conducting where it would at potentials so many times as large: training makes them larger."""

FACTORS = (1e-4, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e4)
"""Strengths that are tried, in terms of the one that is examined."""


@dataclass(frozen=True)
class States:
    """Free states, and what the nudge changes.

    Args:
        p: potentials of all nodes in the free phase, ``(B, N)``, volts.
        v: unknowns of the free phase, ``(B, F)``.
        moved: their change under the nudge, ``(B, F)`` of the free nodes, volts; None where nothing is nudged.
        error: the largest estimated error of a potential, volts.
        found: mask of the samples whose states were found.
    """

    p: Array
    v: Array
    moved: Array | None
    error: float
    found: Array


def states(system: Any, values: Mapping[str, Array], data: Dataset, result: inference.Found | None) -> States:
    """Free states of a batch, and the changes that an estimate's phases made."""
    free = inference.free_states(system, values, data.inputs)
    with arithmetic():
        given = [inference.cast(system, arrays) for arrays in (values, data.inputs)]
        p = np.asarray(system.everything(*given, jnp.asarray(free.v)), np.float64)
    found = np.asarray(free.found)
    error = float(np.max(np.where(np.isfinite(free.solution.error), free.solution.error, 0.0), initial=0.0))
    moved = None
    if result is not None and "plus" in result.states:
        point, ok = result.states["plus"]
        moved = np.asarray(point.v, np.float64) - np.asarray(free.solution.v, np.float64)
        found = found & np.asarray(ok)
    return States(p, np.asarray(free.v), moved, error, found)


def layers(
    circuit: Circuit,
    values: Mapping[str, Array],
    seen: States,
    reach: float,
    epsilon: float,
    cosines: Mapping[str, float],
) -> tuple[LayerHealth, ...]:
    """Measures of each layer with free nodes.

    Args:
        circuit, values: of the network.
        seen: its states.
        reach: largest potential of the inputs, volts.
        epsilon: rounding of the engine's numbers, relative.
        cosines: by parameter.
    """
    p = seen.p[seen.found]
    largest = float(np.abs(p).max(initial=reach))
    resistors, devices = node_conductances(circuit, values)[:-1], device_conductances(circuit, values, p)
    share = devices / np.maximum(devices + resistors, np.finfo(float).tiny)
    stretched = device_conductances(circuit, values, LEEWAY * p)
    wide = stretched / np.maximum(stretched + resistors, np.finfo(float).tiny)
    healths = []
    for name, nodes in free_layers(circuit).items():
        own = [n for n, q in circuit.parameters.items() if q.trainable and q.layer == name]
        still = np.ptp(p[:, nodes], axis=0) <= STILL * largest if len(p) > 1 else np.zeros(len(nodes), bool)
        moved = 0.0 if seen.moved is None else _rms(seen.moved[seen.found][:, circuit.free_position[nodes]])
        noise = epsilon * _rms(p[:, nodes]) + seen.error
        known = [cosines[n] for n in own if n in cosines and np.isfinite(cosines[n])]
        g = resistors[nodes] + devices[:, nodes].min(0, initial=np.inf) if len(p) else resistors[nodes]
        healths.append(
            LayerHealth(
                layer=name,
                nodes=len(nodes),
                dead=float(still.mean()),
                saturated=float((share[:, nodes] > HELD).mean()) if len(p) else 0.0,
                near=float((wide[:, nodes] > OPEN).mean()) if len(p) else 0.0,
                swing=_rms(p[:, nodes]),
                contrast=moved,
                resolution=moved / noise if noise > 0 else np.inf,
                condition=float(g.max() / max(g.min(), np.finfo(float).tiny)),
                cosine=min(known, default=np.nan),
                at_bounds=max(
                    (float(at_bounds(values[n], circuit.parameters[n]).mean()) for n in own), default=0.0
                ),
            )
        )
    return tuple(healths)


def free_layers(circuit: Circuit) -> dict[str, Array]:
    """Free nodes by the layer that made them."""
    found: dict[str, list[Array]] = {}
    for group in circuit.free_groups:
        found.setdefault(group.layer, []).append(group.indices)
    return {name: np.concatenate(parts) for name, parts in found.items()}


def device_conductances(circuit: Circuit, values: Mapping[str, Array], p: Array) -> Array:
    """Incremental conductance of the devices at each node, ``(B, N)``, siemens.

    A conducting ideal diode holds its node, whatever else is there.
    """
    total = np.zeros_like(p)
    with arithmetic():
        given = {name: jnp.asarray(value) for name, value in values.items()}
        for element in circuit.each(Devices):
            drop = np.asarray(element.drop(jnp.asarray(np.append(p, np.zeros((len(p), 1)), 1))))
            if element.law.ideal:
                g = np.where(drop >= np.asarray(element.law.threshold) - kirchhoff.HELD, np.inf, 0.0)
                g = np.where(np.isinf(g), 1e300, g)
            else:
                g = np.asarray(_incremental(element, jnp.asarray(drop), given))
            for nodes in element.ends():
                real = nodes >= 0
                for k in np.flatnonzero(real):
                    total[:, nodes[k]] += g[:, k]
    return total


def _incremental(element: Any, drop: Any, values: Any) -> jax.Array:
    return element.incremental(drop, values)


def cosines(
    learner: Any,
    data: Dataset,
    loss: Loss,
    estimator: GradientEstimator,
    beta: float,
    exact: Mapping[str, Array],
) -> dict[float, dict[str, float]]:
    """Cosine of the estimated and the exact gradient by parameter, at each strength that can be had."""
    found = {}
    for factor in FACTORS if estimator.nudges else (1.0,):
        try:
            gradients = learner.gradients(
                data, loss_fn=loss, beta=factor * beta, estimator=estimator, strict=False
            )
        except ValueError:  # rounding swallows the nudge, or the nudged circuit has no minimum
            continue
        found[factor * beta] = {name: cosine(gradients[name], g) for name, g in exact.items()}
    return found


def cosine(a: Array, b: Array) -> float:
    """Cosine of the angle between two arrays; NaN where one of them is zero."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.sum(np.asarray(a, np.float64) * b) / size) if size > 0 else float("nan")


def _rms(x: Array) -> float:
    return float(np.sqrt(np.mean(np.square(x)))) if x.size else 0.0
