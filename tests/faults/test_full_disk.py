"""A disk that is full under the run folder ends the run in words, and loses nothing that was written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(SOURCE)}
EPOCHS = 3000
COMMAND = [sys.executable, "-m", "ebana", "train", "xor", "--epochs", str(EPOCHS), "--checkpoint-every", "20"]


@pytest.fixture
def disk(tmp_path):
    """A file system of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no right to mount a small file system here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Leave no free block."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                if file.write(b"x" * 4096) < 4096:
                    return filler
            except OSError:
                return filler


def test_a_run_stops_in_words_keeps_its_checkpoint_and_goes_on_when_there_is_room(disk: Path) -> None:
    folder = disk / "run"
    process = subprocess.Popen(
        [*COMMAND, "--out", str(folder)],
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    try:
        deadline = time.monotonic() + 240
        while not (folder / "checkpoint").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        filler = fill(disk)
        _, said = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == 2, said
    assert "No space left on device" in said
    assert "Traceback" not in said
    assert not (folder / "report.html").exists()
    leftovers = [f.name for f in folder.iterdir() if f.name != "checkpoint"]
    assert leftovers == []

    filler.unlink()
    done = subprocess.run(
        [*COMMAND, "--out", str(folder), "--resume", "--json"],
        env=ENVIRONMENT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == EPOCHS
    assert "no checkpoint" not in done.stderr
