"""Schematics of a chip's blocks, each by itself, from the elements that its deck is made of.

A block is drawn of a chip with the same settings that has just as many lines as its drawing needs: one synapse, one
amplifier, one bit line and two write lines.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import WaveformSources
from ebana.circuit.element import GROUND, Element
from ebana.circuit.elements import NodeGroup, VoltageSources
from ebana.onchip.blocks import block_of, layer_of, stem_of
from ebana.onchip.circuit import circuit
from ebana.onchip.description import Inputs, Network
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.stimulus import lines as write_lines
from ebana.onchip.transistors.cards import Cards
from ebana.reports.schematic import CircuitTooLarge, draw_circuit
from ebana.storage.atomic import write_atomically

CARDS = Cards(".model nfet nmos\n.model pfet pmos", {"n": "nfet", "p": "pfet"})
"""Names of the two models: a drawing needs no more of them."""

BLOCKS = {
    "synapse": "a synapse of layer {layer}",
    "amplifier": "an amplifier of layer {layer}",
    "hold": "what holds z of the free phase, layer {layer}",
    "update": "what computes an update, layer {layer}, written by {write}",
    "write": "what writes a bit line, layer {layer}, written by {write}",
    "nudge": "the nudge of an output",
}
"""Blocks that are drawn by themselves, and the titles of their drawings."""

_HELD, _COMPUTED = ("zbuf", "hold", "ch"), ("reader", "pre", "error", "update")

Wanted = Callable[[str], bool]
"""Whether an array of this name is drawn."""


def draw(
    network: Network,
    block: str = "network",
    layer: int = 0,
    *,
    path: str | os.PathLike[str] | None = None,
) -> str:
    """A schematic as SVG text; written too where a path is given.

    Args:
        network: the circuit.
        block: one of :data:`BLOCKS`; ``"network"`` for all of it, which is possible for two inputs and two hidden
            units, not for many more.
        layer: of the block, from 0.
        path: a file name that ends in ``.svg``.

    Raises:
        ValueError: for an unknown block or layer, and for a path with another ending.
        CircuitTooLarge: for a network that is too large to be drawn as a whole.

    Example:
        >>> from ebana.onchip import recipes
        >>> drawn = draw(recipes.network(recipes.SINE, 1), "synapse")
        >>> "1.3/0.15 µm" in drawn, "0.42/0.15 µm" in drawn
        (True, True)
    """
    _check(network, block, layer)
    if path is not None and Path(path).suffix.lower() != ".svg":
        raise ValueError(f"draw(path={str(path)!r}). Expected a file name that ends in '.svg'.")
    text = _whole(network) if block == "network" else _alone(network, block, layer)
    if path is not None:
        write_atomically(path, text.encode())
    return text


def _alone(network: Network, block: str, layer: int) -> str:
    write = network.layers[layer].lines(network.shape[layer])
    part = extract(built(_small(network, block, layer, write)), lambda name: _has(block, layer, name))
    return draw_circuit(part, title=BLOCKS[block].format(layer=layer + 1, write=write))


def built(network: Network) -> Circuit:
    """The circuit of a network over two points of its own: inputs at half and at full scale, all lines written."""
    x = network.inputs.scale * np.linspace(0.5, 1.0, 2)[:, None, None] * np.ones((2, 1, network.shape[0]))
    y = network.loss.amplitude * np.array([-1.0, 1.0])[:, None, None] * np.ones((2, 1, network.shape[-1]))
    lines = np.arange(2)[:, None, None] % np.array(write_lines(network))
    rate = np.array([[1.0], [network.decay]])
    return circuit(network, CARDS, Stimulus(x, y, lines, rate))


def extract(whole: Circuit, wanted: Wanted) -> Circuit:
    """Some arrays of a circuit with the sources that drive them, and no other nodes."""
    kept = [e for e in whole.elements if wanted(e.name)]
    touched = {int(n) for e in kept for ends in e.terminals() for n in np.ravel(ends).tolist()} - {GROUND}
    sources = [e for e in whole.elements if e.sources().size and e not in kept and touched & _nodes(e)]
    touched |= {n for e in sources for n in _nodes(e)}
    places = np.full(whole.size + 1, GROUND)
    order = sorted(touched)
    places[order] = np.arange(len(order))
    driven = {n for e in (*kept, *sources) for n in e.sources().tolist()}
    names = {e.name for e in (*kept, *sources)}
    elements = tuple(_renumbered(e, places) for e in whole.elements if e.name in names)
    return Circuit(tuple(_groups(whole, order, driven)), elements, whole.parameters, (), whole.inputs)


def _nodes(element: Element) -> set[int]:
    return {int(n) for ends in element.terminals() for n in np.ravel(ends).tolist()}


def _groups(whole: Circuit, order: Iterable[int], driven: set[int]) -> Iterable[NodeGroup]:
    """Groups of the nodes that are kept; those that no source drives any more are free."""
    start, kept = 0, set(order)
    for group in whole.groups:
        nodes = [int(n) for n in group.indices if int(n) in kept]
        if nodes:
            kind = "free" if group.kind == "source" and not set(nodes) & driven else group.kind
            yield replace(group, kind=kind, start=start, size=len(nodes))
            start += len(nodes)


def _renumbered(element: Element, places: np.ndarray) -> Element:
    """An element at the places of its nodes; index -1, ground, finds the last one."""
    fields = (
        ("nodes",) if isinstance(element, VoltageSources | WaveformSources) else element.index_fields or ()
    )
    return replace(element, **{name: places[getattr(element, name)] for name in fields})


def _has(block: str, layer: int, name: str) -> bool:
    """Whether a block of a layer has an array of this name."""
    if block == "nudge":
        return name in ("nudging", "target")
    if layer_of(name) != layer:
        return block == "synapse" and layer == 0 and name == "xn"
    of, stem = block_of(name), stem_of(name)
    match block:
        case "synapse":
            return of == "synapses"
        case "amplifier":
            return of in ("amplifiers", "clamps")
        case "hold":
            return stem in _HELD
        case "update":
            return of == "update" and stem in _COMPUTED
        case _:
            return of == "writing" or stem in ("sampling", "cs", "cw")


# -- chips that are just large enough ----------------------------------------------------------------------


def _check(network: Network, block: str, layer: int) -> None:
    if block not in ("network", *BLOCKS):
        raise ValueError(f"block={block!r} is unknown. Expected 'network' or one of {', '.join(BLOCKS)}.")
    if layer not in range(len(network.layers)):
        raise ValueError(f"layer={layer!r}. Expected 0 to {len(network.layers) - 1}.")


def _small(network: Network, block: str, layer: int, write: str) -> Network:
    """A chip with as few lines as a block's drawing needs, and with all of its layers."""
    two = 2 if block in ("update", "write") else 1  # write lines
    rows, columns = (two, 1) if write == "rows" else (1, two)
    layers = [replace(one, units=1) for one in network.layers]
    layers[layer] = replace(layers[layer], units=columns, write=write)
    if layer:
        layers[layer - 1] = replace(layers[layer - 1], units=rows)
    features = 1 if layer else rows
    inputs = Inputs(features, network.inputs.scale, complement=False, bias=False)
    return replace(network, inputs=inputs, layers=tuple(layers))


def _whole(network: Network) -> str:
    try:
        return draw_circuit(built(network), title=f"a circuit that trains itself: {network.name}")
    except CircuitTooLarge as large:
        raise CircuitTooLarge(
            f"a chip {network.name} is too large for a legible schematic of all of it. Expected one of its blocks: "
            f"{', '.join(BLOCKS)}."
        ) from large
