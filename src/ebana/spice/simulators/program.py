"""What simulators are asked, and what they answer: plain data that travels between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

Key = tuple[str, str]
"""What a slot holds: an ``element``, or the ``held`` currents, ``strength`` or ``offset`` of a port; its name."""


@dataclass(frozen=True, eq=False)
class ParametricDeck:
    """A deck that is loaded once, and whose values then change.

    Args:
        lines: the deck, without an analysis.
        handles: what ngspice's ``alter`` calls each value of each slot, e.g. ``"r.xd1.r0_3"`` or
            ``"e.xa.e0 gain"``.
        values: the values that the lines have, by slot, in the order of the handles.
        reads: names of the nodes that are read.
        foreign: text in it that others wrote, by what it belongs to.
    """

    lines: tuple[str, ...]
    handles: Mapping[Key, tuple[str, ...]]
    values: Mapping[Key, np.ndarray]
    reads: tuple[str, ...]
    foreign: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Tells programs apart, also over processes."""
        text = "\n".join([*self.lines, *self.reads])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Job:
    """Operating points that are wanted of one program.

    Args:
        program: the program; None where the receiver of the job has it already, under ``digest``.
        digest: the program's digest.
        fixed: values for all samples, ``{slot: (k,)}``.
        varying: values for each sample, ``{slot: (B, k)}``.
        samples: B.
        timeout: seconds that one operating point may take.
    """

    program: ParametricDeck | None
    digest: str
    fixed: Mapping[Key, np.ndarray]
    varying: Mapping[Key, np.ndarray]
    samples: int
    timeout: float = 60.0

    def rows(self, start: int, stop: int) -> Job:
        """The same for some of the samples."""
        return replace(
            self,
            varying={key: value[start:stop] for key, value in self.varying.items()},
            samples=stop - start,
        )

    def parts(self, number: int) -> list[tuple[int, Job]]:
        """At most so many equal parts, each with the sample it starts at."""
        number = max(1, min(number, self.samples))
        edges = [self.samples * k // number for k in range(number + 1)]
        return [(start, self.rows(start, stop)) for start, stop in pairwise(edges)]

    def without_program(self) -> Job:
        """The same for someone who has the program."""
        return replace(self, program=None)

    def usable(self) -> np.ndarray:
        """Mask of the samples all of whose values are numbers, ``(B,)``."""
        good = np.full(self.samples, all(np.isfinite(value).all() for value in self.fixed.values()))
        for value in self.varying.values():
            good &= np.isfinite(value).all(1)
        return good


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a job.

    Args:
        v: potentials of the nodes that are read, ``(B, F)`` volts; not a number where there are none.
        iterations: ``(B,)``.
        messages: what the simulator said of the samples that failed, by sample.
    """

    v: np.ndarray
    iterations: np.ndarray
    messages: dict[int, str] = field(default_factory=dict)

    @staticmethod
    def empty(samples: int, nodes: int) -> Outcome:
        """Nothing found yet."""
        return Outcome(np.full((samples, nodes), np.nan), np.zeros(samples, np.int32))

    def first(self, samples: int) -> Outcome:
        """The outcome of the first so many samples."""
        messages = {sample: text for sample, text in self.messages.items() if sample < samples}
        return Outcome(self.v[:samples], self.iterations[:samples], messages)

    @staticmethod
    def joined(parts: list[tuple[int, Outcome]], samples: int, nodes: int) -> Outcome:
        """Outcomes of parts of a job, each with the sample it starts at."""
        whole = Outcome.empty(samples, nodes)
        for start, part in parts:
            stop = start + len(part.v)
            whole.v[start:stop], whole.iterations[start:stop] = part.v, part.iterations
            whole.messages.update({start + sample: text for sample, text in part.messages.items()})
        return whole


class Settings:
    """The values that a loaded program has now, and what must change to bring it to others.

    Those of the deck count as unknown, so that every value is altered once: a simulator may read a number in
    a deck and the same number in a command to different last bits, and results must not tell which it was.
    """

    def __init__(self, program: ParametricDeck) -> None:
        self._program = program
        self._values = {key: np.full(np.shape(value), np.nan) for key, value in program.values.items()}

    def changes(self, values: Mapping[Key, np.ndarray]) -> list[tuple[str, float]]:
        """Handles and new values, of what differs; taken as done."""
        rows = {key: np.asarray(value)[None] for key, value in values.items()}
        return next(self.sample_by_sample(rows, 1))

    def sample_by_sample(
        self, values: Mapping[Key, np.ndarray], samples: int
    ) -> Iterator[list[tuple[str, float]]]:
        """The same for each row of values ``(B, k)``; nothing changes for rows that are not all numbers."""
        keys = list(values)
        handles = [handle for key in keys for handle in self._program.handles[key]]
        table = np.concatenate([np.zeros((samples, 0)), *(values[key] for key in keys)], axis=1)
        now = np.concatenate([np.zeros(0), *(self._values[key] for key in keys)])
        edges = np.cumsum([0, *(len(self._values[key]) for key in keys)])
        for key, start, stop in zip(keys, edges, edges[1:], strict=False):
            self._values[key] = now[start:stop]  # a view: kept up to date by what follows
        for row in table:
            differing = np.flatnonzero(now != row) if np.isfinite(row).all() else np.zeros(0, int)
            new = row[differing]
            now[differing] = new
            yield [(handles[i], value) for i, value in zip(differing.tolist(), new.tolist(), strict=True)]
