"""Every example runs from an empty folder, without a warning, and says something; its circuits agree with SPICE."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ebana.spice.simulators.session import available

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))

SAYS = {
    "bridge.py": "native:  loss",
    "chip.py": "accuracy 100.00%",
    "convert.py": "labels equal to PyTorch's: 100.00%",
    "doctor.py": "too few bits",
    "in_the_loop.py": "of the added loss",
    "gates.py": "accuracy 100.00%",
    "hybrid_mnist.py": "circuits as drawn: test accuracy",
    "mosfet.py": "accuracy 100.00%",
    "on_the_chip.py": "trained there",
    "shared_layer.py": "once for both sides",
    "train_a_deck.py": "0 xor 1:  +50.0 mV, so 1",
    "trains_itself.py": "R2 of each chip",
    "transfer_curves.py": "27 C:",
    "torch_circuit.py": "circuit trained: loss 0.0",
    "xor_published.py": "xor, other spellings: loss",
}
"""What some of them must print."""

ARGUMENTS = {
    "hybrid_mnist.py": ["--data", "digits", "--epochs", "20"],
    "in_the_loop.py": ["--epochs", "2", "--spice-epochs", "4"],
}
"""Shorter runs of the longest."""

HELD = Path(__file__).with_name("held_to_spice.py")

COMPARED = {
    "bridge.py", "custom_device.py", "custom_layer.py", "gates.py", "iris.py", "learning_rules.py", "mosfet.py",
    "power.py", "shared_layer.py", "spice_netlist.py", "torch_circuit.py", "train_a_deck.py", "transfer_curves.py",
    "xor_published.py",
}  # fmt: skip
"""Examples with a circuit that must have been compared."""

SPICE, _ = available("ngspice")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda f: f.stem)
def test_example_runs(path, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error", str(HELD), str(path), *ARGUMENTS.get(path.name, [])],
        cwd=tmp_path,
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "MPLBACKEND": "Agg",
            "PYTHONPATH": str(ROOT / "src"),
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    assert SAYS.get(path.name, "") in result.stdout
    assert result.stdout.strip()
    assert "TOO LARGE" not in result.stdout, result.stdout
    if path.name in COMPARED and SPICE:
        assert re.search(r"parity: .*, ngspice: \S+ V\n", result.stdout), result.stdout


@pytest.mark.parametrize("name", [f.name for f in EXAMPLES if "--out" in f.read_text(encoding="utf-8")])
def test_example_leaves_the_current_folder_alone(name):
    source = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert "tempfile.mkdtemp" in source


def test_all_examples_are_listed():
    text = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert [f.name for f in EXAMPLES if f"({f.name})" not in text] == []


@pytest.mark.parametrize(
    "name",
    ["chip", "custom_device", "custom_layer", "custom_loss", "custom_rule", "own_synapse", "own_update"],
)
def test_extensions_stay_short(name):
    """The marked part of an example that extends the package takes under thirty lines of code."""
    text = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    part = text.split("\n# --- the ")[1].split("\n# --- end")[0].splitlines()[1:]
    code = [line for line in part if line.strip() and not line.strip().startswith(("#", '"""'))]
    assert len(code) < 30
