"""The crossbar: a conductance between every input node and every output node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.circuit.wires import Wires
from ebana.layers import initializers
from ebana.layers.base import RATE, Layer, Rate, Signal, positive_integer, stored_rate
from ebana.layers.learned import expected, require_stored_form, rule_of
from ebana.local_rule import Rule
from ebana.schedules import get_rate
from ebana.spellings import EBANA_HOOKS, EBANA_SAVED, also
from ebana.storage.described import boolean, count, number, optional, record


class DenseLayer(Layer):
    """A crossbar of programmable conductances onto ``units`` new nodes.

    Called twice it stands for the same conductances in two places.

    Args:
        units: number of output nodes; the name may come first, as in ``DenseLayer("d1", 10)``.
        name: name of the layer.
        lr: learning rate of the conductances; None for the optimizer's own.
        init_type, initializer: how the conductances start: the name of a rule, or an
            :class:`~ebana.layers.initializers.Initializers`, which also carries the bounds in siemens.
            ``initializer="glorot"`` starts at microsiemens (none given: ``"uniform"``, likewise);
            ``init_type="glorot"`` is the published code's and starts at millisiemens, up to 0.08 S.
        trainable: whether the conductances are trained.
        grad_func: a learning rule of one's own, ``f(free, nudged)``, in place of the gradient: elementwise, of the
            voltage drops over the conductances in two phases, volts from input to output. Its mean over the samples,
            divided by the nudging strength, is what the optimizer gets. Written in NumPy or JAX: it is traced when
            the model is made, or called back where it cannot be (:mod:`ebana.local_rule`). Of two nudged phases the
            estimator takes half the difference; estimators without phases, as ``"adjoint"``, use the gradient.
        wire_resistance: ohms of each wire between two crossings, of rows and of columns; or
            :class:`~ebana.circuit.wires.Wires`, which also has those of the rows' drivers and of the columns' contacts,
            or the same as a dictionary. Rows are driven at their first column, columns are read below their last row.
            The wires are resistors of the circuit, solved, trained with, and written to decks; their conductances are
            the values ``"<name>/row_wire"``, ``column_wire``, ``driver_wire`` and ``contact_wire``. None: ideal ones.

    Raises:
        ValueError: for wires whose resistance is negative or not finite.

    Example:
        Wires of 1 ohm between the crossings, and 50 ohms where columns leave:

        >>> from ebana import CurrentLayer, InputVoltageLayer, Model, Wires
        >>> x = InputVoltageLayer(2, "x")
        >>> d = DenseLayer(3, "d", wire_resistance=Wires(row=1.0, column=1.0, contact="50"))(x)
        >>> model = Model(x, CurrentLayer("y", fold=False)(d))
        >>> for name, siemens in model.values.items():
        ...     print(name, siemens.shape)
        d/conductance (2, 3)
        d/row_wire (4,)
        d/column_wire (3,)
        d/contact_wire (3,)

    Input shape: ``(n,)``; use :class:`~ebana.layers.ReshapeLayer` before for other shapes.
    Output shape: ``(units,)``.
    """

    kind_label = "dense"
    stored = Layer.stored | {
        "units": count, "lr": RATE, "initializer": initializers.STORED, "trainable": boolean,
        "wire_resistance": optional(record(dict.fromkeys(("row", "column", "driver", "contact"), number))),
    }  # fmt: skip
    makes_nodes = True
    passes_when_disabled = False

    @also(refused=EBANA_HOOKS, needless=EBANA_SAVED)
    def __init__(
        self,
        units: int | str,
        name: str | int = "d",
        lr: Rate | None = None,
        init_type: object = None,
        *,
        initializer: object = None,
        trainable: bool = True,
        grad_func: Rule | None = None,
        wire_resistance: Wires | Mapping[str, float] | float | None = None,
        enabled: bool = True,
    ) -> None:
        if isinstance(units, str) and not isinstance(name, str):
            units, name = name, units  # as in the EBANA framework of 2025
        super().__init__(str(name), enabled=enabled)
        self.units = positive_integer(units, self, "units")
        self.lr = get_rate(lr)
        self.initializer = initializers.spelled(self.name, init_type, initializer)
        self.trainable = bool(trainable)
        self.grad_func = grad_func
        self.wires = Wires.of(wire_resistance, f"dense layer {self.name!r}")

    def output_shape(self, shapes: Any) -> tuple[int, ...]:
        """``(units,)``."""
        shape = self.only(shapes)
        if len(shape) != 1:
            raise ValueError(
                f"dense layer {self.name!r} is called on an input of shape {shape}. Expected one dimension; "
                "put ReshapeLayer(shape=(-1,)) before it."
            )
        if self.calls and self.calls[0].parents[0].shape != shape:
            raise ValueError(
                f"dense layer {self.name!r} is called again on {shape[0]} nodes but its conductances were made "
                f"for {self.calls[0].parents[0].shape[0]}. Shared conductances need equal inputs."
            )
        return (self.units,)

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """New nodes and a crossbar onto them."""
        rows = inputs[0]
        low, high = self.initializer.bounds
        parameter = build.parameter(
            f"{self.name}/conductance",
            "conductance",
            lambda: self.initializer.sample((rows.size, self.units), rows.size, self.units, rng),
            trainable=self.trainable,
            learning_rate=self.lr,
            low=low,
            high=high,
            shape=(rows.size, self.units),
            rule=rule_of(self, (rows.size, self.units)),
            mean=expected(self.initializer, rows.size, self.units),
        )
        nodes = build.nodes(signal.name, self.units)
        build.crossbar(signal.name, rows, nodes, parameter, wires=self.wires)
        return nodes

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        require_stored_form(self)
        return super().config() | {
            "units": self.units,
            "lr": stored_rate(self),
            "initializer": self.initializer.to_config(),
            "trainable": self.trainable,
            **({} if self.wires is None else {"wire_resistance": self.wires.config()}),
        }
