"""The behavioural blocks of circuits that train themselves, written as B sources of SPICE.

They stand for the analog computing of an update where it is not drawn transistor by transistor: :class:`Selectors`
lead the voltages of the row that is written to where the update is computed, :class:`UpdateMultipliers` compute it,
:class:`SquareContrasts` compare an edge of two networks, and :class:`Formulas` compute what a user states, with
arithmetic and a few functions only, so that whatever reads a circuit can know them all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ebana.circuit.element import GROUND, Element, Place, named, with_ground
from ebana.circuit.unit_array import UnitArray
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Statement

if TYPE_CHECKING:
    from ebana._types import Values


def volts(node: str) -> str:
    """A node's potential in an expression."""
    return "0" if node == "0" else f"V({node})"


def drop(plus: str, minus: str) -> str:
    """A voltage between two nodes in an expression."""
    return f"(-V({minus}))" if plus == "0" else volts(plus) if minus == "0" else f"V({plus},{minus})"


def clipped(expression: str, bound: float) -> str:
    """An expression within ``-bound`` and ``bound``."""
    return f"max(min({expression},{bound!r}),{-bound!r})"


def rectified(expression: str, threshold: float | None) -> str:
    """What an expression has above a threshold, 0 below; itself where there is none."""
    return expression if threshold is None else f"max({expression}-({threshold!r}),0)"


class _Outputs(Element):
    """What they have in common: each unit holds a node of its own against ground."""

    outputs: np.ndarray

    inline = True

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`."""
        ground = len(among) - 1
        held = with_ground(self.outputs, among)
        held = held[among[held] & among[ground]]
        yield held, np.full(len(held), ground)

    def fixed(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.fixed`."""
        yield self.outputs, np.full(len(self.outputs), GROUND)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`; each is named by the node that it holds."""
        for k, node in enumerate(named(nodes, self.outputs)):
            yield spice.Behavioural(f"B{node}", node, "0", self.expression(nodes, k), "V")

    @property
    def block_name(self) -> str:
        """What a schematic calls each unit."""
        return self.kind

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """Names of what enters and leaves each unit, and the nodes of each, ``(k, ports)``."""
        raise NotImplementedError

    def expression(self, nodes: Sequence[str], k: int) -> str:
        """The voltage of unit k over the potentials of nodes, whose names are given, ground last."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Selectors(_Outputs):
    """Voltages of the rows that select lines choose::

        v(output_k) = sum_r v(select_r) / full (v(plus_kr) - v(minus_kr))

    and of that the part above ``threshold``, where one is given.

    Args:
        outputs: nodes that are held, ``(k,)``.
        selects: nodes of the select lines, ``(rows,)``.
        plus, minus: nodes of each row for each output, ``(k, rows)`` or what broadcasts to it.
        full: volts of a line that selects.
        threshold: volts, or None.
    """

    outputs: np.ndarray
    selects: np.ndarray
    plus: np.ndarray
    minus: np.ndarray
    full: float
    threshold: float | None = None

    index_fields: ClassVar = ("outputs", "selects", "plus", "minus")
    kind = "selectors"
    symbol = "block"

    def __post_init__(self) -> None:
        super().__post_init__()
        shape = len(self.outputs), len(self.selects)
        for name in ("plus", "minus"):
            given = getattr(self, name)
            try:
                spread = np.broadcast_to(given, shape)
            except ValueError:
                raise ValueError(
                    f"selectors {self.name!r} have {name} nodes of shape {given.shape}. Expected {shape}, one for each "
                    "output and select line."
                ) from None
            object.__setattr__(self, name, np.array(spread))

    def check(self) -> None:
        """Refuse a full voltage that is not above 0."""
        if not (np.isfinite(self.full) and self.full > 0):
            raise ValueError(f"selectors {self.name!r} have full={self.full!r}. Expected volts above 0.")

    def terminals(self) -> tuple[np.ndarray, ...]:
        """See :meth:`Element.terminals`."""
        return self.outputs, self.selects, *self.plus.T, *self.minus.T

    def part(self, place: Place) -> Self:
        """It is written inline, and so never cut: its select lines are as many as they are."""
        raise NotImplementedError(f"selectors {self.name!r} are not written in parts")

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """See above: the output, then select line, plus and minus of each row, without what is ground for all."""
        named_nodes = [("out", self.outputs)]
        for r, select in enumerate(self.selects):
            of_row = (np.full(self.units, select), self.plus[:, r], self.minus[:, r])
            named_nodes += [(f"{what}{r}", nodes) for what, nodes in zip("s+-", of_row, strict=True)]
        drawn = [(name, nodes) for name, nodes in named_nodes if (nodes != GROUND).any()]
        return [name for name, _ in drawn], np.stack([nodes for _, nodes in drawn], 1)

    def expression(self, nodes: Sequence[str], k: int) -> str:
        """See :class:`Selectors`."""
        rows = zip(*(named(nodes, n) for n in (self.selects, self.plus[k], self.minus[k])), strict=True)
        terms = [f"{volts(select)}*{drop(a, b)}" for select, a, b in rows if a != b]
        scaled = f"({'+'.join(terms) or '0'})/{float(self.full)!r}"
        return rectified(scaled, None if self.threshold is None else float(self.threshold))

    def title(self) -> str:
        """See :meth:`Element.title`."""
        return f"an array of {self.kind}"

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return "Σ s·Δv" if self.threshold is None else "max(Σ s·Δv - θ, 0)"


@dataclass(frozen=True, eq=False)
class UpdateMultipliers(_Outputs, UnitArray):
    """The value that a memory is to have after an update::

        v(output) = clip(v(base) - clip(scale v(rate) (v(error_plus) - v(error_minus)) r(v(input)), step), limit)

    with ``clip(x, c) = max(min(x, c), -c)`` and ``r(x) = max(x - threshold, 0)``, or x where threshold is None.

    Args:
        outputs: nodes that are held, ``(k,)``.
        base: nodes of the values before the update.
        error_plus, error_minus: nodes of the error.
        rate: nodes of the learning rate.
        inputs: nodes of the presynaptic voltage.
        scale: 1 / V^2, a number or one for each.
        threshold: volts, or None; a number or one for each.
        step: largest change of an update, volts.
        limit: largest value, volts.
    """

    outputs: np.ndarray
    base: np.ndarray
    error_plus: np.ndarray
    error_minus: np.ndarray
    rate: np.ndarray
    inputs: np.ndarray
    scale: np.ndarray
    threshold: np.ndarray | None
    step: np.ndarray
    limit: np.ndarray

    index_fields: ClassVar = ("outputs", "base", "error_plus", "error_minus", "rate", "inputs")
    number_fields: ClassVar = ("scale", "threshold", "step", "limit")
    positive_fields: ClassVar = ("step", "limit")
    kind = "update multipliers"
    symbol = "block"

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """See above."""
        return ("out", "base", "e+", "e-", "rate", "in"), np.stack(self.terminals(), 1)

    def expression(self, nodes: Sequence[str], k: int) -> str:
        """See :class:`UpdateMultipliers`."""
        base, plus, minus, rate, source = (nodes[int(n[k])] for n in self.terminals()[1:])
        threshold = None if self.threshold is None else float(self.threshold[k])
        product = f"({float(self.scale[k])!r})*{volts(rate)}*{drop(plus, minus)}*{rectified(volts(source), threshold)}"
        change = clipped(product, float(self.step[k]))
        return clipped(f"{volts(base)}-{change}", float(self.limit[k]))

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return "v - η·Δ·x"


FUNCTIONS = ("max", "min", "abs", "sgn", "tanh")
"""What a formula may call."""

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_]\w*)|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|[-+*/(),])"
)


@dataclass(frozen=True, eq=False)
class Formulas(_Outputs):
    """Voltages by a formula of other voltages::

        v(output_k) = formula(v(input_k1), v(input_k2), ...)

    Args:
        outputs: nodes that are held, ``(k,)``.
        inputs: nodes of the formula's variables, ``(k, variables)``.
        variables: their names.
        formula: text over these names, numbers, ``+ - * / ( )``, and the functions ``max``, ``min``, ``abs``, ``sgn``
            and ``tanh``.
    """

    outputs: np.ndarray
    inputs: np.ndarray
    variables: tuple[str, ...]
    formula: str

    index_fields: ClassVar = ("outputs", "inputs")
    kind = "formulas"
    symbol = "block"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "variables", tuple(self.variables))
        shape = len(self.outputs), len(self.variables)
        if np.shape(self.inputs) != shape:
            raise ValueError(
                f"formulas {self.name!r} have input nodes of shape {np.shape(self.inputs)}. "
                f"Expected {shape}, one for each output and variable."
            )

    def check(self) -> None:
        """Refuse words that are neither a variable nor a function."""
        text, place = self.formula.rstrip(), 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            word = found["name"] if found else text[place:].lstrip()[0]
            if found is None or (word and word not in self.variables and word not in FUNCTIONS):
                raise ValueError(
                    f"formulas {self.name!r} hold {word!r} in {self.formula!r}. Expected numbers, "
                    f"+ - * / ( ), the variables {', '.join(self.variables)} and the functions {', '.join(FUNCTIONS)}."
                )
            place = found.end()

    def terminals(self) -> tuple[np.ndarray, ...]:
        """See :meth:`Element.terminals`."""
        return self.outputs, *self.inputs.T

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """See above."""
        return ("out", *self.variables), np.stack(self.terminals(), 1)

    def expression(self, nodes: Sequence[str], k: int) -> str:
        """See :class:`Formulas`."""
        at = dict(zip(self.variables, map(volts, named(nodes, self.inputs[k])), strict=True))
        return _TOKEN.sub(lambda found: at.get(found["name"], found[0].strip()), self.formula)

    def title(self) -> str:
        """See :meth:`Element.title`."""
        return f"an array of {self.kind}"

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return "f(v)"


@dataclass(frozen=True, eq=False)
class SquareContrasts(_Outputs, UnitArray):
    """The difference of two squared voltages, and where a memory that it charges ends::

        v(output) = c(scale v(rate) ((v(plus) - v(minus))^2 - (v(other_plus) - v(other_minus))^2))
        c(x) = x limit((high - v(memory)) / headroom) where x > 0, else x limit((v(memory) - low) / headroom)

    with ``limit(u) = max(min(u, 1), 0)``: a current that follows it falls to zero as the memory comes to the end of its
    range, as that of a current source does whose headroom is used up.

    Args:
        outputs: nodes that are held, ``(k,)``.
        plus, minus: nodes of the first voltage.
        other_plus, other_minus: nodes of the second voltage.
        rate: nodes of the learning rate.
        memory: nodes that are charged.
        scale: 1 / V^2, a number or one for each.
        low, high: ends of the memory's range, volts.
        headroom: volts before an end over which the output falls to zero.
    """

    outputs: np.ndarray
    plus: np.ndarray
    minus: np.ndarray
    other_plus: np.ndarray
    other_minus: np.ndarray
    rate: np.ndarray
    memory: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    headroom: np.ndarray

    index_fields: ClassVar = ("outputs", "plus", "minus", "other_plus", "other_minus", "rate", "memory")
    number_fields: ClassVar = ("scale", "low", "high", "headroom")
    positive_fields: ClassVar = ("headroom",)
    kind = "square contrasts"
    symbol = "block"

    def check(self) -> None:
        """Refuse ranges whose upper end is not above the lower one."""
        wrong = np.flatnonzero(self.high <= self.low)
        if wrong.size:
            k = int(wrong[0])
            raise ValueError(
                f"square contrasts {self.name!r}: unit {k} has low={self.low[k]:g} V and high={self.high[k]:g} V. "
                "Expected high above low."
            )

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """See above."""
        return ("out", "a+", "a-", "b+", "b-", "rate", "mem"), np.stack(self.terminals(), 1)

    def expression(self, nodes: Sequence[str], k: int) -> str:
        """See :class:`SquareContrasts`."""
        plus, minus, other_plus, other_minus, rate, memory = (nodes[int(n[k])] for n in self.terminals()[1:])
        scale, low, high, headroom = (float(getattr(self, name)[k]) for name in self.number_fields)
        a, b = drop(plus, minus), drop(other_plus, other_minus)
        contrast = f"({scale!r})*{volts(rate)}*(({a})*({a})-({b})*({b}))"
        up = f"max(min((({high!r})-{volts(memory)})/{headroom!r},1),0)"
        down = f"max(min(({volts(memory)}-({low!r}))/{headroom!r},1),0)"
        return f"max({contrast},0)*{up}+min({contrast},0)*{down}"

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return "Δa² - Δb²"
