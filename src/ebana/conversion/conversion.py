"""What a conversion is to its user: a model, and the way between its volts and the network's units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ebana.conversion.building import INPUT, OUTPUT, build
from ebana.conversion.chain import HEADS, Chain
from ebana.conversion.plan import Choices, Plan, error_bound, plan, reach
from ebana.conversion.reading import read
from ebana.conversion.report import Report, report
from ebana.model import Model
from ebana.numbers import real


@dataclass(frozen=True, eq=False)
class Conversion:
    """A network's circuit, as :func:`convert` makes it.

    Args:
        model: the circuit, an ordinary :class:`~ebana.Model` with the input ``"x"`` and the output ``"y"``: train it,
            put it on chips, write its deck.
        chain: the network as it was read.
        plan: all numbers of the circuit, with the equations in :mod:`ebana.conversion.plan`.
        report: sizes, gains and the bound of the error, to be printed.
    """

    model: Model
    chain: Chain
    plan: Plan
    report: Report = field(repr=False)

    @property
    def input_scale(self) -> float:
        """Volts of a one at the inputs."""
        return self.plan.choices.scale

    @property
    def output_scale(self) -> float:
        """What volts at the outputs are multiplied by to be the network's outputs; nothing is added."""
        return 1.0 / self.plan.choices.output_volts

    def volts(self, x: Any) -> np.ndarray:
        """Input voltages of samples as the network takes them.

        Args:
            x: samples, of any shape ``(B, ...)`` with as many values each as the network has inputs.

        Returns:
            Volts, ``(B, inputs)``, in double precision: what the model's ``fit`` and ``netlist`` take.

        Raises:
            ValueError: for samples of another size.
        """
        return self._rows(x) * self.input_scale

    def outputs(self, x: Any, model: Any = None) -> np.ndarray:
        """The network's outputs before its head (logits), by the circuit, ``(B, outputs)``.

        Args:
            x: samples as the network takes them.
            model: another model of the same layers in the circuit's place: a chip, or one that was trained further.
        """
        circuit = self.model if model is None else model
        return np.asarray(circuit.predict({INPUT: self.volts(x)})) * self.output_scale

    def predict(self, x: Any, model: Any = None) -> np.ndarray:
        """The network's outputs, by the circuit and, computed beside it, its head, ``(B, outputs)``.

        Args:
            x, model: as for :meth:`outputs`.
        """
        return HEADS[self.chain.head](self.outputs(x, model))

    def labels(self, x: Any, model: Any = None) -> np.ndarray:
        """The class of each sample, ``(B,)``: of the largest output, or by the sign of a single logistic one.

        Several logistic outputs are a label each, ``(B, outputs)`` of 0 and 1.

        Args:
            x, model: as for :meth:`outputs`.
        """
        y = self.outputs(x, model)
        if self.chain.head == "logistic" and y.shape[1] > 1 and self.chain.classes is None:
            return (y > 0).astype(int)
        found = (y[:, 0] > 0).astype(int) if y.shape[1] == 1 else y.argmax(1)
        return found if self.chain.classes is None else np.asarray(self.chain.classes)[found]

    def error_bound(self, x: Any) -> np.ndarray:
        """Bound on the error of each output of :meth:`outputs`, ``(B, outputs)``, in the network's units.

        Of the circuit as it was made: neither of chips nor of what training makes of it. The tolerance of the engine
        and the roundings of double precision come on top.
        """
        return error_bound(self.plan, [np.abs(h) for h in self.chain.activations(self._rows(x))])

    def _rows(self, x: Any) -> np.ndarray:
        given = np.asarray(x, dtype=float)
        inputs = self.chain.sizes[0]
        if given.ndim < 2 or int(np.prod(given.shape[1:])) != inputs:
            raise ValueError(
                f"conversion of {inputs} inputs got data of shape {given.shape}. Expected (samples, {inputs}), or "
                "samples of as many values in another shape; one sample as x[None]."
            )
        return given.reshape(len(given), inputs)


def convert(
    network: object,
    *,
    scale: float = 1.0,
    output_volts: float = 1.0,
    g_min: float = 1e-7,
    g_max: float = 1e-4,
    feedback: float = 1e-6,
    examples: Any = None,
    swing: float = 1.0,
    engine: object = "auto",
    name: str = "converted",
) -> Conversion:
    """Make a circuit of a trained ReLU network, whose predictions are the network's.

    Inputs and their negatives drive crossbars of paired conductances; each hidden unit is two nodes of opposite sign
    behind ideal diodes; amplifiers restore what the crossbars divide. :mod:`ebana.conversion.plan` has the equations
    and the bound of the error, which is proportional to ``feedback``.

    Args:
        network: ``torch.nn.Sequential`` (or ``Linear``), a Keras ``Sequential`` or functional chain, scikit-learn's
            ``MLPClassifier`` or ``MLPRegressor``: dense layers and ReLU, with Flatten, Dropout, Identity, batch
            normalisation over features, and Softmax, LogSoftmax or Sigmoid at the end, which is computed beside the
            circuit and keeps the labels.
        scale: volts of a one at the inputs.
        output_volts: volts of a one at the outputs. At 1 V, losses on the model's volts are those of the network.
        g_min, g_max: least and largest conductance of a cell, siemens: all of them lie within, zeros too.
        feedback: how strongly what a hidden unit drives loads it, as a share of the conductance that it drives.
            It is what equilibrium propagation learns by, and all that the circuit errs by: 1e-6 learns in double
            precision and keeps nine digits or so; hardware that reads with noise needs more, up to 1 (an amplifier
            that takes at its input the power that it gives).
        examples: samples as the network takes them. Hidden layers are scaled so that their largest activation is
            ``swing`` volts, and the report's bound is over these.
        swing: volts, where examples are given.
        engine, name: of the model.

    Returns:
        A :class:`Conversion`.

    Raises:
        TypeError: for what is no network of these libraries.
        ValueError: for layers that cannot be converted, named, with what to do; and for bounds out of order.

    Example:
        >>> from ebana.conversion import Chain, Stage
        >>> hidden = Stage("fc1", np.array([[1.0, -2.0], [0.5, 1.0]]), np.array([0.1, 0.0]), rectified=True)
        >>> out = Stage("fc2", np.array([[1.0], [-1.0]]), np.array([0.25]), rectified=False)
        >>> conversion = convert(Chain((hidden, out)))
        >>> [round(y, 5) for y in conversion.predict([[1.0, 1.0], [-1.0, 0.5]]).ravel().tolist()]
        [1.85, -2.25]
        >>> conversion.report.conductances, conversion.report.largest_error < 1e-5
        (42, True)
    """
    choices = _chosen(scale, output_volts, g_min, g_max, feedback, swing)
    chain = read(network)
    rows = None if examples is None else _examples(chain, examples)
    made = plan(chain, choices, rows)
    model = build(made, engine=engine, name=name)
    return Conversion(model, chain, made, _reported(made, rows, name))


def _reported(made: Plan, rows: np.ndarray | None, name: str) -> Report:
    if rows is None:
        over, magnitudes = "all inputs from -1 to 1", reach(made.chain)
    else:
        over, magnitudes = f"{len(rows)} examples", [np.abs(h) for h in made.chain.activations(rows)]
    largest = float(error_bound(made, magnitudes).max())
    return report(made, name, largest, over, float(magnitudes[-1].max()))


def _examples(chain: Chain, examples: Any) -> np.ndarray:
    given = np.asarray(examples, dtype=float)
    if given.ndim < 2 or len(given) == 0 or int(np.prod(given.shape[1:])) != chain.sizes[0]:
        raise ValueError(
            f"convert(examples=) of shape {given.shape}. Expected samples of {chain.sizes[0]} values, at least one."
        )
    return given.reshape(len(given), -1)


def _chosen(
    scale: float, output_volts: float, g_min: float, g_max: float, feedback: float, swing: float
) -> Choices:
    """The numbers, checked."""
    given = {
        "scale": scale, "output_volts": output_volts, "g_min": g_min, "g_max": g_max, "swing": swing
    }  # fmt: skip
    numbers = {k: real("convert", k, v, "a number above zero", above=0.0) for k, v in given.items()}
    if not numbers["g_min"] < numbers["g_max"]:
        raise ValueError(
            f"convert(g_min={g_min!r}, g_max={g_max!r}). Expected g_min below g_max, in siemens."
        )
    rho = real("convert", "feedback", feedback, "a number above zero, up to 1", above=0.0, most=1.0)
    return Choices(**numbers, feedback=rho)


__all__ = ["OUTPUT", "Conversion", "convert"]
