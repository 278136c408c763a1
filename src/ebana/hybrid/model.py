"""Models of digital parts and energy-based blocks in a row."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ebana import inference
from ebana._types import Array, Data, FilePath, Values
from ebana.compilation import compiled
from ebana.hardware.verbs import HardwareVerbs
from ebana.hybrid.blocks import Block, BlockPart, CircuitBlock, EquilibriumBlock
from ebana.hybrid.parts import Built, Context, Part, naming, own_values
from ebana.hybrid.sweeps import warn_of_sweeps
from ebana.hybrid.system import INPUT, HybridState, HybridSystem
from ebana.inference import cast
from ebana.learning.system import Precision, as_argument, from_argument, scope
from ebana.names import check_name
from ebana.network import Network
from ebana.numbers import whole
from ebana.parameters import Parameter
from ebana.shown import Printed, brief
from ebana.training.history import History

FEW = 16
"""Samples at which sweeps are looked at."""


COARSE = (
    " (in float32, where estimates of the error are coarse: give its engine a larger tolerance, dtype='float64', or "
    "take a SweepEngine)"
)


class HybridModel(HardwareVerbs, Network):
    """Digital parts and energy-based blocks in a row, trained end to end.

    Gradients pass digital parts by backpropagation, and blocks by the estimator that ``fit`` is given: equilibrium
    propagation, or any other. Its input is named ``"x"``, its output ``"y"``; images come in rows.

    Args:
        parts: :class:`~ebana.hybrid.Dense`, :class:`~ebana.hybrid.Conv2D`, :class:`~ebana.hybrid.BatchNorm` ...,
            :class:`~ebana.hybrid.Hopfield`, :class:`CircuitBlock`, :class:`EquilibriumBlock`, modules of Flax or
            Equinox by :func:`~ebana.hybrid.from_flax` and :func:`~ebana.hybrid.from_equinox`, pure functions.
        input_shape: shape of a sample: a number of columns, or ``(height, width, channels)``.
        seed: of the values to start from.
        dtype: precision of the digital parts and of Hopfield blocks; circuits compute in their engine's.
        name: for summaries and messages.

    Example:
        >>> from ebana.hybrid import BatchNorm, Dense, Hopfield, HopfieldDense, HopfieldStates
        >>> model = HybridModel(
        ...     [Dense(8), BatchNorm(), Hopfield([HopfieldStates(), HopfieldDense(6)]), Dense(3)], input_shape=4
        ... )
        >>> model.predict(np.zeros((2, 4))).shape
        (2, 3)
    """

    def __init__(
        self,
        parts: Sequence[Any],
        input_shape: int | Sequence[int],
        *,
        seed: int = 0,
        dtype: Precision = "float32",
        name: str = "hybrid",
    ) -> None:
        if dtype not in ("float32", "float64"):
            raise ValueError(f"HybridModel(dtype={dtype!r}). Expected 'float32' or 'float64'.")
        sizes = input_shape if isinstance(input_shape, Sequence | np.ndarray) else (input_shape,)
        shape = tuple(whole("HybridModel", "input_shape", n) for n in sizes)
        if not shape:
            raise ValueError(f"HybridModel(input_shape={input_shape!r}). Expected numbers above zero.")
        seed = whole("HybridModel", "seed", seed, least=0)
        if not parts:
            raise ValueError("HybridModel(parts=[]). Expected at least one part.")
        self.parts = {key: _own(part) for key, part in _named(parts).items()}
        rng = np.random.default_rng(seed)
        built: dict[str, Built] = {}
        parameters: dict[str, Parameter] = {}
        shapes = shape
        for key, part in self.parts.items():
            options: dict[str, Any] = {}
            if isinstance(part, BlockPart):
                learned = any(p.trainable for p in parameters.values())
                options = {"first": not learned, "dtype": dtype}
            with naming(key):
                built[key] = part.build(shapes, rng, key, **options)
            shapes = built[key].shape
            own = part.started(built[key]) if isinstance(part, BlockPart) else built[key].parameters
            for p in own.values():
                full = f"{key}/{p.name}"
                parameters[full] = replace(p, name=full)
        self._system = HybridSystem(shape, built, parameters, dtype)
        super().__init__(name, seed)

    @property
    def system(self) -> HybridSystem:
        """The parts, as learning sees them."""
        return self._system

    @property
    def blocks(self) -> dict[str, Block]:
        """The parts that settle, by name."""
        return dict(self._system.blocks)

    def __repr__(self) -> str:
        return f"HybridModel({self.name!r}: {brief(self.parts)}; {self._trained()} trainable values)"

    def _trained(self) -> int:
        return sum(p.initial.size for p in self._system.parameters.values() if p.trainable)

    def fit(self, x: Data = None, y: Data = None, **options: Any) -> History:
        """Train; arguments as for :meth:`ebana.Model.fit`, with these differences.

        With a block on an engine outside JAX a step runs operation by operation, on one device.

        ``beta`` is a factor on the nudge of every block, 1 by default. ``estimator`` is that of every block. The
        history counts states that were not found by block, as ``<block>_unconverged``. Where sweeps of a deep Hopfield
        network are too few, at the start or in the end, a :class:`~ebana.LearningWarning` tells how many would do.
        """
        return super().fit(x, y, **options)

    def look_at_states(self, x: Data, when: str) -> None:
        """Warn of blocks that are given too few sweeps for the first samples."""
        few = {name: array[:FEW] for name, array in self._inputs(x).items()}
        warn_of_sweeps(self, few, when)

    def unconverged_by_part(self, solution: Any) -> dict[str, int]:
        """Samples that did not settle, by block; each counts in the first block that loses it."""
        return {name: int((~np.asarray(mask)).sum()) for name, mask in solution.by_block.items()}

    def _raise_unless_found(self, solution: HybridState, found: np.ndarray, what: str) -> None:
        """Raise NotConverged naming the blocks that did not settle."""
        lost = {name: count for name, count in self.unconverged_by_part(solution).items() if count}
        parts = [f"{count} in block {name!r}{COARSE * self._is_single(name)}" for name, count in lost.items()]
        what += f", {' and '.join(parts)}" if parts else ""
        inference.raise_unless_found(found, what)

    def _is_single(self, block: str) -> bool:
        traits = self._system.blocks[block].block.system.traits
        return traits.unit == "S" and traits.dtype == "float32"

    def given(self, x: Data) -> dict[str, np.ndarray]:
        """What comes in to each part for a batch, by name: what its author would measure there."""
        system = self._system
        with scope(system.traits):
            data = cast(system, self._inputs(x))
            run = _given if system.traits.traceable else _forward
            found = run(as_argument(system), cast(system, self._values), data[INPUT])
            return {name: np.asarray(value) for name, value in found.items()}

    def power(self, x: Data) -> dict[str, Any]:
        """Static power of each circuit for a batch, a :class:`~ebana.analysis.power.PowerReport` by block."""
        given = self.given(x)
        reports = {}
        for name, part in self.parts.items():
            if isinstance(part, CircuitBlock):
                model = self.circuit(name)
                with scope(self._system.traits):
                    inputs = self._system.blocks[name].split(given[name])
                reports[name] = model.power({n: np.asarray(v, np.float64) for n, v in inputs.items()})
        return reports

    def circuit(self, name: str) -> Any:
        """A copy of a circuit block's model with the present values: to be drawn, exported or measured.

        Args:
            name: of the block.

        Raises:
            KeyError: for a name that is no circuit block's.
        """
        part = self.parts.get(name)
        if not isinstance(part, CircuitBlock):
            known = [n for n, p in self.parts.items() if isinstance(p, CircuitBlock)]
            raise KeyError(
                f"model {self.name!r} has no circuit block {name!r}. It has: {', '.join(known) or 'none'}."
            )
        model = copy.copy(part.model)
        model.set_values(own_values(self._values, name))
        return model

    def __deepcopy__(self, memo: dict[int, Any]) -> HybridModel:
        other = memo[id(self)] = copy.copy(self)
        for name, value in vars(self).items():
            if name not in ("parts", "_system"):  # parts and what is built of them are never changed
                vars(other)[name] = copy.deepcopy(value, memo)
        return other

    def __reduce__(self) -> Any:
        for name, part in self.parts.items():
            try:
                pickle.dumps(part)
            except Exception as error:
                raise TypeError(
                    f"part {name!r} of model {self.name!r} cannot be pickled ({type(error).__name__}: {error}). "
                    "Expected functions and classes defined at the top of a module; or use save_values(path), make the "
                    "model again, and load_values(path)."
                ) from error
        system = self._system
        options = {"seed": self.seed, "dtype": system.dtype, "name": self.name}
        return _unpickled, (list(self.parts.values()), system.input_shape, options, self.values, self.history)

    def save(self, path: FilePath) -> Path:
        """Write parts and values to one file (zip of JSON and safetensors); :func:`~ebana.hybrid.load_model` reads it.

        Circuits are stored with their layers; on which engine they run is for whoever loads them to say.

        Raises:
            TypeError: for functions, modules and parts of one's own, which a file cannot bring back.
        """
        from ebana.hybrid.files import save_model

        return save_model(self, path)

    def _stored(self) -> tuple[dict[str, Callable[[Path], object]], tuple[str, ...]]:
        """See :meth:`ebana.network.Network._stored`."""
        from ebana.hybrid.files import packed

        try:
            packed(self)
        except TypeError as error:
            writers, _ = super()._stored()
            return writers, (f"There is no model.ebana: {error} The values alone are in the file values.",)
        return {"model.ebana": self.save, "history": self.save_history}, ()

    def summary(self, print_fn: Any = None) -> str:
        """Parts with shapes, kinds and trainable values, as text; printed too."""
        from ebana.hybrid.drawing import summary_text

        text = Printed(summary_text(self))
        (print_fn or print)(text)
        return text

    def plot(self, path: FilePath | None = None) -> Any:
        """A drawing of the parts in a row, as a matplotlib figure; saved where a path is given."""
        from ebana.hybrid.drawing import draw
        from ebana.reports import save

        figure = draw(self)
        if path is not None:
            save(figure, path)
        return figure


def _unpickled(
    parts: Sequence[Part],
    shape: tuple[int, ...],
    options: Mapping[str, Any],
    values: Values,
    history: History,
) -> HybridModel:
    """The model that a pickle holds: built again, with its values."""
    model = HybridModel(parts, shape, **options)
    model.set_values(values)
    model.history = history
    return model


def _own(part: Part) -> Part:
    """A part that nothing outside changes any more: of a circuit or another network, a copy."""
    if isinstance(part, CircuitBlock) and isinstance(part.model, Network):
        return replace(part, model=copy.copy(part.model))
    if isinstance(part, EquilibriumBlock) and isinstance(part.system, Network):
        return replace(part, system=copy.copy(part.system))
    return part


def _named(parts: Sequence[Any]) -> dict[str, Part]:
    """The parts by name; those without one are numbered by kind."""
    found: dict[str, Part] = {}
    counts: dict[str, int] = {}
    for k, part in enumerate(parts):
        if not isinstance(part, Part):
            raise TypeError(
                f"HybridModel(parts[{k}]={part!r}). Expected a part, such as hybrid.Dense(8); wrap a function as "
                "hybrid.Function(f), a module as hybrid.from_flax(module) or hybrid.from_equinox(module)."
            )
        counts[part.kind] = counts.get(part.kind, 0) + 1
        name = part.name or f"{part.kind}_{counts[part.kind]}"
        check_name("HybridModel", name)
        if name in found:
            raise ValueError(
                f"HybridModel(parts): two parts are named {name!r}. Give each a name of its own."
            )
        found[name] = part
    return found


def _forward(argument: Any, values: Mapping[str, Any], x: Any) -> dict[str, Array]:
    system: HybridSystem = from_argument(argument)
    return system.run(values, x, Context(), keep=True).given


_given = compiled(_forward)
