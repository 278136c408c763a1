"""Cards and files of models as people have them: read, held against ngspice on their own text, and exported.

A card that is accepted must carry the current that ngspice 39 computes from the same text, from our exported deck,
and from a block that holds the text; a card that is refused must be named with its line.
"""

from __future__ import annotations

import random
import re
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

from benchmarks.faults import Count
from benchmarks.faults.card_oracle import OPTIONS, VOLTS, Raw, as_written, deck_currents, differs
from benchmarks.faults.card_styles import REFUSED, STYLES, Style
from benchmarks.faults.random_cards import random_card
from ebana.circuit import CircuitBuilder, Device
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.mosfet.transistor import MosDiode
from ebana.spice.language.subcircuit import Subcircuit
from ebana.spice.netlist.deck import netlist

NEIGHBOURS = [
    ".model IRF VDMOS(nchan Rg=3 Vto=4 Rd=14m)", ".model D2 AKO:NONE D(RS=1)", ".model RMOD R (R=1 TC1=1m, 2m)",
    ".MODEL", ".modelx q D(", ".model BAD D(IS=2n N=", ".model BAD D(IS=abc junk", ".model B2 D(IS={nowhere})",
    ".param p={p}", ".param q=", ".model S1 SW(VT=0.5 VH=0.1 RON=1 ROFF=1meg)", ".model Q1 NPN(BF=100\n+ IS=1f",
    "; a note\nR1 a b 1k", ".subckt BAD a b\n.model X D(IS=\n.ends", ".lib 'other.lib'", "\x00\x01 '{(",
]  # fmt: skip
"""Lines of a library that must not hide another card of it."""

ENCODINGS = {
    "utf-8": "", "utf-8-sig": "", "utf-16": "", "utf-16-le": "", "utf-16-be": "", "utf-32": "", "latin-1": "ÿé©®µ",
    "cp1252": "“€™ é©", "mac-roman": "©é√", "cp437": "éÑ░", "shift-jis": "ダイオード",
    "gb18030": "二极管", "cp1251": "диод",
}  # fmt: skip
"""Encodings, and letters of theirs for comments."""

_current = jax.jit(lambda law, volts: law.current(volts, {}))


def volts_of(device: Device) -> tuple[float, ...]:
    """The voltages at which a device is held."""
    return VOLTS["d" if isinstance(device, JunctionDiode) else "m"]


def ours(device: Device) -> np.ndarray:
    """Currents of a device at the oracle's voltages, amperes."""
    with jax.enable_x64(True):
        return np.asarray(_current(device.law, np.array(volts_of(device))))  # type: ignore[attr-defined]


def read(text: str, model: str, kind: str = "d") -> Device:
    """The device of a card; what its numbers' letters mean elsewhere is known here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "model .*the letter after the number")
        warnings.filterwarnings("ignore", "model .*steps back by")
        cls = JunctionDiode if kind == "d" else MosDiode
        return cls.from_card(text, model_name=model)


def exported(device: Device) -> np.ndarray | None:
    """Currents of the device in a deck of ours, as ngspice computes them, amperes."""
    build, volts = CircuitBuilder(), volts_of(device)
    x = build.input("x", len(volts))
    build.devices("d", x, build.ground(len(volts)), device)
    build.resistors("r", build.nodes("load", 1), build.ground(1), 1e-3)
    circuit = build.build()
    deck = netlist(circuit, inputs={"x": np.array([volts])}, analysis=False)
    deck = re.sub(r"^\.options.*", OPTIONS, deck, flags=re.MULTILINE)
    sources = re.findall(r"^(Vx\S*) ", deck, re.MULTILINE)
    return deck_currents(deck, sources)


def in_block(style: Style) -> np.ndarray | None:
    """Currents of the card in a block that holds its text, amperes."""
    volts = VOLTS[style.kind]
    end = "a 0" if style.kind == "d" else "a a 0 0"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "subcircuit .*the letter after the number")
        block = Subcircuit.parse(f".subckt cell a\n{style.kind}1 {end} {style.model}\n.ends\n{style.text}")
    lines = [f"Vx{j} n{j} 0 {v!r}\nXd{j} n{j} cell" for j, v in enumerate(volts)]
    deck = "\n".join(["block", *lines, block.text, OPTIONS])
    return deck_currents(deck, [f"Vx{j}" for j in range(len(volts))])


# -- counts --------------------------------------------------------------------------------------------


def _count(name: str, wrong: list[str], tried: int, note: str = "") -> Count:
    first = f"first wrong: {wrong[0]!r}" if wrong else ""
    return Count(name, tried, len(wrong), "; ".join(filter(None, (note, first))))


def styles() -> Iterator[Count]:
    """Every style against ngspice on its text, in our deck, and in a block."""
    wrong: dict[str, list[str]] = {"as written": [], "exported": [], "in a block": []}
    refused = 0
    for style in STYLES:
        device = read(style.text, style.model, style.kind)
        current = ours(device)
        (raw,) = as_written([Raw(style.text, style.model, style.kind)], style.behaviour)
        results = {"as written": raw, "exported": exported(device)}
        if style.behaviour == "psa" or "'" in style.text:
            refused += _block_refuses(style)
        elif "mfg=" in style.text:
            refused += 1  # by ngspice itself, which ends over a maker's name
        else:
            results["in a block"] = in_block(style)
        for what, theirs in results.items():
            if differs(current, theirs):
                wrong[what].append(style.name)
    for what, names in wrong.items():
        note = f"{refused} refused by name (AKO, quotes, makers)" if what == "in a block" else ""
        yield _count(f"styles of cards, {what}, against ngspice", names, len(STYLES), note)


def _block_refuses(style: Style) -> bool:
    try:
        in_block(style)
    except ValueError as error:
        return re.match(r"line \d+: ", str(error)) is not None
    raise AssertionError(f"a block took {style.text!r}")


def refusals() -> Count:
    """Cards that are refused name their line and what is wrong."""
    wrong = []
    for text, message in REFUSED.items():
        try:
            JunctionDiode.from_card(text, model_name="r")
            wrong.append(text)
        except ValueError as error:
            if not re.search(rf"line \d+: .*({message})", str(error), re.DOTALL):
                wrong.append(text)
    return _count("cards that are refused by name and line", wrong, len(REFUSED))


def random_styles(number: int, seed: int = 0, batch: int = 60) -> Count:
    """Cards in random styles: what is accepted is what ngspice computes from the text."""
    rng, wrong, refused, tried = random.Random(seed), [], 0, 0
    while tried < number:
        accepted: list[tuple[Raw, np.ndarray]] = []
        for _ in range(min(batch, number - tried)):
            raw = random_card(rng, f"x{tried}")
            tried += 1
            try:
                accepted.append((raw, ours(read(raw.text, raw.model, raw.kind))))
            except ValueError as error:
                refused += 1
                if not re.match(r"line \d+: ", str(error)):
                    wrong.append(raw.text)
        theirs = as_written([raw for raw, _ in accepted])
        wrong += [raw.text for (raw, own), other in zip(accepted, theirs, strict=True) if differs(own, other)]
    return _count(
        "cards in random styles against ngspice", wrong, tried, f"seed {seed}; {refused} refused by name"
    )


def neighbours() -> Count:
    """Every style between lines that cannot be read."""
    wrong, tried = [], 0
    for style in STYLES:
        alone = read(style.text, style.model, style.kind)
        for bad in NEIGHBOURS:
            tried += 1
            try:
                if read(f"{bad}\n\n{style.text}\n{bad}\n", style.model, style.kind) != alone:
                    wrong.append(f"{style.name}: {bad}")
            except ValueError as error:
                wrong.append(f"{style.name}: {bad}: {error}")
    return _count("cards beside lines that cannot be read", wrong, tried)


def encodings() -> Count:
    """Every diode style in every encoding, with letters of that encoding in comments."""
    wrong, tried = [], 0
    with tempfile.TemporaryDirectory(prefix="cards-") as folder:
        path = Path(folder, "models.lib")
        for style in (s for s in STYLES if s.kind == "d"):
            alone = read(style.text, style.model)
            for encoding, letters in ENCODINGS.items():
                text = f"* {letters}\n{style.text} ; {letters}\n* {letters}\n"
                try:
                    content = text.encode(encoding)
                except UnicodeEncodeError:
                    continue
                if "µ" in style.text and encoding in ("cp437", "shift-jis", "gb18030", "cp1251"):
                    continue  # the micro sign has another byte there
                tried += 1
                path.write_bytes(content)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        found = JunctionDiode.from_file(path, style.model)
                    except ValueError as error:
                        found = error
                if found != alone:
                    wrong.append(f"{encoding}: {style.name}: {found}")
    return _count("files of models in every encoding", wrong, tried)


def counts(quick: bool = False) -> Iterator[Count]:
    """Count what went wrong with cards."""
    yield from styles()
    yield refusals()
    yield neighbours()
    yield encodings()
    yield random_styles(240 if quick else 6000)
