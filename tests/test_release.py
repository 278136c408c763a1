"""What is released: built, checked, whole, and of one version."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = {"matplotlib": "matplotlib-base", "lazy_loader": "lazy-loader"}
"""Names that differ there."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive, made from the files that belong to the project."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    shutil.copytree(
        ROOT / "src" / "ebana", source / "src" / "ebana", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out


def test_twine_accepts_both(built: Path) -> None:
    files = [str(file) for file in built.iterdir()]
    assert sorted(Path(f).suffix for f in files) == [".gz", ".whl"]
    command = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {f.relative_to(ROOT / "src").as_posix() for f in (ROOT / "src" / "ebana").rglob("*.py")}
    package |= {
        "ebana/py.typed",
        "ebana/__init__.pyi",
        "ebana/devices/diodes.lib",
        "ebana/reports/report.html",
    }
    assert package <= names
    assert {name.split("/")[0] for name in names} == {"ebana", f"ebana-{PROJECT['version']}.dist-info"}


def test_the_source_archive_builds_again(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/ebana/__init__.py"} <= names


def test_there_is_one_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    recipe = yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    assert str(citation["version"]) == recipe["context"]["version"] == PROJECT["version"]


def test_the_conda_recipe_needs_what_the_package_needs() -> None:
    recipe = yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    needed = dict(re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in PROJECT["dependencies"])  # type: ignore[union-attr]
    stated = dict(line.split(" ", 1) for line in recipe["requirements"]["run"])
    assert stated.pop("python") == PROJECT["requires-python"]
    assert stated == {CONDA.get(name, name): bounds for name, bounds in needed.items()}


@pytest.mark.parametrize(
    "workflow", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda f: f.stem
)
def test_workflows_are_read_and_their_commands_exist(workflow: Path) -> None:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    runs = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    for word in re.findall(r"make(?: PYTHON=\S+)?((?: [a-z]+)+)", "\n".join(runs)):
        assert set(word.split()) <= targets, word


def test_every_file_that_the_image_copies_is_let_in() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    let_in = {
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"
    }
    copied = [
        word
        for line in re.findall(r"^COPY (?!--)(.*) \S+$", dockerfile, re.MULTILINE)
        for word in line.split()
    ]
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in let_in)
