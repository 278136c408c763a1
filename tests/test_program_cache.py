"""Programs on disk: found by the next process, and never a reason for a run to fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ebana import program_cache

TRAINS = """
import sys, warnings
warnings.simplefilter("error")
import jax, numpy as np
from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model
found = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, _, **__: found.append(event) if event == "/jax/compilation_cache/cache_retrieval_time_sec" else None)
x = InputVoltageLayer(2, "x")
model = Model(x, CurrentLayer("y")(DenseLayer(4, "d", init_type="glorot")(x)))
model.fit(np.eye(2), np.ones((2, 2)) / 10, epochs=2, verbose=False)
print(len(found), model.values["d/conductance"].tobytes().hex())
"""


COMPILES = """
import jax
from ebana.compilation import compiled
compiled(lambda x: jax.numpy.linalg.inv(x))(jax.numpy.eye(3))
print(0, jax.config.jax_compilation_cache_dir)
"""
"""The same switch, and nothing to train."""


def run(program: str = TRAINS, **environment: str) -> tuple[int, str]:
    """Programs that a fresh process found on disk, and the values that it ended with, or what the program says."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("EBANA_", "JAX_"))}
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found, values = done.stdout.split()
    return int(found), values


def test_a_second_process_finds_the_programs_of_the_first(tmp_path):
    (first, values), (second, again) = (run(EBANA_CACHE_DIR=str(tmp_path)) for _ in range(2))
    assert first == 0
    assert second > 0
    assert again == values
    assert list(tmp_path.rglob("*-cache"))


def test_one_variable_switches_it_off(tmp_path):
    assert run(EBANA_CACHE_DIR=str(tmp_path), EBANA_NO_CACHE="1")[0] == 0
    assert not list(tmp_path.rglob("*"))


def test_a_folder_that_cannot_be_made_is_passed_over(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    assert run(EBANA_CACHE_DIR=str(tmp_path / "file" / "programs"))[0] == 0


def test_a_folder_that_jax_was_given_stays(tmp_path):
    own, other = tmp_path / "own", tmp_path / "other"
    assert run(COMPILES, JAX_COMPILATION_CACHE_DIR=str(own), EBANA_CACHE_DIR=str(other)) == (0, str(own))
    assert not other.exists()


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    for name in ("whole-cache", "whole-atime", "half-cache"):
        (tmp_path / name).write_bytes(b"12345678")
    program_cache._mend(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} >= {"whole-cache", "whole-atime"}
    assert not (tmp_path / "half-cache").exists()


def test_the_folder_names_the_kind_of_processor(monkeypatch, tmp_path):
    monkeypatch.setenv("EBANA_CACHE_DIR", str(tmp_path))
    assert program_cache.folder().parent == tmp_path
    monkeypatch.delenv("EBANA_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert program_cache.folder().is_relative_to(tmp_path / "ebana" / "programs")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert program_cache.folder().is_relative_to(Path.home())


@pytest.mark.parametrize("value", ["", "0"])
def test_an_empty_variable_or_zero_leaves_it_on(tmp_path, value):
    folder = Path(run(COMPILES, EBANA_CACHE_DIR=str(tmp_path), EBANA_NO_CACHE=value)[1])
    assert folder.parent == tmp_path
    assert folder.is_dir()
