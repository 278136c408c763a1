"""A worker for trials: ``python -m ebana.spice.simulators.trial SIMULATOR DESCRIPTOR PARENT``.

It loads the simulator once and runs each job in a copy of itself (``fork``), which whatever the job does to it ends
with. So a trial takes milliseconds, and the next one finds a simulator that has never seen a circuit.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from ebana.spice.simulators.errors import SimulatorDied
from ebana.spice.simulators.lifetime import end_with
from ebana.spice.simulators.session import session
from ebana.spice.simulators.worker import DONE, FAILED, READY, answer, main


def serve(connection: Connection, simulator: str) -> None:
    """Answer jobs until the parent closes its end."""
    session(simulator)
    connection.send((READY, os.getpid()))
    while True:
        try:
            number, job = connection.recv()
        except EOFError:
            return
        ours, theirs = Pipe(duplex=False)
        us = os.getpid()
        child = os.fork()
        if child == 0:
            end_with(us)
            theirs.send(answer(simulator, number, job))
            os._exit(0)
        theirs.close()
        with ours, contextlib.suppress(EOFError):
            kind, *rest = ours.recv()
            os.waitpid(child, 0)
            connection.send((DONE if kind == DONE else FAILED, *rest))
            continue
        _, status = os.waitpid(child, 0)
        died = SimulatorDied(f"{simulator} does not survive this circuit: it {_ending(status)}")
        connection.send((FAILED, number, died))


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"ended with signal {number} ({signal.strsignal(number)})"
    return f"ended with exit code {os.waitstatus_to_exitcode(status)}"


if __name__ == "__main__":
    main(sys.argv[1:], serve)
