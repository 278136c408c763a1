"""Measurements in a process of their own, on two cores.

    python -m benchmarks.fresh '{"task": "training", "recipe": "iris", "epochs": 2000}'

The process keeps to the first two cores that it may use before it imports anything that starts threads,
and prints one JSON object as its last line.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CORES = 2

ROOT = Path(__file__).resolve().parents[1]


def run(task: dict[str, Any], variables: dict[str, str] | None = None) -> dict[str, Any]:
    """Do a task in a fresh process; its result, with the wall time of the whole process.

    Args:
        task: name of the task, and its options.
        variables: further environment variables.

    Raises:
        RuntimeError: if the process fails; quotes the end of what it said.
    """
    paths = [str(ROOT), str(ROOT / "src"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = (
        os.environ | (variables or {}) | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    )
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fresh", json.dumps(task)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    wall = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{task} failed in its process: ...{done.stderr[-600:]}")
    return json.loads(done.stdout.strip().splitlines()[-1]) | {"process_seconds": wall}


def keep_to_two_cores() -> int:
    """Pin this process; returns the number of cores it has now."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1
    cores = sorted(os.sched_getaffinity(0))[:CORES]
    os.sched_setaffinity(0, cores)
    return len(cores)


def peak_megabytes() -> float:
    """Largest resident set of this process so far.

    Linux tells it of the program that runs now; what ``getrusage`` tells, a process inherits from its parent.
    """
    import resource

    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def training(recipe: str, epochs: int, compare_epochs: int = 0) -> dict[str, Any]:
    """Speed and memory of training by full batches, and of the same on ngspice if asked for.

    The model is trained twice: the first run compiles, the second is timed as a whole, with everything
    that ``fit`` does between steps.
    """
    from ebana import recipes

    chosen = recipes.get(recipe)
    split = chosen.data(0)
    data = chosen.dataset(split.x_train, split.y_train)
    model = chosen.build(0)
    first = model.fit(data, **chosen.fit_options(0, 10), verbose=False).settings["compile_seconds"]
    started = time.perf_counter()
    history = model.fit(data, **chosen.fit_options(0, epochs), verbose=False)
    wall = time.perf_counter() - started
    result = {
        "compile_seconds": first,
        "samples_per_second": history.settings["samples_per_second"],
        "samples_per_second_of_fit": epochs * len(data) / wall,
        "unconverged": int(sum(history.history["unconverged"])),
        "tolerance": model.engine.volts,
        "peak_megabytes": peak_megabytes(),
    }
    if compare_epochs:
        other = chosen.build(0, "ngspice")
        other.fit(data, **chosen.fit_options(0, 1), verbose=False)  # compiles what surrounds the simulator
        started = time.perf_counter()
        other.fit(data, **chosen.fit_options(0, compare_epochs), verbose=False)
        wall = time.perf_counter() - started
        result["ngspice_samples_per_second"] = compare_epochs * len(data) / wall
    return result


def command(recipe: str, seed: int = 0) -> dict[str, Any]:
    """``ebana train <recipe> --json``, in a folder that is removed again."""
    import io
    import tempfile

    from ebana.cli import main

    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(out):
        code = main(["train", recipe, "--seed", str(seed), "--out", f"{folder}/run", "--json"])
    if code:
        raise RuntimeError(f"ebana train {recipe} ended with code {code}")
    return json.loads(out.getvalue().strip().splitlines()[-1])


def sweep(models: int, epochs: int) -> dict[str, Any]:
    """Train the Iris network again and again, each time with another learning rate and threshold.

    ``training_seconds`` is what training alone takes for the models after the first: each is fitted once more, when it
    has been built and fitted.
    """
    import jax

    from ebana import BehavioralDiode, DiodeLayer, Model, datasets, optimizers
    from ebana.layers import (
        AmplificationLayer,
        BiasVoltageLayer,
        ConcatenateLayer,
        CurrentLayer,
        DenseLayer,
        InputVoltageLayer,
    )

    programs: list[float] = []

    def count(event: str, seconds: float, **_: Any) -> None:
        if event.endswith("backend_compile_duration"):
            programs.append(seconds)

    jax.monitoring.register_event_duration_secs_listener(count)
    iris = datasets.load("iris")

    def build(threshold: float) -> Model:
        x = InputVoltageLayer(4, "x")
        both = ConcatenateLayer("both")(
            [x, InputVoltageLayer(name="xn", inverts=x), BiasVoltageLayer(1, "b", [1.0])]
        )
        hidden = DenseLayer(10, "d1", init_type="glorot")(both)
        for direction in ("down", "up"):
            hidden = DiodeLayer(direction, direction, model=BehavioralDiode(threshold))(hidden)
        hidden = AmplificationLayer(4.0, "amp")(hidden)
        return Model(x, CurrentLayer("y")(DenseLayer(6, "d2", init_type="glorot")(hidden)), seed=0)

    def fit(model: Model, k: int) -> float:
        started = time.perf_counter()
        model.fit(
            iris.x_train, iris.y_train, epochs=epochs, batch_size=105, verbose=False,
            optimizer=optimizers.Adam(lr=1e-4 * (1 + k % 5)),
        )  # fmt: skip
        return time.perf_counter() - started

    def train(k: int) -> tuple[float, float]:
        started = time.perf_counter()
        model = build(0.2 + 0.01 * k)
        fit(model, k)
        return time.perf_counter() - started, fit(model, k)  # neighbours in time: both see the same machine

    first, _ = train(0)
    before = len(programs)
    later = [train(k) for k in range(1, models)]
    whole, training = (sum(seconds) for seconds in zip(*later, strict=True))
    return {
        "first_seconds": first,
        "seconds": first + whole,
        "training_seconds": training,
        "programs_later": len(programs) - before,
    }


def images(measurement: str, **options: Any) -> dict[str, Any]:
    """A measurement of :mod:`benchmarks.scaling`."""
    from benchmarks import scaling

    return scaling.MEASUREMENTS[measurement](**options)


def devices(**options: Any) -> dict[str, Any]:
    """Training with each kind of diode; see :mod:`benchmarks.devices`."""
    from benchmarks.devices import train

    return train(**options)


def device_in_ngspice(kind: str, workers: int) -> dict[str, Any]:
    """Training with one kind of diode in ngspice."""
    from benchmarks.devices import in_ngspice

    return in_ngspice(kind, workers)


def wired(size: int, turns: int) -> dict[str, Any]:
    """Operating points of a wired crossbar; see :mod:`benchmarks.wires`."""
    from benchmarks.wires import solve

    return solve(size, turns)


def wired_in_ngspice(size: int) -> dict[str, Any]:
    """One of them in ngspice."""
    from benchmarks.wires import solve_in_ngspice

    return solve_in_ngspice(size)


def wired_iris(seeds: int, epochs: int) -> dict[str, Any]:
    """Iris trained with wires and without."""
    from benchmarks.wires import iris

    return iris(seeds, epochs)


TASKS = {
    "training": training,
    "command": command,
    "images": images,
    "sweep": sweep,
    "devices": devices,
    "device_in_ngspice": device_in_ngspice,
    "wired": wired,
    "wired_in_ngspice": wired_in_ngspice,
    "wired_iris": wired_iris,
}


def main() -> None:
    """Do the task that the first argument describes."""
    options = json.loads(sys.argv[1])
    cores = keep_to_two_cores()
    result = TASKS[options.pop("task")](**options)
    print(json.dumps(result | {"cores": cores}))


if __name__ == "__main__":
    main()
