"""Finished parts are kept, checked when they are read, and never those of other work."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.storage.archive import CorruptFile
from ebana.storage.parts import SETTINGS, Parts, decoded


@dataclass(frozen=True)
class Found:
    seed: int
    error: float
    name: str = "n"
    share: float | None = None
    passed: bool = True
    errors: tuple[float, ...] = ()


@dataclass(frozen=True)
class Many:
    found: tuple[Found, ...]


FOUND = Found(3, 0.1, "a", None, False, (1.0, 2.5))
SETTINGS_HERE = {"epochs": 3, "lr": 0.1, "layers": (1, 2)}


def opened(folder, resume=True, settings=SETTINGS_HERE, clock=lambda: 5.0):
    parts = Parts(folder, resume=resume, clock=clock)
    parts.open(settings)
    return parts


def never():
    raise AssertionError("this part is finished")


def test_a_finished_part_is_not_made_again(tmp_path):
    first = opened(tmp_path / "p")
    assert first.of("seed 3", Found, lambda: FOUND) == FOUND
    first.close()
    again = opened(tmp_path / "p")
    assert again.finished == ["seed-3"]
    assert again.of("seed 3", Found, never) == FOUND


def test_without_resume_all_is_begun_anew(tmp_path):
    opened(tmp_path / "p").of("a", Found, lambda: FOUND)
    assert opened(tmp_path / "p", resume=False).finished == []


def test_the_clock_goes_on(tmp_path):
    opened(tmp_path / "p").of("a", Found, lambda: FOUND)
    again = opened(tmp_path / "p", clock=lambda: 2.0)
    assert again.clock() == 7.0


def test_a_checkpoint_goes_when_its_part_is_kept(tmp_path):
    parts = opened(tmp_path / "p")
    path = parts.path("a")

    def make():
        path.write_text("half")
        return FOUND

    parts.of("a", Found, make)
    assert not path.exists()


def test_nothing_is_kept_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = opened(None)
    assert parts.of("a", Found, lambda: FOUND) is FOUND
    parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_all_is_forgotten_when_the_work_is_done(tmp_path):
    parts = opened(tmp_path / "p")
    parts.of("a", Found, lambda: FOUND)
    parts.remove()
    assert list(tmp_path.iterdir()) == []
    opened(tmp_path / "p")  # and the place is free


def test_parts_of_other_work_are_refused_naming_what_differs(tmp_path):
    opened(tmp_path / "p")
    with pytest.raises(ValueError, match=r"epochs: saved 3, now 4.*--resume"):
        opened(tmp_path / "p", settings=SETTINGS_HERE | {"epochs": 4})


def test_two_processes_do_not_work_in_one_folder(tmp_path):
    script = "import sys, time; from pathlib import Path; from ebana.storage.parts import Parts\n"
    script += "p = Parts(Path(sys.argv[1])); p.open({}); print('ready', flush=True); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "p")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(BlockingIOError, match="another process works in"):
            opened(tmp_path / "p", settings={})
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    opened(tmp_path / "p", settings={})


# -- damaged files -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "holds list"),
        ("{}", "not a result and its seconds"),
        ('{"result": {}, "seconds": "5"}', "not a result and its seconds"),
        ('{"result": [], "seconds": 5}', "list in place of"),
        ('{"result": {"seed": 3}, "seconds": 5}', "in place of"),
        (json.dumps({"result": asdict(FOUND) | {"seed": 1.5}, "seconds": 5}), "seed is 1.5, not int"),
        (json.dumps({"result": asdict(FOUND) | {"seed": True}, "seconds": 5}), "seed is True, not int"),
        (json.dumps({"result": asdict(FOUND) | {"error": "0.1"}, "seconds": 5}), "error is '0.1', not float"),
        (
            json.dumps({"result": asdict(FOUND) | {"errors": [1, "x"]}, "seconds": 5}),
            "errors is 'x', not float",
        ),
        (json.dumps({"result": asdict(FOUND) | {"error": 10**400}, "seconds": 5}), "error is 1000"),
        (json.dumps({"result": asdict(FOUND) | {"extra": 1}, "seconds": 5}), "in place of"),
    ],
)
def test_a_damaged_part_is_refused_by_name(tmp_path, content, message):
    opened(tmp_path / "p").of("a", Found, lambda: FOUND)
    (tmp_path / "p" / "a.json").write_text(content)

    def read():
        opened(tmp_path / "p").of("a", Found, never)

    with pytest.raises(CorruptFile, match=f"a.json: .*{message}.*Remove the file"):
        read()


def test_damaged_settings_are_refused(tmp_path):
    opened(tmp_path / "p")
    (tmp_path / "p" / SETTINGS).write_text("no")
    with pytest.raises(CorruptFile, match=SETTINGS):
        opened(tmp_path / "p")


def test_a_fifo_is_no_part(tmp_path):
    opened(tmp_path / "p")
    os.mkfifo(tmp_path / "p" / "a.json")
    with pytest.raises(CorruptFile, match="no file"):
        opened(tmp_path / "p").of("a", Found, never)


@given(
    st.builds(
        Many,
        st.lists(
            st.builds(
                Found,
                seed=st.integers(),
                error=st.floats(allow_infinity=False),
                name=st.text(),
                share=st.none() | st.floats(allow_nan=False, allow_infinity=False),
                passed=st.booleans(),
                errors=st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
            )
        ).map(tuple),
    )
)
def test_what_is_kept_comes_back(tmp_path_factory, many):
    folder = tmp_path_factory.mktemp("parts")
    opened(folder).of("a", Many, lambda: many)
    found = opened(folder).of("a", Many, never)
    assert repr(found) == repr(many)  # NaN too


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from([*asdict(FOUND), "found", "x"]), inner)
        ),
    ),
    st.sampled_from([None, *asdict(FOUND)]),
)
def test_any_other_content_is_refused_or_right(tmp_path_factory, value, at):
    content = value if at is None else asdict(FOUND) | {at: value}
    try:
        found = decoded(Found, content, tmp_path_factory.getbasetemp() / "a.json")
    except CorruptFile:
        return
    assert all(math.isfinite(e) or math.isnan(e) or math.isinf(e) for e in (found.error, *found.errors))
    assert (type(found.seed), type(found.name), type(found.passed)) == (int, str, bool)
