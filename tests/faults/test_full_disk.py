"""A disk that is full under the run folder, or where simulators write, ends a run in words and loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ebana import load_model
from ebana.reports.run_folder import FILES
from ebana.spice.simulators.session import available

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
    """Leave no free block of 4096 bytes."""
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


def ebana(*words: str, **options) -> subprocess.CompletedProcess:
    return run([sys.executable, "-m", "ebana", *words], **options)


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        **{
            "env": ENVIRONMENT,
            "capture_output": True,
            "text": True,
            "timeout": 240,
            "check": False,
            **options,
        },
    )


def assert_failed_in_words(done: subprocess.CompletedProcess, *words: str) -> None:
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert said.startswith("ebana: ")
    for word in words:
        assert word in said


FOUND, WHY = available("ngspice-batch")


@pytest.mark.skipif(not FOUND, reason=WHY)
def test_no_room_for_a_simulators_deck_ends_the_run_in_words(disk: Path, tmp_path: Path) -> None:
    filler = fill(disk)
    os.truncate(filler, filler.stat().st_size - 4096)  # with no room at all, Python takes another folder
    done = ebana(
        *("train", "xor", "--engine", "ngspice-batch", "--epochs", "2", "--out", str(tmp_path / "run")),
        env={**ENVIRONMENT, "TMPDIR": str(disk)},
    )
    assert_failed_in_words(done, "No space left on device", f"written to {disk}", "TMPDIR")
    assert [file.name for file in disk.iterdir()] == ["filler"]
    assert not (tmp_path / "run" / "model.ebana").exists()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    done = ebana("train", "xor", "--epochs", "2", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("too_large", ["model.ebana", "report.html"])
def test_a_file_that_grows_too_large_leaves_the_one_before(finished: Path, too_large: str) -> None:
    """A limit on the size of files stands in for a full disk, where there is no right to mount one."""
    before = {file.name: file.read_bytes() for file in finished.iterdir()}
    assert set(before) == set(FILES)
    most = len(before[too_large])
    smaller = [len(content) for content in before.values() if len(content) < most]
    limit = most // 2 if too_large == "model.ebana" else (most + max(smaller)) // 2
    script = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); "
        "from ebana.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    words = ("train", "xor", "--epochs", "2", "--seed", "1", "--out", str(finished))
    done = run([sys.executable, "-c", script, *words])
    assert_failed_in_words(done, "File too large")
    assert {file.name for file in finished.iterdir()} - {"checkpoint"} == set(FILES)
    assert (finished / too_large).read_bytes() == before[too_large]
    assert (finished / "report.html").read_bytes() == before["report.html"]
    assert json.loads((finished / "result.json").read_bytes())["seed"] == 0
    load_model(finished / "model.ebana")
