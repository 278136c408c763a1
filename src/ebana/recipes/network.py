"""The network of the recipes: one hidden layer of diodes and amplifiers between two crossbars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ebana.layers import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
)
from ebana.model import Model

if TYPE_CHECKING:
    from ebana.circuit.wires import Wires
    from ebana.recipes.recipe import Recipe


def classifier(
    recipe: Recipe,
    seed: int,
    engine: object,
    device: Mapping[str, Any] | None = None,
    wires: Wires | float | None = None,
) -> Model:
    """Build a recipe's network; with several outputs, each has a crossbar of its own on the hidden layer."""
    x = InputVoltageLayer(units=recipe.inputs, name="x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    b1 = BiasVoltageLayer(units=2, name="b1", bias_voltage=[recipe.bias, -recipe.bias])
    d1 = _dense(recipe, recipe.hidden, "d1", wires)(ConcatenateLayer(name="j1")([x, xn, b1]))
    g1 = _nonlinearity(recipe, d1, device)
    b2 = BiasVoltageLayer(units=2, name="b2", bias_voltage=[recipe.bias, -recipe.bias])
    j2 = ConcatenateLayer(name="j2")([g1, b2])
    outputs = []
    for output, values in recipe.outputs.items():
        name = "d2" if len(recipe.outputs) == 1 else f"d_{output}"
        outputs.append(CurrentLayer(name=output)(_dense(recipe, 2 * values, name, wires)(j2)))
    return Model([x, xn, b1, b2], outputs, seed=seed, engine=engine, name=recipe.name)


def _dense(recipe: Recipe, units: int, name: str, wires: Wires | float | None) -> DenseLayer:
    params = {"L": recipe.low, "U": recipe.high, "g_min": recipe.g_min, "g_max": recipe.g_max}
    initializer = Initializers(recipe.initializer, params)
    return DenseLayer(
        units=units, name=name, lr=recipe.layer_rate(name), initializer=initializer, wire_resistance=wires
    )


def _nonlinearity(recipe: Recipe, nodes: object, device: Mapping[str, Any] | None) -> Any:
    """Limits the nodes to about ``+-vth`` (or the drop of another device) and amplifies them."""
    if device is None:
        device = {"kind": "behavioral", "param": {"VTH": recipe.vth, "RON": recipe.ron}}
    for direction in ("down", "up"):
        nodes = DiodeLayer(name=f"{direction}1", direction=direction, bias_voltage=0.0, **device)(nodes)
    return AmplificationLayer(gain=recipe.gain, name="amp1")(nodes)
