"""Sensitivities of cells against operating points in ngspice, by finite differences."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from ebana.onchip import Process, Synapse
from ebana.onchip.studies.cells import ROWS, WEIGHTS, cells
from ebana.onchip.studies.sensitivity import sensitivity
from helpers.chips import needs_cards
from helpers.simulators import needs_ngspice

SHIFT = 2e-3
"""Volts to either side."""


def deck(synapse, cards, points):
    """Cells at stated ``p, n, z, w``, each with sources of its own."""
    lines = ["* cells", cards.text, ".options temp=27 reltol=1e-7 abstol=1e-15 gmin=1e-15"]
    for k, at in enumerate(points):
        lines += [f"V{node}{k} {node}{k} 0 {volts!r}" for node, volts in zip("pnzw", at, strict=True)]
        for t, one in enumerate(synapse.transistors):
            d, g, s = (f"{node}{k}" for node in (one.drain, one.gate, one.source))
            size = f"w={one.size.width!r} l={one.size.length!r}"
            lines.append(f"M{t}_{k} {d} {g} {s} {s} {cards.model(one.size.channel)} {size}")
    shown = "\n".join(f"print i(v{node}{k})" for k in range(len(points)) for node in "pnz")
    return "\n".join([*lines, ".control", "set numdgt=12", "op", shown, ".endc", ".end"])


def currents(synapse, cards, points, folder):
    """Currents that the cells draw from ``p, n, z``, ``(points, 3)``."""
    (folder / "cells.cir").write_text(deck(synapse, cards, points))
    command = ["ngspice", "-b", "cells.cir"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    found = [float(line.split("=")[1]) for line in said.stdout.splitlines() if line.startswith("i(v")]
    return -np.array(found).reshape(len(points), 3)


@needs_ngspice
@needs_cards
@pytest.mark.parametrize("kind", ["2t1c", "cmos"])
def test_sensitivities_are_those_of_operating_points_in_ngspice(kind, tmp_path):
    synapse, process = Synapse(kind), Process("sky130")
    w, x = (a.ravel() for a in np.meshgrid(WEIGHTS[kind], (0.1, 0.4, 0.8, 1.0)))
    z = np.full_like(x, 0.05)
    found = sensitivity(synapse, process, x, w, z)
    steps = [(dx, dz, dw) for dx, dz, dw in SHIFT * np.concatenate([np.eye(3), -np.eye(3)])]
    points = [
        (a + dx, -(a + dx), c + dz, b + dw) for dx, dz, dw in steps for a, b, c in zip(x, w, z, strict=True)
    ]
    cards = process.cards(tuple(dict.fromkeys(one.size for one in synapse.transistors)))
    plain = [tuple(float(v) for v in point) for point in points]
    drawn = currents(synapse, cards, plain, tmp_path).reshape(6, len(x), 3)
    by_x, by_z, by_w = (drawn[:3] - drawn[3:]) / (2 * SHIFT)
    wanted = {"forward": -by_x[:, 2], "backward": by_z[:, 1] - by_z[:, 0], "write": -by_w[:, 2]}
    for name, oracle in wanted.items():
        off = np.abs(getattr(found, name) - oracle)
        assert off.max() < 0.02 * np.abs(oracle).max(), name
    assert np.abs(wanted["forward"]).max() > 50e-6


@pytest.mark.parametrize(
    "process", [Process(), pytest.param(Process("sky130"), marks=[needs_ngspice, needs_cards])]
)
def test_saturation_takes_the_forward_signal_of_the_one_cell_and_the_backward_signal_of_the_other(process):
    one = cells("2t1c", process)
    open_ = one.w.index(1.3)
    low, high = ROWS.index(0.1), ROWS.index(0.8)
    assert one.forward[open_, low] > 5 * one.forward[open_, high]
    assert one.backward[open_, high] > 0.5 * one.backward[open_, low]
    pair = cells("cmos", process)
    for k, w in enumerate(pair.w):
        if abs(w) >= 0.2:
            assert np.sign(pair.forward[k, high]) == np.sign(pair.backward[k, high]) == -np.sign(w)
            assert abs(pair.forward[k, high]) > 5 * abs(pair.backward[k, high])
    assert (pair.write[:, high] < 0).all()
    assert (one.write >= 0).all()


def test_a_cell_that_is_off_answers_to_nothing():
    found = sensitivity(Synapse("2t1c"), Process(), x=0.5, w=-1.0)
    assert max(abs(float(v)) for v in found) < 1e-9
