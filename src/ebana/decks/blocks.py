"""Blocks written in SPICE as elements of the circuit, where their text can be read: solved natively."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ebana.circuit import Circuit, CircuitBuilder, Subcircuits
from ebana.decks.assembly import Assembly
from ebana.decks.selection import Selection
from ebana.spice.language.deck import Deck, read_deck


def expanded(circuit: Circuit) -> Circuit:
    """A circuit with the elements of its blocks in their place; blocks that are not read stay as they are.

    Their inner nodes follow after all others, whose numbers do not change.

    Example:
        >>> from ebana.spice.language.subcircuit import Subcircuit
        >>> build = CircuitBuilder()
        >>> x = build.input("x", 1)
        >>> load = Subcircuit.parse(".subckt load a\\nR1 a m 1k\\nR2 m 0 1k\\n.ends")
        >>> build.subcircuits("act", x[:, None], load)
        >>> [type(element).__name__ for element in expanded(build.build()).elements]
        ['VoltageSources', 'Resistors']
    """
    blocks = {block.name: _deck(block) for block in circuit.each(Subcircuits)}
    read = {name: deck for name, deck in blocks.items() if isinstance(deck, Deck)}
    told = tuple(
        replace(element, unread=blocks[element.name])
        if element.name in blocks.keys() - read.keys()
        else element
        for element in circuit.elements
    )
    circuit = replace(circuit, elements=told) if len(read) < len(blocks) else circuit
    return _with(circuit, read) if read else circuit


def _deck(block: Subcircuits) -> Deck | str:
    """The elements of all instances, their pins named by instance and number; or why the text is not read."""
    instances = [
        " ".join([f"X{k}", *(_pin(k, pin) for pin in range(block.pins.shape[1])), block.model.name])
        for k in range(len(block.pins))
    ]
    try:
        return read_deck("\n".join([block.name, block.model.text, *instances, ".end"]))
    except ValueError as error:
        return str(error)


def _pin(instance: int, pin: int) -> str:
    return f"pin{instance}_{pin}"


def _with(circuit: Circuit, blocks: Mapping[str, Deck]) -> Circuit:
    build = CircuitBuilder.of(circuit, leave_out=tuple(blocks))
    for block in circuit.each(Subcircuits):
        if block.name not in blocks:
            continue
        known = {_pin(k, pin): int(node) for k, row in enumerate(block.pins) for pin, node in enumerate(row)}
        with build.owned_by(block.layer):
            Assembly(blocks[block.name], Selection({}, {}), build, known, f"{block.name} ").add()
    return build.build()


__all__ = ["expanded"]
