"""A worker process: ``python -m ebana.spice.simulators.worker SIMULATOR DESCRIPTOR PARENT``.

It reads jobs from a socket it inherited and writes outcomes back, until the other end is closed. Nothing
else can reach the socket, so that the pickles on it come from the parent alone. It ends with its parent,
whatever it is doing.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from ebana.spice.simulators.errors import SpiceError
from ebana.spice.simulators.lifetime import end_with
from ebana.spice.simulators.program import Job
from ebana.spice.simulators.session import Tick, session, solve_here

READY, ALIVE, DONE, REFUSED, FAILED = "ready", "alive", "done", "refused", "failed"
"""First words of the messages to the parent; after "refused" the worker is not to be used again."""

PULSE = 0.2
"""Seconds after which a worker that has finished another sample says that it is alive."""


def serve(connection: Connection, simulator: str) -> None:
    """Answer jobs until the parent closes its end."""
    session(simulator)
    connection.send((READY, os.getpid()))
    while True:
        try:
            number, job = connection.recv()
        except EOFError:
            return
        connection.send(answer(simulator, number, job, _pulse(connection)))


def answer(simulator: str, number: int, job: Job, tick: Tick | None = None) -> tuple[object, ...]:
    """The message that answers a job."""
    try:
        return (DONE, number, solve_here(simulator, job, tick))
    except SpiceError as error:
        return (REFUSED, number, error)
    except Exception as error:  # a fault of ours, told where it can be read
        return (REFUSED, number, SpiceError(f"{type(error).__name__} in a worker: {error}"))


def _pulse(connection: Connection):
    last = time.monotonic()

    def tick() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last > PULSE:
            connection.send((ALIVE,))
            last = now

    return tick


def main(arguments: list[str], serve: Callable[[Connection, str], None] = serve) -> None:
    """Run one worker, whose way of answering jobs is ``serve``."""
    simulator, descriptor, parent = arguments[0], int(arguments[1]), int(arguments[2])
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the parent has gone
        serve(Connection(descriptor), simulator)


if __name__ == "__main__":
    main(sys.argv[1:])
