"""Draw the pictures of docs/guide-hardware.md into docs/img.

python scripts/draw_hardware.py [--folder docs/img]
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ebana import recipes
from ebana.hardware import Hardware, Mismatch, Spread
from ebana.hardware.transfer import compare

FOLDER = Path(__file__).parents[1] / "docs" / "img"


def main() -> None:
    """Train Iris, vary it, and train it on chips."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    recipe = recipes.get("iris")
    split = recipe.data(seed=0)
    train, test = recipe.dataset(split.x_train, split.y_train), recipe.dataset(split.x_test, split.y_test)
    model = recipe.build(seed=0)
    model.fit(train, verbose=False, **recipe.fit_options(seed=0))
    kinds = {sigma: Hardware(Spread(sigma)) for sigma in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)}
    model.vary(test, hardware=kinds, chips=200, quantity="relative spread of the conductances").plot(
        folder / "hardware-spread.png"
    )
    wired = recipe.build(seed=0, wire_resistance=100.0)
    wired.set_values(model.values)
    wired.plot_voltage_drop(test.inputs, "d1", path=folder / "hardware-wires.png")
    hardware = Hardware(Spread(0.4), Mismatch(threshold=0.02, strength=0.2))
    found = compare(recipe.build(seed=0), train, test, hardware, lambda: recipe.fit_options(seed=0), chips=10)
    found.plot(folder / "hardware-transfer.png")


if __name__ == "__main__":
    main()
