"""Put numbers into a plan: parameters, a batch of inputs and a nudge become a system of equations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number, Values
from ebana.circuit import Circuit, CurrentSources, VoltageSources
from ebana.circuit.elements import GROUND, INDEX, Branches, as_slice
from ebana.equations.arrays import add, embed, put, take, widened
from ebana.equations.families import families
from ebana.equations.laws import ArrayLaw
from ebana.equations.plan import (
    CrossbarCoupling,
    GeneralBranches,
    HeldCrossbar,
    HeldDevices,
    Plan,
    ResistorCoupling,
    WiredPorts,
    plan,
)
from ebana.equations.system import System
from ebana.equations.terms import Affine, CrossbarTerm, GeneralTerm, HeldDeviceTerm, PortNudge, ResistorTerm
from ebana.physics import kirchhoff, wires
from ebana.physics.nudge import Nudge
from ebana.physics.stages import factors, gains, stages


def coupled_outputs(circuit: Circuit, nudge: Nudge) -> frozenset[str]:
    """Outputs whose nodes a clamped nudge couples to each other."""
    return frozenset(
        name for name in nudge.strength if circuit.output(name).folded or not nudge.loss.quadratic
    )


def assemble(circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, batch: int) -> System:
    """The equations of a batch (see :class:`~ebana.equations.system.System`)."""
    return _Assembly(circuit, parameters, inputs, nudge, batch).system()


def stored(value: Array) -> Array:
    """The value as a product of its own: a transpose around it, folded in, would cost as much as the product."""
    return jax.lax.optimization_barrier(value)


class _Assembly:
    """The common subexpressions of one assembly."""

    def __init__(
        self, circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, batch: int
    ) -> None:
        self.circuit, self.parameters, self.nudge, self.batch = circuit, parameters, nudge, batch
        self.plan: Plan = plan(circuit, coupled_outputs(circuit, nudge))
        self.dtype = jnp.result_type(*parameters.values(), *inputs.values(), jnp.float32)
        self.inputs = inputs
        self.maps = kirchhoff.affine_maps(circuit, parameters, self.dtype)
        self.laws = {e.name: e.law for e in circuit.each(Branches) if not e.linear}

    def map(self, nodes: np.ndarray) -> Affine:
        return Affine(*(take(array, nodes)[:, None] for array in self.maps))

    def amplified(self, nodes: np.ndarray) -> bool:
        """Whether some of the nodes lie behind amplifiers."""
        return bool((self.circuit.base[nodes] != nodes)[nodes != GROUND].any())

    def positions(self, nodes: np.ndarray) -> np.ndarray:
        return self.plan.column[nodes]

    def data(self, source: VoltageSources, columns: np.ndarray) -> Array:
        """Values that sources follow, before their scale, ``(B, k)`` or ``(1, k)``."""
        if source.parameter is not None:
            value = self.parameters[source.parameter][None]
        else:
            value = self.inputs[str(source.input)]
        return value[:, as_slice(columns)].astype(self.dtype)

    def far(self, nodes: np.ndarray) -> Array:
        """Potentials of held nodes, amplified ones included, ``(k, B)``, or ``(k, 1)`` where no data enter."""
        sources = tuple(self.circuit.each(VoltageSources))
        number, place = (array[nodes] for array in self.circuit.driven_by)
        base = jnp.zeros((len(nodes), 1), self.dtype)
        for k in np.unique(number[number >= 0]):
            at = np.flatnonzero(number == k)
            source, places = sources[k], place[at]
            value = self.data(source, source.columns[places]) * jnp.asarray(source.scale[places], self.dtype)
            base = put(base, at, value.T)
        return self.map(nodes)(base)

    def system(self) -> System:
        free = len(self.circuit.free)
        diagonal, rhs = self._held_terms(jnp.zeros((free, 1), self.dtype), self._injected(free))
        ties = (*map(self._tie, self.plan.couplings), *map(self._link, self.plan.links))
        for ports in self.plan.wired:
            found = self._wired(ports)
            diagonal, rhs = self._hold(diagonal, rhs, ports.free, found.leak, found.current)
            ties = (*ties, *self._between(ports, found))
        full_diagonal, full_rhs = diagonal, rhs
        for tie in ties:
            full_diagonal, full_rhs = _own_share(tie, full_diagonal, full_rhs)
        pairs = tuple(self._pair(pair) for pair in self.plan.pairs)
        local = tuple(self._local(p) for p in self.plan.local_devices)
        smooth = tuple(term for term in local if not term.law.ideal)
        lower, upper = self._bounds([term for term in local if term.law.ideal], free)
        scale = self._scale()
        leak, coupled = self._leaks(diagonal, ties, scale)
        return System(
            self.plan,
            self._weight(),
            diagonal,
            rhs,
            full_diagonal,
            full_rhs,
            scale,
            leak,
            coupled,
            full_diagonal * scale + coupled,
            self._held_reach(),
            ties,
            *self._coefficients(ties, scale),
            smooth,
            families((*smooth, *pairs)),
            pairs,
            tuple(self._port(name) for name in self.nudge.strength),
            lower,
            upper,
        )

    def _weight(self) -> Array:
        c = factors(self.circuit, self.parameters)
        return c[stages(self.circuit).of_node[self.circuit.free]][:, None]

    def _scale(self) -> Array:
        """Unit of each free node's potential, in which branches between stages carry differences, ``(F, 1)``."""
        if not self.circuit.amplifiers:
            return jnp.ones((len(self.circuit.free), 1), self.dtype)
        gain = jnp.abs(gains(self.circuit, self.parameters)).astype(self.dtype)
        gain = jnp.where(gain > 0, gain, 1.0)
        return gain[stages(self.circuit).of_node[self.circuit.free]][:, None]

    def _leaks(self, diagonal: Array, ties: tuple[CrossbarTerm, ...], scale: Array) -> tuple[Array, Array]:
        """Sums of each node's scaled coefficients: all of them, and those of other free nodes, ``(F, 1)``."""
        leak, coupled = diagonal * scale, jnp.zeros_like(diagonal)
        for tie in ties:
            own = tie.row_map.alpha * take(scale, tie.row)
            other = tie.column_map.alpha * take(scale, tie.column)
            rows = tie.row_map.kappa * (tie.g @ other)
            columns = tie.column_map.kappa * (tie.g.T @ own)
            coupled = add(add(coupled, tie.row, rows), tie.column, columns)
            if self.circuit.amplifiers:
                excess = tie.g * (own - other.T)
                leak = add(leak, tie.row, tie.row_map.kappa * excess.sum(1)[:, None])
                leak = add(leak, tie.column, -tie.column_map.kappa * excess.sum(0)[:, None])
        return leak, coupled

    def _held_reach(self) -> Array:
        """Largest potential that sources and shifts hold, ``(B,)`` or ``(1,)``, volts."""
        alpha, beta, _ = self.maps
        reach = jnp.zeros(1, self.dtype)
        for source in self.circuit.each(VoltageSources):
            value = self.data(source, source.columns) * jnp.asarray(source.scale, self.dtype)
            reach = jnp.maximum(reach, jnp.abs(value).max(1, initial=0.0))
        return reach * jnp.abs(alpha).max() + jnp.abs(beta).max()

    def _injected(self, free: int) -> Array:
        rhs = jnp.zeros((free, 1), self.dtype)
        for element in self.circuit.each(CurrentSources):
            at = np.flatnonzero(self.positions(element.nodes) < free).astype(INDEX)
            nodes, current = element.nodes[at], self.parameters[element.current][at]
            rhs = add(rhs, self.positions(nodes), self.map(nodes).kappa * current[:, None])
        for name, current in self.nudge.currents.items():
            nodes = self.circuit.output(name).nodes
            rhs = add(rhs, self.positions(nodes), self.map(nodes).kappa * current.T)
        return rhs

    def _held_terms(self, diagonal: Array, rhs: Array) -> tuple[Array, Array]:
        products: dict[Any, tuple[VoltageSources, HeldCrossbar, Array]] = {}
        for feed in self.plan.feeds:
            g = self._oriented(feed)
            constant = g.T @ self.map(feed.held).beta if self.amplified(feed.held) else 0.0
            diagonal, rhs = self._hold(diagonal, rhs, feed.free, g.sum(0)[:, None], constant)
            if feed.source is not None:
                columns = feed.source.columns[feed.places]
                key = feed.source.input, feed.source.parameter, columns.tobytes(), feed.free.tobytes()
                signed = self._signed(feed, feed.source.scale[feed.places], g)
                products[key] = (feed.source, feed, products[key][2] + signed if key in products else signed)
        for source, feed, g in products.values():  # x and -x into the same nodes are one product, x (G+ - G-)
            x = self.data(source, source.columns[feed.places])
            current = stored(x @ g).T
            rhs = add(rhs, self.positions(feed.free), self.map(feed.free).kappa * current)
        for name, at, near, far in self.plan.local_resistors:
            g = self.parameters[name][at][:, None]
            diagonal, rhs = self._hold(diagonal, rhs, near, g, g * self.far(far))
        return diagonal, rhs

    def _oriented(self, part: HeldCrossbar | CrossbarCoupling) -> Array:
        """A part of a crossbar's conductances, ``(rows, columns)``; of a feed, ``(held, free)``."""
        g = take(take(self.parameters[part.conductance], part.row_positions).T, part.column_positions).T
        return g.T if isinstance(part, HeldCrossbar) and part.transposed else g

    def _signed(self, feed: HeldCrossbar, scale: np.ndarray, g: Array) -> Array:
        """Current into the free nodes for each volt of the feed's data, ``(held, free)``, siemens."""
        if self.amplified(feed.held):
            g = self.map(feed.held).alpha * g
        return g if (scale == 1.0).all() else jnp.asarray(scale, self.dtype)[:, None] * g

    def _hold(self, diagonal: Array, rhs: Array, nodes: np.ndarray, total: Array, current: Number):
        """Free nodes tied to held ones by ``total`` siemens, with short-circuit current ``current``."""
        m, at = self.map(nodes), self.positions(nodes)
        diagonal = add(diagonal, at, m.kappa * m.alpha * total)
        return diagonal, add(rhs, at, m.kappa * (current - total * m.beta))

    def _tie(self, c: CrossbarCoupling) -> CrossbarTerm:
        g = self._oriented(c)
        rows, columns = self.positions(c.rows), self.positions(c.columns)
        return CrossbarTerm(g, rows, columns, self.map(c.rows), self.map(c.columns))

    def _link(self, link: ResistorCoupling) -> ResistorTerm:
        """Resistors of two blocks, one by one and spread over a matrix."""
        each = self.parameters[link.conductance][link.positions]
        rows, columns = np.unique(link.a), np.unique(link.b)
        at = np.searchsorted(rows, link.a).astype(INDEX), np.searchsorted(columns, link.b).astype(INDEX)
        g = jnp.zeros((rows.size, columns.size), self.dtype).at[at].add(each)
        ends = self.positions(rows), self.positions(columns), self.map(rows), self.map(columns)
        one_by_one = self.positions(link.a), self.positions(link.b), self.map(link.a), self.map(link.b)
        return ResistorTerm(g, *ends, each[:, None], *one_by_one)

    def _wired(self, ports: WiredPorts) -> PortNetwork:
        """A wired crossbar between its free ports, to the held ones, and the current that those drive."""
        numbers = wires.Numbers.of(ports.cells, self.parameters, self.dtype)
        held = self.far(ports.cells.rows[ports.held_rows]), self.far(ports.cells.columns[ports.held_columns])
        if ports.free_rows.size or ports.held_columns.size:
            return _of_all_ports(numbers, ports, held)
        x = jnp.concatenate([jnp.ones((len(numbers.g), 1), self.dtype), held[0]], axis=1)
        between, current = wires.seen_from_columns(numbers, x)
        return PortNetwork(_conductances(between), current[:, :1], current[:, 1:])

    def _between(self, ports: WiredPorts, found: PortNetwork) -> Iterator[CrossbarTerm]:
        """Conductances between free ports, by the blocks of their bases; within one block each stands twice, halved."""
        at = self.positions(ports.free)
        block = np.searchsorted([stop for _, stop in self.plan.blocks], at, side="right")
        blocks = np.unique(block)
        for i, j in ((i, j) for i in blocks for j in blocks if i <= j):
            r, c = np.flatnonzero(block == i), np.flatnonzero(block == j)
            g = take(take(found.between, r).T, c).T
            maps = self.map(ports.free[r]), self.map(ports.free[c])
            yield CrossbarTerm(0.5 * g if i == j else g, at[r], at[c], *maps)

    def _coefficients(
        self, ties: tuple[CrossbarTerm, ...], scale: Array
    ) -> tuple[Array, Array, Array | None]:
        e, k = self.plan.eliminated, self.plan.kept
        place = np.zeros(len(self.circuit.free), dtype=int)
        place[e], place[k] = np.arange(e.size), np.arange(k.size)
        kept = np.isin(np.arange(place.size), k)
        to_e = jnp.zeros((e.size, k.size), self.dtype)
        to_k = jnp.zeros((k.size, e.size), self.dtype)
        among = None
        for tie in ties:
            rows, columns = tie.row_map, tie.column_map
            forward = rows.kappa * tie.g * (columns.alpha * take(scale, tie.column)).T
            backward = columns.kappa * tie.g.T * (rows.alpha * take(scale, tie.row)).T
            for at, by, value in ((tie.row, tie.column, forward), (tie.column, tie.row, backward)):
                if not at.size or not by.size:
                    continue
                if kept[at[0]] and kept[by[0]]:
                    part = embed(value, place[at], place[by], (k.size, k.size))
                    among = part if among is None else among + part
                elif kept[at[0]]:
                    to_k = to_k + embed(value, place[at], place[by], (k.size, e.size))
                else:
                    to_e = to_e + embed(value, place[at], place[by], (e.size, k.size))
        return to_e, to_k, among

    def _local(self, local: HeldDevices) -> HeldDeviceTerm:
        own = {
            name: value if value.shape[0] == 1 else value[local.positions]
            for name, value in local.element.values(self.parameters).items()
        }
        own = {name: value[:, None] for name, value in own.items()}
        return HeldDeviceTerm(
            ArrayLaw.of(self.laws[local.element.name], local.element.units, local.positions),
            own,
            self.positions(local.free),
            local.sign,
            self.map(local.free),
            self.far(local.held),
        )

    def _pair(self, pair: GeneralBranches) -> GeneralTerm:
        element = pair.element
        free = len(self.circuit.free)
        first, second = element.ends()
        ends = []
        for nodes in (first, second):
            held = self.positions(nodes) == free
            m = self.map(nodes)
            ends.append(
                (
                    m._replace(beta=jnp.where(held[:, None], 0.0, m.beta)),
                    jnp.where(held[:, None], self.far(nodes), 0.0),
                )
            )
        (a_map, a_held), (b_map, b_held) = ends
        return GeneralTerm(
            None if element.linear else ArrayLaw.of(self.laws[element.name], element.units),
            {name: value[:, None] for name, value in element.values(self.parameters).items()},
            self.positions(first),
            self.positions(second),
            a_map,
            b_map,
            a_held,
            b_held,
        )

    def _port(self, name: str) -> PortNudge:
        port = self.circuit.output(name)
        strength = jnp.broadcast_to(jnp.asarray(self.nudge.strength[name], self.dtype), (self.batch,))
        return PortNudge(
            port,
            self.positions(port.nodes),
            self.map(port.nodes),
            self.nudge.loss,
            self.nudge.targets[name],
            strength,
        )

    def _bounds(self, ideal: list[HeldDeviceTerm], free: int) -> tuple[Array | None, Array | None]:
        if not ideal:
            return None, None
        lower = jnp.full((free, 1), -jnp.inf, self.dtype)
        upper = jnp.full((free, 1), jnp.inf, self.dtype)
        for term in ideal:
            threshold = term.law.threshold  # type: ignore[attr-defined]  # an ideal diode's
            bound, up = term.base(threshold), term.sign * term.map.alpha > 0
            upper = jnp.asarray(widened(upper, bound)).at[term.positions].min(jnp.where(up, bound, jnp.inf))
            lower = jnp.asarray(widened(lower, bound)).at[term.positions].max(jnp.where(up, -jnp.inf, bound))
        return lower, upper


class PortNetwork(NamedTuple):
    """What the free ports of a wired crossbar see.

    Args:
        between: conductances between each two of them, ``(k, k)``, siemens; zero on the diagonal.
        leak: conductance of each to the held ports, ``(k, 1)``.
        current: into each where all free ports are grounded, ``(k, B)`` or ``(k, 1)``, amperes.
    """

    between: Array
    leak: Array
    current: Array


def _of_all_ports(numbers: wires.Numbers, ports: WiredPorts, held: tuple[Array, Array]) -> PortNetwork:
    """The same where rows are free or columns held: from what each port draws for a volt at each free one."""
    count = ports.free_rows.size, ports.free_columns.size
    unit = jnp.eye(sum(count), dtype=numbers.g.dtype)
    given = []
    for side, free, fixed, volts, own in (
        (0, ports.free_rows, ports.held_rows, held[0], unit[: count[0]]),
        (1, ports.free_columns, ports.held_columns, held[1], unit[count[0] :]),
    ):
        batch = max(part.shape[1] for part in held)
        p = jnp.zeros((numbers.g.shape[side], unit.shape[0] + 1 + batch), unit.dtype)
        p = p.at[free, : unit.shape[0]].set(own)
        p = p.at[fixed, unit.shape[0]].set(1.0)
        given.append(p.at[fixed, unit.shape[0] + 1 :].set(jnp.broadcast_to(volts, (len(fixed), batch))))
    rows, columns = wires.port_currents(numbers, *given)
    drawn = jnp.concatenate([rows[ports.free_rows], columns[ports.free_columns]])
    k = unit.shape[0]
    return PortNetwork(_conductances(drawn[:, :k]), -drawn[:, k : k + 1], -drawn[:, k + 1 :])


def _conductances(matrix: Array) -> Array:
    """Conductances between ports of a passive network from its nodal matrix, none below zero, alike both ways."""
    between = jnp.maximum(-0.5 * (matrix + matrix.T), 0.0)
    return between - jnp.diag(jnp.diag(between))


def _own_share(tie: CrossbarTerm, diagonal: Array, rhs: Array) -> tuple[Array, Array]:
    """The coupling's part of both ends' own coefficients, and the constants of its affine maps."""
    r, c = tie.row_map, tie.column_map
    rows, columns = tie.g.sum(1)[:, None], tie.g.sum(0)[:, None]
    diagonal = add(diagonal, tie.row, r.kappa * rows * r.alpha)
    diagonal = add(diagonal, tie.column, c.kappa * columns * c.alpha)
    rhs = add(rhs, tie.row, r.kappa * (tie.g @ c.beta - rows * r.beta))
    return diagonal, add(rhs, tie.column, c.kappa * (tie.g.T @ r.beta - columns * c.beta))
