"""Stages and their factors: what amplifiers do to the energy.

Nodes joined by reciprocal elements form a stage. An amplifier of gain A and backward current gain
kappa between two stages multiplies the energy of the driven stage by ``kappa / A`` (1/A^2 for the
default kappa = 1/A): the circuit settles at a minimum of ``sum_l c_l E_l`` with these factors
multiplied along the chain. Where two paths give one stage two factors there is no such energy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana.circuit.circuit import Circuit, connected
from ebana.circuit.elements import GROUND, Amplifiers, Branches, Element, Output
from ebana.physics.structure import Structure, structure


@dataclass(frozen=True, eq=False)
class Stages:
    """Which stage each node is in, and by which amplifiers each stage's factor is reached.

    Args:
        of_node: stage of each node, -1 for source nodes (they hold a potential and join nothing).
        routes: for each stage the amplifiers on the way from its root, as ``(name, +1 | -1)``.
        links: ``(stage, driven stage, amplifier)`` of the amplifiers between stages.
    """

    of_node: np.ndarray
    routes: tuple[tuple[tuple[str, int], ...], ...]
    links: tuple[tuple[int, int, str], ...]

    def of(self, *nodes: np.ndarray) -> int:
        """The stage of an element, from its terminals; -1 when all of them are held."""
        for array in nodes:
            for node in array:
                if node != GROUND and self.of_node[node] >= 0:
                    return int(self.of_node[node])
        return -1


def _components(circuit: Circuit) -> np.ndarray:
    movable = np.full(circuit.size + 1, True)
    movable[circuit.sources] = False
    movable[circuit.size] = False
    label = connected(circuit, movable, amplified=False)[: circuit.size]
    _, compact = np.unique(label[movable[:-1]], return_inverse=True)
    result = np.full(circuit.size, -1)
    result[movable[:-1]] = compact
    return result


def stages(circuit: Circuit) -> Stages:
    """Find the stages of a circuit and the amplifiers that link them (cached by structure)."""
    return _stages(structure(circuit))


@lru_cache(maxsize=64)
def _stages(of: Structure) -> Stages:
    circuit = of.circuit
    label = _components(circuit)
    count = int(label.max(initial=-1)) + 1
    links: list[tuple[int, int, str]] = []
    for amplifier in circuit.each(Amplifiers):
        for h, w in zip(amplifier.inputs, amplifier.outputs, strict=True):
            if label[h] >= 0:
                links.append((int(label[h]), int(label[w]), amplifier.name))
    links = list(dict.fromkeys(links))
    driven = {w for _, w, _ in links}
    routes: list[tuple[tuple[str, int], ...] | None] = [None] * count
    for root in sorted(range(count), key=lambda s: s in driven):
        if routes[root] is not None:
            continue
        routes[root] = ()
        grew = True
        while grew:
            grew = False
            for h, w, name in links:
                if routes[h] is not None and routes[w] is None:
                    routes[w] = (*routes[h], (name, 1))  # type: ignore[misc]
                    grew = True
                elif routes[w] is not None and routes[h] is None:
                    routes[h] = (*routes[w], (name, -1))  # type: ignore[misc]
                    grew = True

    return Stages(label, tuple(r or () for r in routes), tuple(links))


def conflicts(circuit: Circuit) -> tuple[str, ...]:
    """What has no one factor at the circuit's initial gains.

    Names of the amplifiers that give a stage a second factor, and of the elements and outputs that span stages of
    different factors.
    """
    plan = stages(circuit)
    ratio = {a.name: _initial_ratio(circuit, a) for a in circuit.each(Amplifiers)}
    values = np.array([np.prod([ratio[name] ** sign for name, sign in route]) for route in plan.routes])
    found = {
        name for h, w, name in plan.links if not np.isclose(values[h] * ratio[name], values[w], rtol=1e-9)
    }
    found |= {name for name, value in ratio.items() if np.isnan(value)}
    for item in (*filter(_may_span_stages, circuit.elements), *circuit.outputs):
        touched = values[list(_touched(plan, item))]
        if touched.size and not np.allclose(touched, touched[0], rtol=1e-9):
            found.add(item.name)
    return tuple(sorted(found))


def always_one_energy(circuit: Circuit) -> bool:
    """Whether every stage has one factor whatever the gains: that of the same amplifiers on every path."""
    plan = stages(circuit)
    powers = [_powers(route) for route in plan.routes]
    alike = all(_powers((*plan.routes[h], (name, 1))) == powers[w] for h, w, name in plan.links)
    spanning = (_touched(plan, e) for e in circuit.elements if _may_span_stages(e))
    joined = all(powers[k] == powers[min(touched)] for touched in spanning for k in touched)
    named = [n for a in circuit.each(Amplifiers) for n in (a.gain, a.backward) if n is not None]
    return alike and joined and all(np.prod(circuit.parameters[name].shape) == 1 for name in named)


def _powers(route: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Powers of the amplifiers' ratios along a route."""
    total: dict[str, int] = {}
    for name, sign in route:
        total[name] = total.get(name, 0) + sign
    return {name: power for name, power in total.items() if power}


def _touched(plan: Stages, item: Element | Output) -> set[int]:
    """Stages that an element or an output touches."""
    nodes = np.concatenate([np.ravel(t) for t in item.terminals()])
    return set(plan.of_node[nodes[nodes != GROUND]].tolist()) - {-1}


def _may_span_stages(element: Element) -> bool:
    """Whether its nodes may lie in several stages: those of a crossbar are one, and an amplifier's are two by right."""
    return not (element.unilateral or (isinstance(element, Branches) and element.outer))


def _initial_ratio(circuit: Circuit, amplifier: Amplifiers) -> float:
    """``kappa / A`` when it is one number for all units, and stays so in training, else NaN."""
    named = {n: circuit.parameters[n] for n in (amplifier.gain, amplifier.backward) if n is not None}
    if any(p.trainable and p.initial.size > 1 for p in named.values()):
        return float("nan")
    values = np.unique(np.asarray(amplifier.factor({n: p.initial for n, p in named.items()})))
    return float(values[0]) if np.allclose(values, values[0], rtol=1e-9) else float("nan")


def gains(circuit: Circuit, parameters: Mapping[str, Any]) -> Any:
    """Voltage gain from the root of its chain to every stage, shape ``(stages,)``: the unit of its potentials.

    Of amplifiers whose units differ, the first unit's.
    """
    gain = {a.name: jnp.ravel(jnp.asarray(parameters[a.gain]))[0] for a in circuit.each(Amplifiers)}
    return _along_routes(circuit, gain)


def factors(circuit: Circuit, parameters: Mapping[str, Any]) -> Any:
    """Factor of every stage, shape ``(stages,)``, from the gains in ``parameters``."""
    return _along_routes(circuit, {a.name: jnp.mean(a.factor(parameters)) for a in circuit.each(Amplifiers)})


def _along_routes(circuit: Circuit, ratio: Mapping[str, Any]) -> Any:
    """Product of the ratios along the route to every stage; the routes of a deep network go on from each other."""
    found: dict[tuple[tuple[str, int], ...], Any] = {(): jnp.asarray(1.0)}
    values = []
    for route in stages(circuit).routes:
        for length in range(_known(found, route), len(route)):
            name, sign = route[length]
            step = ratio[name] if sign > 0 else 1.0 / ratio[name]
            found[route[: length + 1]] = found[route[:length]] * step
        values.append(found[route])
    return jnp.stack(values) if values else jnp.zeros(0)


def _known(found: Mapping[Any, Any], route: tuple[Any, ...]) -> int:
    """Length of the longest beginning of a route that was found already."""
    return next(length for length in range(len(route), -1, -1) if route[:length] in found)
