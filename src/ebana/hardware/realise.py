"""``realise``: from the values that were asked for to those that a chip has, in a compiled program or outside.

A chip is made in three steps, of which the first is outside every program and the others are pure functions of arrays:

    prepared    what is the same for all chips: the devices at a temperature
    drawn       random numbers of one chip, by its key
    applied     values and devices, effect after effect in the order in which they were given

What is drawn anew at each write has the number of the write in its key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.circuit import Circuit
from ebana.hardware.effects import Bounds, Effect
from ebana.hardware.keys import key_of
from ebana.parameters import Parameter, Slot

Parameters = Mapping[str, Parameter] | Mapping[str, Slot]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Drawn:
    """What the effects of a chip drew.

    Args:
        values: of each effect by parameter.
        circuit: of each effect for the devices of a circuit.
    """

    values: tuple[dict[str, Any], ...]
    circuit: tuple[Any, ...]


def prepared(effects: Sequence[Effect], circuit: Circuit) -> Circuit:
    """The circuit that all chips have."""
    for effect in effects:
        circuit = effect.prepared(circuit)
    return circuit


def bounds_of(parameters: Mapping[str, Parameter]) -> dict[str, tuple[float, float]]:
    """``(low, high)`` of each parameter, as arguments of a program."""
    return {name: (float(p.low), float(p.high)) for name, p in parameters.items()}


def check(effects: Sequence[Effect], parameters: Mapping[str, Parameter], circuit: Circuit | None) -> None:
    """Refuse effects on layers that there are none of, and such as make no sense of a parameter.

    Raises:
        ValueError: naming the effect, and what the model has.
    """
    layers = dict.fromkeys(p.layer for p in parameters.values())
    if circuit is not None:
        layers |= {
            name: None for element in circuit.elements for name in (element.owner, element.name) if name
        }
    for effect in effects:
        who = type(effect).__name__
        if unknown := [name for name in effect.layers or () if name not in layers]:
            raise ValueError(
                f"{who}(layers={list(effect.layers)!r}): the model has no layer {unknown[0]!r}. It has: "
                f"{', '.join(layers)}."
            )
        kinds = sorted({p.kind for p in parameters.values()})
        concerned = [p for p in parameters.values() if effect.concerns(p)]
        absent = [kind for kind in effect.kinds if kind not in kinds]
        if absent and len(absent) < len(effect.kinds):
            raise ValueError(
                f"{who}(kinds={list(effect.kinds)!r}): the model has no values of the kind {absent[0]!r}. Its values "
                f"are of the kinds {', '.join(kinds)}."
            )
        if not concerned and effect.kinds:
            which = " that are trained" if effect.programmed and effect.layers is None else ""
            raise ValueError(
                f"{who}() is on values of the kinds {', '.join(effect.kinds)}{which}, of which the model has none "
                f"there. Its values are of the kinds {', '.join(kinds)}: give kinds= or layers=."
            )
        for parameter in concerned:
            effect.check(parameter.name, (float(parameter.low), float(parameter.high)))


def draw(
    effects: Sequence[Effect], parameters: Parameters, circuit: Circuit | None, key: Array, write: Any = 0
) -> Drawn:
    """What a chip's effects draw.

    Args:
        effects: of the hardware.
        parameters: of the model, or their slots.
        circuit: the model's, if it has one.
        key: of the chip.
        write: number of the write.
    """
    of_values, of_circuit = [], []
    for name, effect in _named(effects):
        own = key_of(key, name)
        if effect.rewritten:
            own = jax.random.fold_in(own, write)
        slots = [p for p in parameters.values() if effect.random and effect.concerns(p)]
        of_values.append({p.name: effect.draw(key_of(own, p.name), p.shape) for p in slots})
        of_circuit.append(effect.draw_circuit(own, circuit) if circuit is not None else None)
    return Drawn(tuple(of_values), tuple(of_circuit))


def redrawn(effects: Sequence[Effect], parameters: Parameters, drawn: Drawn, key: Array, write: Any) -> Drawn:
    """What was drawn, with that of another write in the place of the last one's."""
    anew = [effect for effect in effects if effect.rewritten]
    if not anew:
        return drawn
    again = draw(effects, parameters, None, key, write).values
    values = zip(effects, drawn.values, again, strict=True)
    return Drawn(tuple(new if effect.rewritten else old for effect, old, new in values), drawn.circuit)


def _named(effects: Sequence[Effect]) -> list[tuple[str, Effect]]:
    """Effects by names that the others do not change: their class, and a number where there are several of it."""
    seen: dict[str, int] = {}
    named = []
    for effect in effects:
        kind = type(effect).__name__
        seen[kind] = seen.get(kind, 0) + 1
        named.append((f"{kind} {seen[kind]}", effect))
    return named


def apply_values(
    effects: Sequence[Effect],
    parameters: Parameters,
    circuit: Circuit | None,
    values: Values,
    drawn: Drawn,
    bounds: Mapping[str, Bounds],
) -> dict[str, Array]:
    """Values that a chip has, of those that were asked for; amplifiers that differ have one for each unit."""
    found: dict[str, Any] = {name: jnp.asarray(value) for name, value in values.items()}
    for effect, of_values, of_circuit in zip(effects, drawn.values, drawn.circuit, strict=True):
        for name in (p.name for p in parameters.values() if effect.concerns(p)):
            found[name] = effect.value(found[name], of_values.get(name), bounds[name])
        if circuit is not None:
            found = effect.on_amplifiers(circuit, found, of_circuit)
    return found


def apply_circuit(effects: Sequence[Effect], circuit: Circuit, drawn: Drawn) -> Circuit:
    """The circuit that a chip has, with devices that differ."""
    for effect, of_circuit in zip(effects, drawn.circuit, strict=True):
        circuit = effect.on_circuit(circuit, of_circuit)
    return circuit
