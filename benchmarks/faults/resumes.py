"""Commands that are killed at random moments and gone on with: their figures are those of a run that was not.

Each command is started again and again, with ``--resume``, and ended at a random moment by SIGKILL, SIGINT or
SIGTERM. Whenever one comes to its end, its figures are compared and the command begins anew.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import Count
from benchmarks.faults.signals import environment, heed

PATIENCE = 600.0
"""Seconds that a command may take."""

ENDS = (signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Command:
    """A command that takes a while.

    Args:
        name: what it is.
        words: after ``ebana``; ``{data}`` stands for a folder with images.
        figures: what of its result must be the same.
        files: names of the files that must be the same, byte for byte.
        seconds: within which it is ended, or sooner where the whole takes less.
    """

    name: str
    words: tuple[str, ...]
    figures: Callable[[Any], Any]
    files: tuple[str, ...] = ()
    seconds: float = 15.0


def _of_rows(result: Any) -> Any:
    rows = result["ours"]["rows"].values()
    return [[(s["seed"], s["test_error_percent"]) for s in row["seeds"]] for row in rows]


def _of_images(result: Any) -> Any:
    names = ("seed", "test_error_percent", "train_error_percent", "unconverged")
    seeds = [[seed[name] for name in names] for seed in result["ours"]["seeds"]]
    return seeds, [(b["name"], b["errors"]) for b in result["ours"]["baselines"]]


def _of_training(result: Any) -> Any:
    names = ("epochs", "loss", "test_loss", "train_accuracy", "test_accuracy", "unconverged", "beta")
    return [result[name] for name in names]


XS = ("reproduce", "scellier2024", "--model", "xs", "--data-folder", "{data}", "--quick")

COMMANDS = (
    Command("reproduce, images", (*XS, "--seeds", "3", "--baselines", "--epochs", "10"), _of_images, ("model.ebana",)),
    Command("reproduce, table", ("reproduce", "ebana2022", "--table", "1", "--quick", "--seeds", "2"), _of_rows),
    Command("train", ("train", "iris", "--epochs", "400", "--checkpoint-every", "25"), _of_training, ("model.ebana",)),
    Command("parity", ("parity", "--circuits", "6", "--engine", "ngspice"), lambda result: result),
)  # fmt: skip


def counts(quick: bool) -> Iterator[Count]:
    """Every command."""
    from ebana.spice.simulators.session import available

    for command in COMMANDS:
        if "ngspice" not in command.words or available("ngspice")[0]:
            yield killed(command, 2 if quick else 20, seed=1)


def killed(command: Command, kills: int, seed: int) -> Count:
    """End a command so many times."""
    heed()
    rng, wrong, first = random.Random(f"{seed} {command.name}"), 0, ""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_images(folder / "data")
        started = time.monotonic()
        expected = _outcome(command, folder, folder / "whole")
        longest = min(command.seconds, time.monotonic() - started)  # later ones would find it at its end
        done = ends = 0
        while ends < kills or not done:
            last = ends >= kills
            process = _start(command, folder, folder / "cut", resume=True)
            try:
                said, _ = process.communicate(timeout=PATIENCE if last else rng.uniform(0.0, longest))
            except subprocess.TimeoutExpired:
                process.send_signal(rng.choice(ENDS))
                process.communicate()
                ends += 1
                continue
            done += 1
            found = _found(command, process.returncode, said, folder / "cut")
            if found != expected:
                wrong, first = wrong + 1, first or f"{_short(found)} in place of {_short(expected)}"
            shutil.rmtree(folder / "cut", ignore_errors=True)
    return Count(f"{command.name}, killed and resumed", kills, wrong, first or f"{done} ends compared")


def _outcome(command: Command, folder: Path, out: Path) -> Any:
    process = _start(command, folder, out, resume=False)
    said, _ = process.communicate(timeout=PATIENCE)
    return _found(command, process.returncode, said, out)


def _start(command: Command, folder: Path, out: Path, *, resume: bool) -> subprocess.Popen[str]:
    words = [word.format(data=folder / "data") for word in command.words]
    words += ["--out", str(out), "--json", *["--resume"] * resume]
    return subprocess.Popen(
        [sys.executable, "-m", "ebana", *words], env=environment(), cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _found(command: Command, code: int, said: str, out: Path) -> Any:
    """Exit code, figures, files, and what else lies in the folder."""
    if code not in (0, 1) or not said:
        return code
    files = [(out / name).read_bytes() for name in command.files]
    return code, command.figures(json.loads(said)), files, sorted(path.name for path in out.iterdir())


def _short(value: object) -> str:
    return repr(value)[:200]


def write_images(folder: Path, train: int = 600, test: int = 100) -> None:
    """Images that a network can tell apart, in the format of MNIST: noise, with a bright square for each class."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", train), ("t10k", test)):
        labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 60, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            row, column = 2 + 9 * (label // 4), 1 + 7 * (label % 4)
            image[row : row + 6, column : column + 6] += 180
        _write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        _write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)


def _write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))
