"""What a killed process leaves is removed by the next one; what a living one holds stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ebana.storage import scratch
from ebana.storage.atomic import replacing, sweep, write_atomically

WRITES = """
import sys, time
from ebana.storage.atomic import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    time.sleep(600)
"""

HOLDS = """
import time
from ebana.storage.scratch import ScratchFolder
folder = ScratchFolder("workers")
(folder.path / "file").write_text("something")
print(folder.name, flush=True)
time.sleep(600)
"""


@pytest.fixture
def start(tmp_path):
    """Starts a script and waits for its first line."""
    started = []

    def run(script, *words):
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, words)],
            env=os.environ | {"TMPDIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, process.stdout.readline().strip()

    yield run
    for process in started:
        process.kill()
        process.communicate()


def end(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_unfinished_file_goes_with_the_next_one_of_its_name(tmp_path, start):
    target = tmp_path / "checkpoint"
    killed, _ = start(WRITES, target)
    alive, _ = start(WRITES, target)
    end(killed)
    assert len(names(tmp_path)) == 2
    write_atomically(target, b"whole")
    assert len(names(tmp_path)) == 2  # that of the living one, and the file
    end(alive)
    write_atomically(target, b"whole")
    assert names(tmp_path) == {"checkpoint"}


def test_unfinished_files_of_other_names_stay(tmp_path, start):
    others = {
        ".other.0123abcd.tmp",
        ".checkpoint.0123abcd.txt",
        "checkpoint.0123abcd.tmp",
        ".checkpoint.short.tmp",
    }
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / ".checkpoint.0123abcd.tmp").touch()
    (tmp_path / ".checkpoint.0123abce.tmp").symlink_to(tmp_path / ".other.0123abcd.tmp")
    os.mkfifo(tmp_path / ".checkpoint.0123abcf.tmp")
    sweep(tmp_path, "checkpoint")
    assert names(tmp_path) == others | {".checkpoint.0123abce.tmp", ".checkpoint.0123abcf.tmp"}


def test_a_file_that_is_being_written_is_not_swept(tmp_path):
    with replacing(tmp_path / "checkpoint") as file:
        file.write(b"whole")
        sweep(tmp_path, "checkpoint")
    assert (tmp_path / "checkpoint").read_bytes() == b"whole"
    assert names(tmp_path) == {"checkpoint"}


def test_a_folder_of_a_killed_process_is_removed_and_no_other(tmp_path, start):
    killed, gone = start(HOLDS)
    alive, held = start(HOLDS)
    stopped, waiting = start(HOLDS)
    stopped.send_signal(signal.SIGSTOP)
    end(killed)
    theirs = tmp_path / "ebana-workers-abcd1234"  # not one of our names
    theirs.mkdir()
    scratch.sweep.cache_clear()
    scratch.sweep(str(tmp_path))
    assert not Path(gone).exists()
    assert {path.name for path in tmp_path.iterdir()} == {Path(held).name, Path(waiting).name, theirs.name}
    end(alive)


def test_a_folder_goes_with_its_process(tmp_path):
    script = HOLDS.replace("time.sleep(600)", "")
    subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"TMPDIR": str(tmp_path)}, check=True, timeout=60
    )
    assert names(tmp_path) == set()
