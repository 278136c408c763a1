"""A pool of worker processes, each with a simulator of its own.

A worker that dies, or is silent for longer than an operating point may take, is killed and replaced, and
its samples are run again. Operating points start from nothing, so that the result is the same bits.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from ebana.spice.errors import SpiceError, WorkerLost
from ebana.spice.program import Job, Outcome
from ebana.spice.worker import ALIVE, DONE, READY, REFUSED

ATTEMPTS = 3
"""How often samples are tried on another worker before they count as those that kill it."""

WORKER = ("-P", "-m", "ebana.spice.worker")
"""What Python runs in a worker; ``-P`` keeps the working folder from hiding modules."""

START_TIMEOUT = 60.0
"""Seconds that a worker may take to start."""


class _Worker:
    """One process, the socket to it, and what it is doing."""

    def __init__(self, simulator: str, module: tuple[str, ...], patience: float) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, *module, simulator, str(theirs.fileno())]
            self.process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        # a worker that is stopped in the middle of a message must not keep us waiting for the rest of it
        limit = struct.pack("ll", int(patience), int(1e6 * (patience % 1.0)))
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self.connection = Connection(ours.detach())
        self.ready = False
        self.digest = ""
        self.task: _Task | None = None
        self.heard = time.monotonic()

    def give(self, number: int, task: _Task) -> None:
        """Send a task; the program only where the worker does not have it."""
        known = self.digest == task.job.digest
        self.task, self.heard, self.digest = task, time.monotonic(), task.job.digest
        self.connection.send((number, task.job.without_program() if known else task.job))

    def kill(self) -> None:
        """End the process at once; also a stopped one."""
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
    """Worker processes that share the samples of a job.

    Args:
        simulator: name of the simulator, see :data:`~ebana.spice.session.SIMULATORS`.
        workers: number of processes.
        timeout: seconds that one operating point may take before its worker counts as hung.
        command: what Python runs in a worker.

    Example:
        >>> pool = WorkerPool("ngspice", 2)  # doctest: +SKIP
        >>> outcome = pool.run(job)  # doctest: +SKIP
        >>> pool.close()  # doctest: +SKIP
    """

    def __init__(
        self, simulator: str, workers: int, timeout: float = 60.0, command: tuple[str, ...] = WORKER
    ) -> None:
        self._command = command
        self.simulator, self.size, self.timeout = simulator, workers, timeout
        self.replaced = 0
        self._workers: list[_Worker] = []
        self._numbers = 0
        self._lock = threading.Lock()
        self._finalizer = weakref.finalize(self, _end, self._workers)

    @property
    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        return [worker.process.pid for worker in self._workers]

    def start(self) -> None:
        """Start the workers and wait until all are ready; :meth:`run` does so where it was not done.

        Raises:
            WorkerLost: when a worker cannot start; its own message is on standard error.
        """
        with self._lock:
            self._start()

    def _start(self) -> None:
        while len(self._workers) < self.size:
            self._workers.append(_Worker(self.simulator, self._command, self.timeout))
        for worker in self._workers:
            if not worker.ready:
                self._await(worker)

    def _await(self, worker: _Worker) -> None:
        with contextlib.suppress(EOFError, OSError):
            worker.ready = worker.connection.poll(START_TIMEOUT) and worker.connection.recv()[0] == READY
        if not worker.ready:
            self._workers.remove(worker)
            worker.kill()
            raise WorkerLost(
                f"a worker process for {self.simulator} did not start (exit code {worker.process.returncode}). "
                "Its message is on standard error; try the engine without workers to see it."
            )

    def close(self) -> None:
        """End the workers; a later :meth:`run` starts new ones."""
        with self._lock:
            _end(self._workers)

    def run(self, job: Job) -> Outcome:
        """Operating points of all samples of a job.

        Raises:
            SpiceError: when the simulator refuses the program.
        """
        assert job.program is not None
        with self._lock:
            self._start()
            waiting = deque(_Task(start, part) for start, part in job.parts(self.size))
            done: list[tuple[int, Outcome]] = []
            try:
                while waiting or self._busy():
                    self._hand_out(waiting)
                    self._collect(waiting, done)
            except BaseException:
                for worker in self._busy():  # what they still send belongs to no job
                    self._discard(worker)
                raise
            return Outcome.joined(done, job.samples, len(job.program.reads))

    def _busy(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.task is not None]

    def _hand_out(self, waiting: deque[_Task]) -> None:
        self._start()
        for worker in self._workers:
            if waiting and worker.task is None:
                task = waiting.popleft()
                self._numbers += 1
                try:
                    worker.give(self._numbers, task)
                except OSError:  # it died idle
                    worker.task = None
                    waiting.appendleft(task)
                    self._replace(worker)
                    return

    def _collect(self, waiting: deque[_Task], done: list[tuple[int, Outcome]]) -> None:
        """Wait for the next message, death or time-out, and act on it."""
        busy = {worker.connection: worker for worker in self._busy()}
        left = min((w.heard + self.timeout for w in busy.values()), default=0.0) - time.monotonic()
        heard: list[Any] = wait(list(busy), timeout=max(left, 0.0))
        for connection in heard:
            self._hear(busy[connection], waiting, done)
        now = time.monotonic()
        for worker in self._busy():
            if worker.connection not in heard and now - worker.heard >= self.timeout:
                self._lost(worker, waiting, done)

    def _hear(self, worker: _Worker, waiting: deque[_Task], done: list[tuple[int, Outcome]]) -> None:
        try:
            kind, *rest = worker.connection.recv()
        except (EOFError, OSError):
            self._lost(worker, waiting, done)
            return
        worker.heard = time.monotonic()
        if kind == ALIVE:
            return
        task, worker.task = worker.task, None
        if kind == REFUSED:
            worker.digest = ""
            raise rest[1] if isinstance(rest[1], SpiceError) else SpiceError(str(rest[1]))
        assert kind == DONE
        assert task is not None
        done.append((task.start, rest[1]))

    def _lost(self, worker: _Worker, waiting: deque[_Task], done: list[tuple[int, Outcome]]) -> None:
        """Replace a worker that died or hangs, and see to its samples."""
        task = worker.task
        assert task is not None
        self._replace(worker)
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
        self._workers.append(_Worker(self.simulator, self._command, self.timeout))

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()


def _end(workers: list[_Worker]) -> None:
    for worker in workers:
        worker.kill()
    workers.clear()
