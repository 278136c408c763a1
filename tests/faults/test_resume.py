"""A run that is killed goes on from its last checkpoint and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from ebana import History
from ebana.storage import archive as storage

SOURCE = Path(__file__).resolve().parents[2] / "src"
EPOCHS = 600
COMMAND = [
    sys.executable, "-m", "ebana", "train", "xor", "--epochs", str(EPOCHS), "--checkpoint-every", "10", "--json"
]  # fmt: skip
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}


def run(*arguments: str) -> dict:
    done = subprocess.run(
        [*COMMAND, *arguments], env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kill_after_first_checkpoint(folder: Path) -> None:
    process = subprocess.Popen([*COMMAND, "--out", str(folder)], env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 240
        while not (folder / "checkpoint").exists():
            assert process.poll() is None, "the run ended without a checkpoint"
            assert time.monotonic() < deadline
            time.sleep(0.002)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL


def test_killed_run_resumes_bit_identical(tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    kill_after_first_checkpoint(killed)
    metadata, _ = storage.read(killed / "checkpoint", "checkpoint")
    assert metadata["step"] < EPOCHS
    assert not (killed / "model.ebana").exists()

    resumed = run("--out", str(killed), "--resume")
    expected = run("--out", str(whole))

    assert (killed / "model.ebana").read_bytes() == (whole / "model.ebana").read_bytes()
    assert not (killed / "checkpoint").exists()
    for key in ("epochs", "loss", "train_accuracy", "test_accuracy", "unconverged"):
        assert resumed[key] == expected[key]
    first, second = (History.load(folder / "history") for folder in (killed, whole))
    for curve in ("loss", "accuracy", "val_loss"):
        np.testing.assert_array_equal(first.history[curve], second.history[curve])
    for label, values in first.conductances.items():
        np.testing.assert_array_equal(values, second.conductances[label])
