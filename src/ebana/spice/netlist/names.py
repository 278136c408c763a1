"""Names in decks: of nodes, of subcircuits and of their parts.

Names that users choose reach a deck only through :func:`unique_names` (letters, digits and underscores) or as the
escaped text of a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ebana.circuit.circuit import Circuit
from ebana.spice.netlist.parts import held, parts_of, unit_runs

_LENGTH = 48


def unique_names(names: Iterable[str]) -> list[str]:
    """Names of letters, digits and underscores, different from each other also in one case of letters.

    Example:
        >>> unique_names(["hidden", "Hidden", "a b", "a_b", "2nd"])
        ['hidden', 'Hidden_2', 'a_b', 'a_b_2', 'n2nd']
    """
    taken: set[str] = set()
    result = []
    for name in names:
        base = re.sub(r"[^A-Za-z0-9_]", "_", str(name))[:_LENGTH]
        base = base if base[:1].isalpha() else f"n{base}"
        candidate, number = base, 1
        while candidate.lower() in taken:
            number += 1
            candidate = f"{base}_{number}"
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def node_names(circuit: Circuit) -> list[str]:
    """SPICE name of each node in the order of the circuit's numbering: its label, or ``<group>_<index>``."""
    groups = unique_names(group.name for group in circuit.groups)
    plain = [
        None if group.labels else f"{name}_{i}"
        for name, group in zip(groups, circuit.groups, strict=True)
        for i in range(group.size)
    ]
    labels = [label for group in circuit.groups for label in group.labels]
    if not labels:
        return plain  # type: ignore[return-value]
    taken = [name for name in plain if name is not None]
    own = iter(unique_names([*taken, *labels])[len(taken) :])
    return [next(own) if name is None else name for name in plain]


def subcircuit_names(circuit: Circuit) -> dict[tuple[str, str], list[str]]:
    """Names of the subcircuits (``block_<name>``, its instance ``X<name>``) of the parts, by what they hold.

    Keys are ``("element", name)`` for element arrays, and ``("held", port)`` and ``("clamp", port)``
    for the two kinds of nudge.
    """
    wanted = {
        **{("element", e.name): (e.name, len(parts_of(e))) for e in circuit.elements},
        **{
            ("held", port.name): (f"nudge_{port.name}", len(parts_of(held(port)))) for port in circuit.outputs
        },
        **{("clamp", port.name): (f"clamp_{port.name}", len(unit_runs(port))) for port in circuit.outputs},
    }
    # second and later parts are named after all others, whose names are then the same with and without them
    later = [(key, f"{name}_part{k}") for key, (name, parts) in wanted.items() for k in range(2, parts + 1)]
    names = unique_names([*(name for name, _ in wanted.values()), *(name for _, name in later)])
    result = {key: [name] for key, name in zip(wanted, names, strict=False)}
    for (key, _), name in zip(later, names[len(wanted) :], strict=True):
        result[key].append(name)
    return result


@dataclass(frozen=True)
class Names:
    """All names of one deck; ``nodes`` has ground in its last place, where index -1 finds it."""

    nodes: list[str]
    subcircuits: dict[tuple[str, str], list[str]]

    @staticmethod
    def of(circuit: Circuit) -> Names:
        """The names of a circuit."""
        return Names([*node_names(circuit), "0"], subcircuit_names(circuit))
