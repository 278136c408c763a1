"""Average pooling: equal resistors from the nodes of a window onto one new node.

With m input nodes i in the window of an output node o, and a current I drawn from o,

    v_o = (sum_i v_i) / m - I / (m g)

so unloaded the node sits at the mean, whatever the conductance g is.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.circuit.builder import DEFAULT_CONDUCTANCE_BOUNDS
from ebana.layers.base import Layer, Shape, Signal
from ebana.layers.windows import (
    WINDOWS,
    Padding,
    channel_pairs,
    image_of,
    padding_of,
    pair,
    taps_inside,
    windows_of,
)
from ebana.storage.described import count, listed, number


class AveragePooling2DLayer(Layer):
    """The mean of each window of an image, channel by channel, by equal resistors that are not trained.

    A crossbar that follows loads the node and draws it towards its own: choose ``conductance`` large
    against the crossbar's conductances. The resistors load what comes before in turn: free nodes of one
    window are drawn towards each other, so choose it small against what drives them, or call the
    layer on the output of an :class:`~ebana.layers.amplifier.AmplificationLayer`. Inputs held by sources
    bear any load.

    Args:
        pool_size: height and width of a window in pixels, a number or a pair.
        strides: pixels from one window to the next, a number or a pair; None for ``pool_size``.
        padding: ``"valid"`` (windows inside the image; pixels that fill none are left out) or ``"same"``
            (``ceil(size / stride)`` windows a side, each the mean over its pixels inside the image).
        name: name of the layer.
        conductance: of each resistor, siemens, above zero; the default is a hundred times the largest that a
            crossbar starts with by default.
        enabled: False leaves the layer out and hands the image on as it is.

    Input shape: ``(height, width, channels)``, or ``(height, width)`` for one channel.
    Output shape: ``(out_h, out_w, channels)``.

    Raises:
        ValueError: for sizes that are no whole numbers above zero, an unknown padding, a conductance that
            is not above zero, an input that is no image, or a window larger than it.

    Example:
        >>> from ebana import CurrentLayer, InputVoltageLayer, Model, ReshapeLayer
        >>> x = InputVoltageLayer(8, "x")
        >>> pool = AveragePooling2DLayer(2, name="pool")(ReshapeLayer("image", (2, 4, 1))(x))
        >>> pool.shape
        (1, 2, 1)
        >>> model = Model(x, CurrentLayer("y", fold=False)(pool))
        >>> model.predict([[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]).round(9).tolist()
        [[2.5, 4.5]]
    """

    kind_label = "pooling"
    stored = Layer.stored | WINDOWS | {"pool_size": listed(count), "conductance": number}
    makes_nodes = True

    def __init__(
        self,
        pool_size: object = 2,
        strides: object = None,
        padding: str = "valid",
        name: str = "pool",
        *,
        conductance: float = 1e-3,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, enabled=enabled)
        self.pool_size = pair(pool_size, self, "pool_size")
        self.strides = self.pool_size if strides is None else pair(strides, self, "strides")
        self.padding: Padding = padding_of(padding, self)
        self.conductance = _siemens(conductance, name)

    def output_shape(self, shapes: Any) -> Shape:
        """``(out_h, out_w, channels)``."""
        image = image_of(self.only(shapes), self)
        out = windows_of(image, self.pool_size, self.strides, self.padding, self, "pool_size")
        return (*out, image[2])

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """New nodes, and equal resistors from the windows onto them."""
        image = image_of(inputs[0].shape, self)
        shape = (taps_inside(image, self.pool_size, self.strides, self.padding) * image[2],)
        nodes = build.nodes(signal.name, signal.units)
        low, high = DEFAULT_CONDUCTANCE_BOUNDS
        parameter = build.parameter(  # one for each call: images may differ in size
            f"{self.name}/conductance"
            if signal.index == 0
            else f"{self.name}/conductance_{signal.index + 1}",
            "conductance",
            lambda: np.full(shape, self.conductance),
            low=min(low, self.conductance),
            high=max(high, self.conductance),
            shape=shape,
        )
        pixels, outputs = channel_pairs(image, self.pool_size, self.strides, self.padding)
        build.resistors(signal.name, inputs[0].ravel()[pixels], nodes[outputs], parameter)
        return nodes.reshape(signal.shape)

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {
            "pool_size": list(self.pool_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "conductance": self.conductance,
        }


def _siemens(value: Any, name: str) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0 < float(value) < np.inf:
        raise ValueError(
            f"pooling layer {name!r}: conductance={value!r}. Expected one conductance above zero, in siemens."
        )
    return float(value)
