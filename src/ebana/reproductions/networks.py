"""The networks of the papers, as circuits made of public layers.

Deep resistive network (Scellier 2024): inputs ``x`` and ``-x``, a crossbar onto each layer of nodes, a bias
current into every node, an ideal diode to ground on every hidden node, half of which keep their potential
at or above 0 V and half at or below; one output node a class.

Amplified network (Kendall et al. 2020; EBANA 2022): ``x``, ``-x`` and two bias sources, a crossbar onto
hidden nodes with an antiparallel pair of diodes each, amplifiers of gain A that draw 1/A of their output
current, two more bias sources, and a crossbar onto two nodes a class, read as ``v+ - v-``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebana.model import Model

Rates = float | Mapping[str, float]
"""Learning rate of every parameter, or of each layer by name."""

OUTPUT = "class"
"""Name of the output layer of all of these."""


def rate(rates: Rates, layer: str) -> float | None:
    """Learning rate of one layer's parameters, or None where all share one."""
    return rates[layer] if isinstance(rates, Mapping) else None


@dataclass(frozen=True)
class Resistive:
    """A deep resistive network.

    Conductances start uniform in ``start * [-1/sqrt(n_in), 1/sqrt(n_in)]``, the negative half at ``g_min``, in
    a unit of its own: potentials depend on ratios alone. Layers are ``d1``, ``i1``, ... and ``out``, ``i_out``.

    Args:
        hidden: number of nodes of each hidden layer.
        start: scale of the conductances at the start.
        g_min, g_max: bounds of the conductances.
        i_max: bound of the bias currents.
    """

    hidden: tuple[int, ...]
    start: float = 1.0
    g_min: float = 1e-6
    g_max: float = 1e3
    i_max: float = 1e3

    def build(
        self, inputs: int, classes: int, rates: Rates, *, seed: int, engine: object, name: str
    ) -> Model:
        """The circuit for so many inputs and classes, its conductances drawn by ``seed``."""
        from ebana.layers import ConcatenateLayer, CurrentLayer, DiodeLayer, InputVoltageLayer
        from ebana.model import Model

        x = InputVoltageLayer(inputs, "x")
        nodes: Any = ConcatenateLayer("j1")([x, InputVoltageLayer(name="xn", inverts=x)])
        for k, units in enumerate(self.hidden, start=1):
            nodes = self._crossbar(nodes, units, f"d{k}", f"i{k}", rates)
            halves = ["up"] * (units // 2) + ["down"] * (units - units // 2)
            nodes = DiodeLayer(f"diode{k}", direction=halves)(nodes)
        nodes = self._crossbar(nodes, classes, "out", "i_out", rates)
        return Model([x], [CurrentLayer(OUTPUT, fold=False)(nodes)], seed=seed, engine=engine, name=name)

    def _crossbar(self, nodes: object, units: int, weights: str, biases: str, rates: Rates) -> Any:
        from ebana.layers import CurrentSourceLayer, DenseLayer, Initializers

        start = Initializers("rectified", {"U": self.start, "g_min": self.g_min, "g_max": self.g_max})
        nodes = DenseLayer(units, weights, initializer=start, lr=rate(rates, weights))(nodes)
        own = rate(rates, biases)
        return CurrentSourceLayer(biases, trainable=True, lr=own, low=-self.i_max, high=self.i_max)(nodes)


@dataclass(frozen=True)
class Amplified:
    """One hidden layer of diode pairs and amplifiers. Its crossbars are the layers ``d1`` and ``d2``.

    Args:
        hidden: number of hidden nodes.
        vth, ron: threshold (volts) and resistance (ohms) of the diodes.
        gain: of the amplifiers, V/V.
        bias: volts of the bias sources, ``+bias`` and ``-bias``.
        initializer: rule that the conductances are drawn by.
        start: its ``U``, siemens.
        g_min, g_max: bounds of the conductances, siemens.
    """

    hidden: int = 100
    vth: float = 0.3
    ron: float = 1e-4
    gain: float = 4.0
    bias: float = 1.0
    initializer: str = "rectified"
    start: float = 1.0
    g_min: float = 1e-6
    g_max: float = 1e3

    def build(
        self, inputs: int, classes: int, rates: Rates, *, seed: int, engine: object, name: str
    ) -> Model:
        """The circuit for so many inputs and classes, its conductances drawn by ``seed``."""
        from ebana.layers import BiasVoltageLayer, ConcatenateLayer, CurrentLayer, InputVoltageLayer
        from ebana.model import Model

        x = InputVoltageLayer(inputs, "x")
        xn = InputVoltageLayer(name="xn", inverts=x)
        b1, b2 = (BiasVoltageLayer(2, b, bias_voltage=[self.bias, -self.bias]) for b in ("b1", "b2"))
        hidden = self._dense(ConcatenateLayer("j1")([x, xn, b1]), self.hidden, "d1", rates)
        hidden = self._nonlinearity(hidden)
        out = self._dense(ConcatenateLayer("j2")([hidden, b2]), 2 * classes, "d2", rates)
        return Model([x, xn, b1, b2], [CurrentLayer(OUTPUT)(out)], seed=seed, engine=engine, name=name)

    def _dense(self, nodes: object, units: int, name: str, rates: Rates) -> Any:
        from ebana.layers import DenseLayer, Initializers

        params = {"U": self.start, "g_min": self.g_min, "g_max": self.g_max}
        return DenseLayer(
            units, name, initializer=Initializers(self.initializer, params), lr=rate(rates, name)
        )(nodes)

    def _nonlinearity(self, nodes: object) -> Any:
        """Limits the nodes to about ``+-vth`` and amplifies them."""
        from ebana.layers import AmplificationLayer, DiodeLayer

        device = {"VTH": self.vth, "RON": self.ron}
        for direction in ("down", "up"):
            nodes = DiodeLayer(
                f"{direction}1", direction=direction, bias_voltage=0.0, kind="behavioral", param=device
            )(nodes)
        return AmplificationLayer(gain=self.gain, name="amp1")(nodes)
