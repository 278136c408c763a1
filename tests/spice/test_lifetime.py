"""What we start ends with us, however we end, and also where it was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from helpers.simulators import needs_ngspice

linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends stopped processes on Linux only")

WORKER = """
import sys, time
from ebana.spice.simulators.pool import WorkerPool
pool = WorkerPool("ngspice", 2)
pool.start()
print(*pool.pids, pool._folder.name, flush=True)
time.sleep(600)
"""

THREAD = """
import threading, time
from ebana.spice.simulators.pool import WorkerPool
pool = WorkerPool("ngspice", 1)
thread = threading.Thread(target=pool.start)
thread.start()
thread.join()
time.sleep(0.3)
before = pool.pids
pool.start()
assert pool.pids == before and pool.replaced == 0
print("same", flush=True)
pool.close()
"""

PROGRAM = """
import sys
from pathlib import Path
from ebana.spice.simulators.process import run_program
deck = '''* without end
V1 a 0 1
R1 a 0 1k
.control
while 1
op
destroy all
end
.endc
.end
'''
run_program(deck, Path(sys.argv[1]), timeout=600)
"""


def ended(pid: int, patience: float = 20.0) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return False


@needs_ngspice
@pytest.mark.parametrize("stopped", [False, pytest.param(True, marks=linux)])
def test_workers_end_with_their_parent(tmp_path, stopped):
    parent = subprocess.Popen(
        [sys.executable, "-c", WORKER],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    first, second, folder = parent.stdout.readline().split()
    assert Path(folder).is_dir()
    if stopped:
        os.kill(int(first), signal.SIGSTOP)
    parent.kill()
    parent.communicate()
    assert ended(int(first))
    assert ended(int(second))


@needs_ngspice
def test_workers_outlive_the_thread_that_asked_for_them():
    done = subprocess.run(
        [sys.executable, "-c", THREAD], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr


@needs_ngspice
@linux
@pytest.mark.parametrize("stopped", [False, True])
def test_the_program_ends_with_the_process_that_runs_it(tmp_path, stopped):
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)])
    try:
        deadline = time.monotonic() + 60
        while not (found := psutil.Process(parent.pid).children()) or found[0].name() != "ngspice":
            assert parent.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        if stopped:
            found[0].suspend()
    finally:
        parent.kill()
        parent.wait()
    assert ended(found[0].pid)
