"""A session with the ``ngspice`` program: all samples of a job in one process, by its control language."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np

from ebana.spice.simulators.errors import NgspiceError, quoted
from ebana.spice.simulators.libngspice import undetermined
from ebana.spice.simulators.process import require, run_program
from ebana.spice.simulators.program import Job, Outcome, ParametricDeck, Settings
from ebana.spice.simulators.session import Session, Tick
from ebana.storage.scratch import scratch

__all__ = ["BatchSession", "open_session", "require"]

_PRINTED = re.compile(r"^(?:v\()?([\w.#]+?)\)? = (\S+)\s*$")
_SAMPLE = "ebana sample"
_MARK = "ebana_mark_"
"""An unknown command: ngspice remarks on it where its errors go, which tells whose errors follow."""

_WRONG = re.compile(r"^\s*error\b|no such device|no such vector", re.IGNORECASE)


class BatchSession(Session):
    """Writes a deck with every sample's changes and analysis, runs it, and reads what it printed.

    Raises:
        EngineNotInstalled: when the program is not found, or too old.
    """

    def __init__(self) -> None:
        super().__init__()
        require()

    def load(self, program: ParametricDeck) -> None:
        """Nothing is kept loaded between jobs."""

    def alter(self, changes: Iterable[tuple[str, float]]) -> None:
        """Values are part of the job's deck."""
        raise NotImplementedError("a batch run has no loaded circuit to alter")

    def operating_point(self) -> tuple[list[float] | None, int, str]:
        """Analyses are part of the job's deck."""
        raise NotImplementedError("a batch run has no loaded circuit to analyse")

    def run(self, job: Job, tick: Tick | None = None) -> Outcome:
        """See :meth:`Session.run`."""
        program = self._of(job)
        self._program = program
        outcome = Outcome.empty(job.samples, len(program.reads))
        usable = job.usable()
        if not usable.any():
            return outcome
        deck = [*_without_end(program.lines), *_control(program, job), ".end"]
        with scratch("batch") as folder:
            text = "\n".join(deck) + "\n"
            code, said = run_program(text, folder, timeout=job.timeout * job.samples, tick=tick)
        found = _parse(said.split("\n"))
        if not found:
            raise NgspiceError(quoted(f"ngspice did not accept the circuit: {_errors(said)}", program.lines))
        remarks = _remarks(said.split("\n"))
        unset = [line for line in remarks.get(-1, ()) if _WRONG.search(line)]
        if unset:
            raise NgspiceError(f"ngspice refused a value: {' | '.join(unset)}")
        for sample in np.flatnonzero(usable).tolist():
            values, text = found.get(sample, ({}, f"the program ended before this sample, with code {code}"))
            row = [values.get(name.lower()) for name in program.reads]
            heard = remarks.get(sample)
            if None in row:
                outcome.messages[sample] = _errors("\n".join([text, *(heard or ())]))
            elif heard is None or code != 0:
                outcome.messages[sample] = (
                    f"the program ended with code {code} and did not say all that it had to"
                )
            elif wrong := undetermined(heard) or " | ".join(line for line in heard if _WRONG.search(line)):
                outcome.messages[sample] = wrong
                if sample + 1 < job.samples:  # a singular matrix makes the next one look determined
                    rest = self.run(job.rows(sample + 1, job.samples), tick)
                    return Outcome.joined(
                        [(0, outcome.first(sample + 1)), (sample + 1, rest)], job.samples, len(program.reads)
                    )
            else:
                outcome.v[sample] = row
        return outcome


def _without_end(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if line.strip().lower() != ".end"]


def _control(program: ParametricDeck, job: Job) -> Iterator[str]:
    settings = Settings(program)
    yield from (".control", "set num_threads=1", "set numdgt=17")
    yield f"{_MARK}-1"
    yield from (f"alter {handle} = {value!r}" for handle, value in settings.changes(job.fixed))
    usable = job.usable()
    for sample, changes in enumerate(settings.sample_by_sample(job.varying, job.samples)):
        if not usable[sample]:
            continue
        yield f"{_MARK}{sample}"
        yield from (f"alter {handle} = {value!r}" for handle, value in changes)
        yield from (f"echo {_SAMPLE} {sample}", "op")
        yield from (f"print {name.lower()}" for name in program.reads)
        yield "destroy all"
    yield from ("quit 0", ".endc")


def _parse(lines: list[str]) -> dict[int, tuple[dict[str, float], str]]:
    """Printed potentials by sample and node, and all the text of each sample."""
    found: dict[int, tuple[dict[str, float], list[str]]] = {}
    sample = None
    for line in lines:
        if line.startswith(_SAMPLE):
            sample = int(line.split()[-1])
            found[sample] = {}, []
        elif sample is not None:
            match = _PRINTED.match(line)
            if match and _is_number(match[2]):
                found[sample][0][match[1]] = float(match[2])
            else:
                found[sample][1].append(line)
    return {k: (values, "\n".join(text)) for k, (values, text) in found.items()}


def _remarks(lines: Iterable[str]) -> dict[int, list[str]]:
    """What the program said as errors and warnings: by sample, and before the first one under -1."""
    found: dict[int, list[str]] = {}
    now: list[str] = []
    for line in lines:
        mark = re.search(rf"{_MARK}(-?\d+): no such command", line)
        if mark:
            now = found.setdefault(int(mark[1]), [])
        else:
            now.append(line)
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _errors(text: str) -> str:
    """The lines that tell of an error, or the last ones."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    wrong = [
        line
        for line in lines
        if re.search(r"error|too (?:few|many)|fail|can't|unknown|abort", line, re.IGNORECASE)
    ]
    return " | ".join(wrong or lines[-5:]) or "(no message)"


open_session = BatchSession
