"""Signals at random moments: Ctrl-C and SIGTERM stop a run, nothing is left behind, workers end with their parent.

A child trains the same small network again and again, each time from its checkpoint, and says when a signal has
stopped it. A signal is lost if the child does not say so within :data:`PATIENCE`. The values at the end of each
training are those of one that no signal stopped, bit for bit.

    python -m benchmarks.faults.signals KIND FOLDER     the child
"""

from __future__ import annotations

import hashlib
import os
import queue
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.faults import Count

PATIENCE = 60.0
"""Seconds within which a signal must have its effect: a chunk takes half a second, the first one compiles besides."""

ROOT = Path(__file__).resolve().parents[2]

EPOCHS = {"native": 1200, "hopfield": 600, "ngspice": 60, "ngspice, workers": 60}
"""Epochs of a child's training, by kind: some seconds."""

WATCHED = {"native": False, "hopfield": True, "ngspice": False, "ngspice, workers": True}
"""Whether the whole child is watched, as a command is, or calls of ``fit`` alone. The first stands SIGTERM too."""


def counts(quick: bool) -> Iterator[Count]:
    """Signals to runs and commands, kills of runs with workers."""
    each = 5 if quick else 50
    for kind in kinds():
        yield to_runs(kind, each, seed=1)
    yield to_commands(3 if quick else 40, seed=2)
    if "ngspice" in kinds():
        yield leftovers(2 if quick else 20, seed=3)


def kinds() -> list[str]:
    """What can be trained here."""
    from ebana.spice.simulators.session import available

    return [kind for kind in EPOCHS if "ngspice" not in kind or available("ngspice")[0]]


# -- calls of fit ---------------------------------------------------------------------------------------


def to_runs(kind: str, signals: int, seed: int) -> Count:
    """Signals to a process that trains, at random moments."""
    heed()
    rng, wrong, first, longest = random.Random(f"{seed} {kind}"), 0, "", 0.0
    with tempfile.TemporaryDirectory() as folder, _Child(kind, folder) as child:
        expected = child.hear("trained", 10 * PATIENCE)
        for i in range(signals):
            time.sleep(rng.uniform(0.0, 1.0))
            number = rng.choice([signal.SIGINT, signal.SIGTERM]) if WATCHED[kind] else signal.SIGINT
            sent = time.monotonic()
            child.process.send_signal(number)
            if child.hear("stopped") is None:
                wrong, first = wrong + 1, first or f"{number.name} number {i} was lost"
            longest = max(longest, time.monotonic() - sent)
        ended = child.hear("trained", 10 * PATIENCE)
        values = {*child.trained, ended}
        if values != {expected}:
            wrong, first = wrong + 1, first or "values differ from those of a training that was not stopped"
        if child.stops != signals:
            wrong, first = wrong + 1, first or f"stopped {child.stops} times by {signals} signals"
    return Count(f"signals to fit, {kind}", signals, wrong, first or f"longest wait {longest:.1f} s")


class _Child:
    """A process of this module, and what it says."""

    def __init__(self, kind: str, folder: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__, kind, folder], env=environment(), cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.lines: queue.Queue[list[str]] = queue.Queue()
        self.trained: list[str] = []
        self.stops = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line.split())

    def hear(self, word: str, patience: float = PATIENCE) -> str | None:
        """The rest of the next line of that kind, or None where it does not come."""
        deadline = time.monotonic() + patience
        while True:
            try:
                said, rest = self.lines.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                return None
            self.stops += said == "stopped"
            if said == word:
                return rest
            if said == "trained":
                self.trained.append(rest)

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def heed() -> None:
    """Undo that a shell made us ignore Ctrl-C, as it does in the background: what we start would ignore it too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def environment(**more: str) -> dict[str, str]:
    """What a process of this checkout needs."""
    paths = [str(ROOT / "src"), str(ROOT)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | more


def _train(kind: str, folder: Path) -> str:
    """Train from the checkpoint, or from the start; a checksum of the values."""
    from ebana.callbacks import Checkpoint

    path = folder / "checkpoint"
    network, x, y, options = _network(kind)
    if not path.exists():
        network.set_values({n: p.initial for n, p in network.system.parameters.items() if p.trainable})
    network.fit(
        x, y, epochs=EPOCHS[kind], callbacks=[Checkpoint(path, every=10)], validation_data=(x, y),
        validate_every={"epoch_num": 7}, resume=path if path.exists() else None, verbose=False, **options,
    )  # fmt: skip
    path.unlink()
    return hashlib.sha256(b"".join(v.tobytes() for v in network.values.values())).hexdigest()


@cache
def _network(kind: str) -> tuple[Any, Any, Any, dict[str, Any]]:
    """A network and what it learns, made once: outside of ``fit`` it is for Python to heed a signal."""
    import numpy as np

    from ebana import NgspiceEngine, recipes
    from ebana.hopfield import HopfieldNetwork

    if kind == "hopfield":
        x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        return HopfieldNetwork([2, 8, 1]), x, x.max(1, keepdims=True), {"optimizer": "sgd", "batch_size": 2}
    recipe = recipes.get("xor")
    data = recipe.data(0)
    options = recipe.fit_options(0)
    del options["epochs"]
    samples = recipe.dataset(data.x_train, data.y_train)
    engine = NgspiceEngine(workers=2) if "workers" in kind else kind
    return recipe.build(0, engine), samples.inputs, samples.outputs, options


def _child(kind: str, folder: Path) -> None:
    from ebana.interruption import Terminated, watched

    print("trained", _train(kind, folder), flush=True)
    while True:
        try:
            with watched() if WATCHED[kind] else nullcontext():
                while True:
                    print("trained", _train(kind, folder), flush=True)
        except (KeyboardInterrupt, Terminated):
            print("stopped", "-", flush=True)


# -- commands -------------------------------------------------------------------------------------------

COMMANDS = (
    ("train", "xor", "--epochs", "100000", "--out", "run"),
    ("parity", "--circuits", "5000", "--engine", "ngspice"),
    ("reproduce", "ebana2022", "--table", "1", "--epochs", "100000", "--out", "run"),
)
"""Commands that take longer than any signal waits."""


def to_commands(signals: int, seed: int) -> Count:
    """Signals to ``ebana`` at random moments, of its start too: it ends in time, with the code of the signal."""
    heed()
    rng, wrong, first = random.Random(seed), 0, ""
    commands = [c for c in COMMANDS if "ngspice" not in c or "ngspice" in kinds()]
    for i in range(signals):
        words, number = commands[i % len(commands)], rng.choice([signal.SIGINT, signal.SIGTERM])
        code = _signalled(words, number, rng.uniform(0.0, 12.0))
        # before the command is there, Python ends as it does of itself
        if code not in (128 + number, -number):
            wrong, first = wrong + 1, first or f"{number.name} to {' '.join(words)}: exit code {code}"
    return Count("signals to commands", signals, wrong, first)


def _signalled(words: tuple[str, ...], number: signal.Signals, after: float) -> int | None:
    """Exit code of a command after a signal, None where it goes on."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "ebana", *words], env=environment(), cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            time.sleep(after)
            process.send_signal(number)
            return process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()
            process.wait()


# -- what a killed run leaves ---------------------------------------------------------------------------


def leftovers(kills: int, seed: int) -> Count:
    """Runs with workers, one of them stopped, that are killed: workers end, the next run removes the rest."""
    rng, wrong, first = random.Random(seed), 0, ""
    with tempfile.TemporaryDirectory() as folder:
        for i in range(kills):
            number = rng.choice([signal.SIGKILL, signal.SIGTERM])
            said = _killed(Path(folder), number, rng.uniform(0.0, 2.0))
            if said:
                wrong, first = wrong + 1, first or f"{number.name} number {i}: {said}"
        _run(Path(folder), "--epochs", "1").wait(10 * PATIENCE)
        left = sorted(p.name for p in Path(folder).rglob("*") if p.name.startswith((".", "ebana-")))
        if left:
            wrong, first = wrong + 1, first or f"left behind: {', '.join(left)}"
    return Count("killed runs with workers", kills, wrong, first)


def _run(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A run with two workers, whose temporary files are in this folder."""
    command = ["train", "xor", "--engine", "ngspice", "--workers", "2", "--checkpoint-every", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "ebana", *command, "--out", str(folder / "run"), *words],
        env=environment(TMPDIR=str(folder)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _killed(folder: Path, number: signal.Signals, after: float) -> str:
    """Kill a run that has workers; what was wrong then, "" if nothing."""
    process = _run(folder, "--epochs", "100000")
    try:
        workers = _workers(process.pid)
        if not workers:
            return f"no workers after {10 * PATIENCE:g} s"
        time.sleep(after)
        if number == signal.SIGKILL:
            os.kill(workers[0], signal.SIGSTOP)
        process.send_signal(number)
        process.wait(PATIENCE)
        return _outlived(workers)
    except (subprocess.TimeoutExpired, ProcessLookupError) as error:
        return repr(error)
    finally:
        process.kill()
        process.wait()


def _workers(pid: int) -> list[int]:
    """The two workers of a process, once they are there."""
    import psutil

    deadline = time.monotonic() + 10 * PATIENCE
    while time.monotonic() < deadline and psutil.pid_exists(pid):
        found = [child.pid for child in psutil.Process(pid).children()]
        if len(found) == 2:
            time.sleep(0.5)  # they have to load Python before they can ask to end with their parent
            return found
        time.sleep(0.05)
    return []


def _outlived(workers: list[int]) -> str:
    import psutil

    deadline = time.monotonic() + PATIENCE
    while alive := [pid for pid in workers if _alive(pid, psutil)]:
        if time.monotonic() > deadline:
            for pid in alive:
                os.kill(pid, signal.SIGKILL)
            return f"{len(alive)} workers outlived their parent"
        time.sleep(0.05)
    return ""


def _alive(pid: int, psutil: Any) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    _child(sys.argv[1], Path(sys.argv[2]))
