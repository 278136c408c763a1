"""The network of the recipes: crossbars with diodes and amplifiers between them."""

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
    inputs: list[Any] = [x, xn]
    nodes: list[Any] = [x, xn]
    for k, units in enumerate(recipe.layers, start=1):
        bias = _bias(recipe, k)
        inputs.append(bias)
        crossbar = _dense(recipe, units, f"d{k}", wires)(ConcatenateLayer(name=f"j{k}")([*nodes, bias]))
        nodes = [_nonlinearity(recipe, crossbar, device, k)]
    last = len(recipe.layers) + 1
    inputs.append(bias := _bias(recipe, last))
    joined = ConcatenateLayer(name=f"j{last}")([*nodes, bias])
    outputs = []
    for output, values in recipe.outputs.items():
        name = f"d{last}" if len(recipe.outputs) == 1 else f"d_{output}"
        outputs.append(CurrentLayer(name=output)(_dense(recipe, 2 * values, name, wires)(joined)))
    return Model(inputs, outputs, seed=seed, engine=engine, name=recipe.name)


def _bias(recipe: Recipe, k: int) -> BiasVoltageLayer:
    return BiasVoltageLayer(units=2, name=f"b{k}", bias_voltage=[recipe.bias, -recipe.bias])


def _dense(recipe: Recipe, units: int, name: str, wires: Wires | float | None) -> DenseLayer:
    params = {"L": recipe.low, "U": recipe.high, "g_min": recipe.g_min, "g_max": recipe.g_max}
    initializer = Initializers(recipe.initializer, params)
    return DenseLayer(
        units=units, name=name, lr=recipe.layer_rate(name), initializer=initializer, wire_resistance=wires
    )


def _nonlinearity(recipe: Recipe, nodes: object, device: Mapping[str, Any] | None, k: int) -> Any:
    """Limits the nodes to about ``+-vth`` (or the drop of another device) and amplifies them."""
    if device is None:
        device = {"kind": "behavioral", "param": {"VTH": recipe.vth, "RON": recipe.ron}}
    for direction in ("down", "up"):
        nodes = DiodeLayer(name=f"{direction}{k}", direction=direction, bias_voltage=0.0, **device)(nodes)
    return AmplificationLayer(gain=recipe.gain, name=f"amp{k}")(nodes)
