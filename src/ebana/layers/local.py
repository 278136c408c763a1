"""The locally connected layer: a crossbar's conductances, but only within windows of an image.

An output node o with the input nodes i of its window R(o), unloaded, sits at their weighted mean

    v_o = sum_{i in R(o)} g_oi v_i / sum_{i in R(o)} g_oi

as in Keras' ``LocallyConnected2D``, a convolution whose weights are not shared: each conductance of a
physical array is a device of its own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.layers import initializers
from ebana.layers.base import RATE, Layer, Rate, Shape, Signal, positive_integer, stored_rate
from ebana.layers.learned import expected, require_stored_form, rule_of
from ebana.layers.windows import (
    WINDOWS,
    Padding,
    image_of,
    local_pairs,
    padding_of,
    pair,
    taps_inside,
    windows_of,
)
from ebana.local_rule import Rule
from ebana.schedules import get_rate
from ebana.spellings import EBANA_HOOKS, EBANA_SAVED, also
from ebana.storage.described import boolean, count, listed

NO_WIRES = {
    "wire_resistance": "Its conductances lie on no rows and columns that share wires. Use DenseLayer, or connect "
    "resistors() of a CircuitBuilder with the wires of your layout."
}


class LocallyConnected2DLayer(Layer):
    """Programmable conductances from each window of an image onto ``filters`` new nodes.

    The conductances are one array of shape ``(k,)``, in the order
    (out_h, out_w, filters, kh, kw, channels); taps that ``padding="same"`` puts outside the image have
    none. Called twice the layer stands for the same conductances in two places.

    Args:
        filters: number of output nodes of each window.
        kernel_size: height and width of a window in pixels, a number or a pair.
        strides: pixels from one window to the next, a number or a pair (also spelled ``stride``).
        padding: ``"valid"`` (windows inside the image) or ``"same"`` (``ceil(size / stride)`` windows a
            side, cut off at the edges of the image).
        name: name of the layer.
        lr: learning rate of the conductances; None for the optimizer's own.
        init_type, initializer: how the conductances start, as for
            :class:`~ebana.layers.dense.DenseLayer`; a window counts as a crossbar of ``kh kw channels``
            rows and ``kh kw filters`` columns.
        trainable: whether the conductances are trained.
        grad_func: a learning rule of one's own, ``f(free, nudged)``, in place of the gradient: elementwise, of the
            voltage drops over the conductances in two phases, volts from input to output. Its mean over the samples,
            divided by the nudging strength, is what the optimizer gets. Written in NumPy or JAX: it is traced when
            the model is made, or called back where it cannot be (:mod:`ebana.local_rule`). Of two nudged phases the
            estimator takes half the difference; estimators without phases, as ``"adjoint"``, use the gradient.

    Input shape: ``(height, width, channels)``, or ``(height, width)`` for one channel.
    Output shape: ``(out_h, out_w, filters)``.

    Raises:
        ValueError: for sizes that are no whole numbers above zero, an unknown padding, an input that is
            no image, a window larger than it, or a second call on an image of another shape.

    Example:
        >>> from ebana import InputVoltageLayer, ReshapeLayer
        >>> image = ReshapeLayer("image", (8, 8, 1))(InputVoltageLayer(64, "x"))
        >>> LocallyConnected2DLayer(2, 3, name="valid")(image).shape
        (6, 6, 2)
        >>> LocallyConnected2DLayer(2, 3, strides=2, padding="same", name="same")(image).shape
        (4, 4, 2)
    """

    kind_label = "local"
    stored = Layer.stored | WINDOWS | {
        "filters": count, "kernel_size": listed(count),
        "lr": RATE, "initializer": initializers.STORED, "trainable": boolean,
    }  # fmt: skip
    makes_nodes = True
    passes_when_disabled = False

    @also({"stride": "strides"}, EBANA_HOOKS | NO_WIRES, EBANA_SAVED)
    def __init__(
        self,
        filters: int,
        kernel_size: object,
        strides: object = 1,
        padding: str = "valid",
        name: str = "local",
        lr: Rate | None = None,
        init_type: object = None,
        *,
        initializer: object = None,
        trainable: bool = True,
        grad_func: Rule | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, enabled=enabled)
        self.filters = positive_integer(filters, self, "filters")
        self.kernel_size = pair(kernel_size, self, "kernel_size")
        self.strides = pair(strides, self, "strides")
        self.padding: Padding = padding_of(padding, self)
        self.lr = get_rate(lr)
        self.initializer = initializers.spelled(self.name, init_type, initializer)
        self.trainable = bool(trainable)
        self.grad_func = grad_func

    def output_shape(self, shapes: Any) -> Shape:
        """``(out_h, out_w, filters)``."""
        image = image_of(self.only(shapes), self)
        made_for = image_of(self.calls[0].parents[0].shape, self) if self.calls else image
        if image != made_for:
            raise ValueError(
                f"local layer {self.name!r} is called again on an image of shape {image} but its conductances were "
                f"made for {made_for}. Shared conductances need equal inputs."
            )
        out = windows_of(image, self.kernel_size, self.strides, self.padding, self, "kernel_size")
        return (*out, self.filters)

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """New nodes, and conductances from the windows onto them."""
        image = image_of(inputs[0].shape, self)
        taps = taps_inside(image, self.kernel_size, self.strides, self.padding)
        shape = (taps * image[2] * self.filters,)
        area = self.kernel_size[0] * self.kernel_size[1]
        low, high = self.initializer.bounds
        parameter = build.parameter(
            f"{self.name}/conductance",
            "conductance",
            lambda: self.initializer.sample(shape, area * image[2], area * self.filters, rng),
            trainable=self.trainable,
            learning_rate=self.lr,
            low=low,
            high=high,
            shape=shape,
            rule=rule_of(self, shape),
            mean=expected(self.initializer, area * image[2], area * self.filters),
        )
        pixels, outputs = local_pairs(image, self.filters, self.kernel_size, self.strides, self.padding)
        nodes = build.nodes(signal.name, signal.units)
        build.resistors(signal.name, inputs[0].ravel()[pixels], nodes[outputs], parameter)
        return nodes.reshape(signal.shape)

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        require_stored_form(self)
        return super().config() | {
            "filters": self.filters,
            "kernel_size": list(self.kernel_size),
            "strides": list(self.strides),
            "padding": self.padding,
            "lr": stored_rate(self),
            "initializer": self.initializer.to_config(),
            "trainable": self.trainable,
        }
