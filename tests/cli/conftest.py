"""One short training run that the tests of the command line share."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ebana.cli import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one line of strict JSON."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def call(*arguments: Any) -> Outcome:
    """Run ``ebana`` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([str(a) for a in arguments])
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture
def ebana():
    """Runs ``ebana`` in this process: ``ebana("train", "xor")``."""
    return call


@dataclass(frozen=True)
class Trained:
    """A run folder and what the command said."""

    folder: Path
    outcome: Outcome


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """xor after 30 epochs."""
    folder = tmp_path_factory.mktemp("runs") / "xor"
    return Trained(folder, call("train", "xor", "--epochs", 30, "--seed", 3, "--out", folder, "--json"))
