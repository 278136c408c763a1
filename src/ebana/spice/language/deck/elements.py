"""Elements of a deck, as data: flattened, with numbers evaluated.

Names are full and in lower case: the resistor ``R2`` of the instance ``X1`` is ``x1.r2``, a node ``out`` inside it
``x1.out``, and ground is ``"0"``. ``written`` is the name as the deck spells it. Currents flow into an element at its
first node and out of it at the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ebana.spice.language.cards import ModelCard
from ebana.spice.language.deck.expression import Expression
from ebana.spice.language.deck.places import Place


@dataclass(frozen=True, slots=True)
class Part:
    """What every element states.

    Args:
        name: its full name in lower case.
        written: its name as the deck spells it.
        nodes: full names of its nodes.
        place: its line.
    """

    name: str
    written: str
    nodes: tuple[str, ...]
    place: Place

    def __str__(self) -> str:
        """Its name within its instances, and where it stands: ``x1.R2 (amp.cir, line 4: 'R2 a b 1k')``."""
        stem, own = self.name[: -len(self.written)], self.name[-len(self.written) :]
        return f"{stem}{self.written if own == self.written.lower() else own} ({self.place})"


@dataclass(frozen=True, slots=True)
class Resistor(Part):
    """A resistance in ohms at the deck's temperature, temperature coefficients and multiplier taken in.

    Args:
        ohms: all taken in.
        factor: ohms for each ohm of the value that its line states.
        asked: who computes with its current, which takes the resistance for a constant; nobody by default.
    """

    ohms: float
    factor: float = 1.0
    asked: str = ""


def asked_text(resistor: Resistor) -> str:
    """Why the value of a resistor whose current others compute with is a constant."""
    return (
        f"{resistor.asked} computes with its current as a voltage over a constant resistance. Put a source of 0 V in "
        "series with it, and name the current of that."
    )


@dataclass(frozen=True, slots=True)
class Capacitor(Part):
    """A capacitance in farads, open at DC; ``start`` is its ``IC``, volts, which has no influence there."""

    farads: float
    start: float | None = None


@dataclass(frozen=True, slots=True)
class Inductor(Part):
    """An inductance in henries, a short at DC that carries a current; ``start`` is its ``IC``, amperes."""

    henries: float
    start: float | None = None


@dataclass(frozen=True, slots=True)
class VoltageSource(Part):
    """Volts from the second node to the first, at DC; ``wave`` is the text of its course over time."""

    volts: float
    wave: str = ""


@dataclass(frozen=True, slots=True)
class CurrentSource(Part):
    """Amperes that flow from the first node through the source to the second, at DC; ``wave`` as of one of volts.

    ``copies`` stand in parallel, whose amperes are added up in ``amperes``.
    """

    amperes: float
    wave: str = ""
    copies: float = 1.0


@dataclass(frozen=True, slots=True)
class VoltageControlled(Part):
    """``gain`` times the voltage from ``controls[1]`` to ``controls[0]``: volts (``e``) or amperes (``g``)."""

    letter: Literal["e", "g"]
    controls: tuple[str, str]
    gain: float


@dataclass(frozen=True, slots=True)
class CurrentControlled(Part):
    """``gain`` times the current of ``source``: amperes (``f``) or volts (``h``)."""

    letter: Literal["f", "h"]
    source: str
    gain: float


@dataclass(frozen=True, slots=True)
class Diode(Part):
    """A junction diode.

    Args:
        card: its model, values evaluated.
        area: times the card's area; None where the line states none.
        m: how many stand in parallel.
        pj: times the card's perimeter; None where the line states none.
        temperature: its own, degrees Celsius; None for the deck's.
        off: whether it is to be taken as off at first.
    """

    card: ModelCard
    area: float | None = None
    m: float = 1.0
    pj: float | None = None
    temperature: float | None = None
    off: bool = False


@dataclass(frozen=True, slots=True)
class Transistor(Part):
    """A level 1 MOSFET: drain, gate, source, and bulk where the line states one.

    Args:
        card: its model, values evaluated.
        w: width, metres; None where neither the line nor ``.options defw`` states one.
        l: length, metres; None where neither the line nor ``.options defl`` states one.
        m: how many stand in parallel.
        temperature: its own, degrees Celsius; None for the deck's.
        off: whether it is to be taken as off at first.
        drain_area, source_area, drain_perimeter, source_perimeter: AD, AS, PD and PS, in metres; None where not stated.
        drain_squares, source_squares: NRD and NRS; None where not stated.
    """

    card: ModelCard
    w: float | None = None
    l: float | None = None  # noqa: E741 - the field's name
    m: float = 1.0
    temperature: float | None = None
    off: bool = False
    drain_area: float | None = None
    source_area: float | None = None
    drain_perimeter: float | None = None
    source_perimeter: float | None = None
    drain_squares: float | None = None
    source_squares: float | None = None


@dataclass(frozen=True, slots=True)
class Behavioural(Part):
    """Volts (``v``) or amperes (``i``) by an expression; ``m`` is already part of it."""

    quantity: Literal["v", "i"]
    expression: Expression


Element = (
    Resistor | Capacitor | Inductor | VoltageSource | CurrentSource | VoltageControlled | CurrentControlled | Diode
    | Transistor | Behavioural
)  # fmt: skip
"""An element of a deck."""


def carries_current(element: Element) -> bool:
    """Whether an element has a current of its own among the unknowns: sources of volts and inductors."""
    match element:
        case VoltageSource() | Inductor() | VoltageControlled(letter="e") | CurrentControlled(letter="h"):
            return True
        case Behavioural(quantity="v"):
            return True
        case _:
            return False
