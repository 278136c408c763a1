"""A pool of worker processes, each with a simulator of its own.

A worker that dies, or is silent for longer than an operating point may take, is killed and replaced, and
its samples are run again. Operating points start from nothing, so that the result is the same bits.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection, wait
from typing import Any

from ebana.interruption import check
from ebana.spice.simulators.errors import SpiceError, WorkerLost
from ebana.spice.simulators.program import Job, Outcome
from ebana.spice.simulators.worker import ALIVE, DONE, FAILED, READY, REFUSED
from ebana.storage.scratch import ScratchFolder

ATTEMPTS = 3
"""How often samples are tried on another worker before they count as those that kill it, and how often workers
may fail to start, one after another, before the pool gives up."""

WORKER = ("-P", "-m", "ebana.spice.simulators.worker")
"""What Python runs in a worker; ``-P`` keeps the working folder from hiding modules."""

TRIAL = ("-P", "-m", "ebana.spice.simulators.trial")
"""The same in a worker that survives every job (:mod:`ebana.spice.simulators.trial`)."""

START_TIMEOUT = 30.0
"""Seconds that a worker may take to start."""

PATIENCE = 0.5
"""Seconds between two looks at whether a signal wants the job stopped."""


@cache
def _starter(process: int) -> ThreadPoolExecutor:
    """The thread that starts the workers of a process: Linux ends a worker with the thread that started it."""
    return ThreadPoolExecutor(1, "ebana-workers")


class _Worker:
    """One process, the socket to it, and what it is doing."""

    def __init__(self, simulator: str, module: tuple[str, ...], patience: float, folder: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            starter = _starter(os.getpid())
            self.process = starter.submit(
                subprocess.Popen,
                [sys.executable, *module, simulator, str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"TMPDIR": folder},
                start_new_session=True,  # so that it can be ended with the processes that it starts
            ).result()
        # a worker that is stopped in the middle of a message must not keep us waiting for the rest of it
        limit = struct.pack("ll", int(patience), int(1e6 * (patience % 1.0)))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self.connection = Connection(ours.detach())
        self.patience = patience
        self.ready = False
        self.remembers = module != TRIAL  # what it did last
        self.digest = ""
        self.task: _Task | None = None
        self.heard = time.monotonic()

    @property
    def deadline(self) -> float:
        """When it counts as hung, if nothing is heard of it."""
        return self.heard + (self.patience if self.ready else START_TIMEOUT)

    @property
    def awaited(self) -> bool:
        """Whether a message of it is due."""
        return self.task is not None or not self.ready

    def give(self, number: int, task: _Task) -> None:
        """Send a task; the program only where the worker does not have it."""
        known = self.remembers and self.digest == task.job.digest
        self.connection.send((number, task.job.without_program() if known else task.job))
        self.task, self.heard, self.digest = task, time.monotonic(), task.job.digest

    def kill(self) -> None:
        """End the process and its children at once; also stopped ones."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.connection.close()


@dataclass(eq=False)
class _Task:
    """Part of a job: the samples from ``start``, and how often they have been tried."""

    start: int
    job: Job
    attempts: int = 0

    def halves(self) -> list[_Task]:
        """Two tasks, so that the sample that kills workers is found and the others are not lost with it."""
        middle = self.job.samples // 2
        return [
            _Task(self.start, self.job.rows(0, middle), ATTEMPTS - 1),
            _Task(self.start + middle, self.job.rows(middle, self.job.samples), ATTEMPTS - 1),
        ]


class WorkerPool:
    """Worker processes that share the samples of a job (POSIX systems).

    Args:
        simulator: name of the simulator, see :data:`~ebana.spice.simulators.session.SIMULATORS`.
        workers: number of processes.
        timeout: seconds that one operating point may take before its worker counts as hung.
        command: what Python runs in a worker.

    Raises:
        NotImplementedError: on Windows, where processes cannot be handed a socket in this way.

    Example:
        >>> pool = WorkerPool("ngspice", 2)  # doctest: +SKIP
        >>> outcome = pool.run(job)  # doctest: +SKIP
        >>> pool.close()  # doctest: +SKIP
    """

    def __init__(
        self, simulator: str, workers: int, timeout: float = 60.0, command: tuple[str, ...] = WORKER
    ) -> None:
        if os.name != "posix":
            raise NotImplementedError(
                f"{workers} worker processes for {simulator}: these need Linux or macOS. Use workers=0 here."
            )
        self.simulator, self.size, self.timeout = simulator, workers, timeout
        self.replaced = 0
        self._command = command
        self._workers: list[_Worker] = []
        self._failed_starts = 0
        self._numbers = 0
        self._lock = threading.Lock()
        self._folder = ScratchFolder("workers")
        self._finalizer = weakref.finalize(self, _end, self._workers, self._folder)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        return [worker.process.pid for worker in self._workers]

    def start(self) -> None:
        """Start the workers and wait until all are ready; :meth:`run` does so where it was not done.

        Raises:
            WorkerLost: when workers do not start; their own message is on standard error.
        """
        with self._lock:
            self._fill()
            while not all(worker.ready for worker in self._workers):
                self._listen(deque(), [])

    def close(self) -> None:
        """End the workers; a later :meth:`run` starts new ones."""
        with self._lock:
            for worker in self._workers:
                worker.kill()
            self._workers.clear()

    def run(self, job: Job) -> Outcome:
        """Operating points of all samples of a job.

        Raises:
            SpiceError: when the simulator refuses the program.
            WorkerLost: when workers do not start.
        """
        if job.program is None:
            raise ValueError("a pool needs jobs with their program")
        with self._lock:
            waiting = deque(_Task(start, part) for start, part in job.parts(self.size))
            done: list[tuple[int, Outcome]] = []
            self._failed_starts = 0
            try:
                while waiting or any(worker.task for worker in self._workers):
                    self._fill()
                    self._hand_out(waiting)
                    self._listen(waiting, done)
            except BaseException:
                for worker in [w for w in self._workers if w.task]:  # what they still send belongs to no job
                    self._discard(worker)
                raise
            return Outcome.joined(done, job.samples, len(job.program.reads))

    # -- one round -------------------------------------------------------------------------------------

    def _fill(self) -> None:
        while len(self._workers) < self.size:
            self._workers.append(_Worker(self.simulator, self._command, self.timeout, self._folder.name))

    def _hand_out(self, waiting: deque[_Task]) -> None:
        for worker in list(self._workers):
            if not waiting or not worker.ready or worker.task is not None:
                continue
            self._numbers += 1
            try:
                worker.give(self._numbers, waiting[0])
            except OSError:  # it died, or was stopped, while it had nothing to do
                self._replace(worker)
            else:
                waiting.popleft()

    def _listen(self, waiting: deque[_Task], done: list[tuple[int, Outcome]]) -> None:
        """Wait for the next message, death or time-out, and act on it."""
        awaited = {worker.connection: worker for worker in self._workers if worker.awaited}
        left = min((w.deadline for w in awaited.values()), default=0.0) - time.monotonic()
        patience = min(max(left, 0.0), PATIENCE)
        heard: list[Any] = wait(list(awaited), timeout=patience) if awaited else []
        check()
        for connection in heard:
            self._hear(awaited[connection], waiting, done)
        now = time.monotonic()
        for worker in [w for c, w in awaited.items() if c not in heard]:
            if now >= worker.deadline:
                self._lost(worker, waiting, done)

    def _hear(self, worker: _Worker, waiting: deque[_Task], done: list[tuple[int, Outcome]]) -> None:
        try:
            kind, *rest = worker.connection.recv()
        except (EOFError, OSError):
            self._lost(worker, waiting, done)
            return
        worker.heard = time.monotonic()
        if kind == READY:
            worker.ready, self._failed_starts = True, 0
        elif kind == REFUSED:
            self._discard(worker)  # its simulator may not have survived
            raise rest[1] if isinstance(rest[1], SpiceError) else SpiceError(str(rest[1]))
        elif kind == FAILED:
            worker.task = None
            raise rest[1]
        elif kind == DONE:
            task, worker.task = worker.task, None
            done.append((task.start, rest[1]))  # type: ignore[union-attr]
        elif kind != ALIVE:
            raise SpiceError(f"a worker for {self.simulator} sent {kind!r}")

    # -- losses ----------------------------------------------------------------------------------------

    def _lost(self, worker: _Worker, waiting: deque[_Task], done: list[tuple[int, Outcome]]) -> None:
        """Replace a worker that died or hangs, and see to its samples."""
        task, started = worker.task, worker.ready
        self._replace(worker)
        if not started:
            self._failed_starts += 1
            if self._failed_starts >= ATTEMPTS:
                raise WorkerLost(
                    f"{ATTEMPTS} worker processes for {self.simulator} did not start (exit code "
                    f"{worker.process.returncode}). Their message is on standard error; try the engine without "
                    "workers to see it."
                )
        if task is None:
            return
        task.attempts += 1
        if task.attempts < ATTEMPTS:
            waiting.append(task)
        elif task.job.samples > 1:
            waiting.extend(task.halves())
        else:
            lost = Outcome.empty(1, len(task.job.program.reads))  # type: ignore[union-attr]
            lost.messages[0] = f"{ATTEMPTS} worker processes for {self.simulator} died or hung on this sample"
            done.append((task.start, lost))

    def _replace(self, worker: _Worker) -> None:
        self._discard(worker)
        self.replaced += 1
        self._fill()

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()


def _end(workers: list[_Worker], folder: ScratchFolder) -> None:
    for worker in workers:
        worker.kill()
    workers.clear()
    folder.cleanup()
