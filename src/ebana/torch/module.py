"""The layer: columns in and out, settings, parameters and their bounds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ebana.hybrid.adapters import bounds_in, listed_columns, plain_nudge
from ebana.hybrid.function import Equilibrium, equilibrium
from ebana.learning import optimizers
from ebana.learning.system import LearningWarning
from ebana.learning.systems.deep_states import Relaxation
from ebana.parameters import Parameter
from ebana.torch.autograd import Settling
from ebana.torch.registration import register
from ebana.torch.tensors import check_precision, check_tensor, computed, numpy_dtype

Given = Tensor | Mapping[str, Tensor]


class EquilibriumModule(nn.Module):
    """A system that settles, as a layer: forward it settles, backward it is nudged.

    A parameter ``"d1/conductance"`` of the system is ``module.d1.conductance``, and ``"d1.conductance"`` in a
    ``state_dict``: each ``/`` opens a submodule. A dot or percent sign within a level is written ``%2E`` or ``%25``;
    a level that ``nn.Module`` has a use for has its first letter in that manner, ``%66orward`` for ``forward``.
    :meth:`names` has both spellings. Trained parameters are ``nn.Parameter`` s, fixed ones buffers.

    Each size of a batch, and each precision, compiles programs at its first use; ``DataLoader(drop_last=True)`` keeps
    to one. Other nudges and sweeps compile nothing.

    Args:
        system: an :class:`~ebana.Model` on any engine, whose present values are copied, or any
            :class:`~ebana.learning.system.EnergySystem`.
        estimator: how derivatives are estimated: an estimator of learning or its name; ``"adjoint"`` for exact ones.
        relaxation: sweeps and tolerance of a deep Hopfield network.
        nudge: root mean square of a nudge over the outputs of a sample, in the system's own unit (amperes for a
            circuit); the system's default where left out.
        input_scale: what numbers are multiplied by on the way in: volts of a one, for a circuit.
        output_scale: what numbers are multiplied by on the way out.
        dtype: precision of the parameters, ``torch.float32`` or ``torch.float64``; PyTorch's default where left out.
            What a system computes in is its own affair: circuits take double precision.

    Input shape:
        ``(B, columns)``, the columns of several inputs one after the other; or a dict of such by input.

    Output shape:
        ``(B, units)`` alike, or a dict by output where a dict was given; in the precision of the inputs.

    Attributes:
        found: mask of the samples of the last call that settled, ``(B,)``. The others do not enter derivatives, and a
            :class:`~ebana.LearningWarning` tells of them.
        lost: number of nudged states that were not found, in all backward passes since the last call.

    Example:
        >>> from ebana.hybrid import HopfieldDense, HopfieldStates, hopfield
        >>> layer = EquilibriumModule(hopfield([HopfieldStates(), HopfieldDense(3)], input_shape=(4,)), "adjoint")
        >>> layer(torch.full((2, 4), 0.5)).shape
        torch.Size([2, 3])
        >>> [name for name, _ in layer.named_parameters()]
        ['dense_1.weight', 'dense_1.bias']
    """

    found: Tensor | None
    lost: int

    def __init__(
        self,
        system: Any,
        estimator: object = "centered",
        *,
        relaxation: Relaxation | None = None,
        nudge: float | None = None,
        input_scale: float = 1.0,
        output_scale: float = 1.0,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        by_inputs = hasattr(getattr(system, "system", system), "input_contrast")
        block = equilibrium(system, estimator, relaxation, nudge=nudge, by_inputs=by_inputs)
        values = block.initial_values()
        self._shared = SharedBlock(block)
        self.input_scale, self.output_scale = input_scale, output_scale
        self.found, self.lost = None, 0
        self._names: dict[str, str] = {}
        dtype = torch.get_default_dtype() if dtype is None else dtype
        check_precision("EquilibriumModule(dtype=...)", dtype)
        for name, parameter in self.parameters_of_system().items():
            self._names[register(self, name, parameter, values[name], dtype)] = name
        self.project_()

    # -- settling ---------------------------------------------------------------------------------------

    @torch.compiler.disable  # JAX compiles it
    def forward(self, x: Given) -> Any:  # type: ignore[override]
        """Outputs of the settled states; see the class for shapes."""
        given = self._columns(x)
        tensors = self._tensors()
        for name, t in (*given.items(), *tensors.items()):
            check_tensor(name, t)
        if not len(next(iter(given.values()))):
            raise ValueError("EquilibriumModule got a batch without samples. Expected at least one.")
        for name, t in tensors.items():
            check_precision(f"EquilibriumModule: parameter {name!r}", t.dtype)
        if not self._block.by_inputs and any(t.requires_grad for t in given.values()):
            raise TypeError(
                f"{type(self._block.system).__name__} cannot tell derivatives by its inputs, so that nothing before it "
                "can learn. Put it first in the network, or detach what comes in: module(x.detach())."
            )
        scaled = [
            computed(t) if self.input_scale == 1 else computed(t) * self.input_scale for t in given.values()
        ]
        found, *outputs = Settling.apply(self, self._block, len(scaled), *scaled, *tensors.values())  # type: ignore[misc]
        self._report(found)
        dtype = next(iter(given.values())).dtype
        scaled = [(y if self.output_scale == 1 else y * self.output_scale).to(dtype) for y in outputs]
        if isinstance(x, Mapping):
            return dict(zip(self._block.system.output_units, scaled, strict=True))
        return scaled[0] if len(scaled) == 1 else torch.cat(scaled, 1)

    def _columns(self, x: Given) -> dict[str, Tensor]:
        """What comes in, by input."""
        columns = dict(self._block.system.input_columns)
        if not isinstance(x, Mapping):
            count = sum(columns.values())
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"EquilibriumModule got a {type(x).__name__}. Expected a tensor, or a dict of tensors."
                )
            if x.ndim != 2 or x.shape[1] != count:
                raise ValueError(
                    f"EquilibriumModule got a tensor of shape {tuple(x.shape)}. Expected (samples, {count}): the "
                    f"columns of {listed_columns(columns)}. Images go in rows, channels last: "
                    "x.permute(0, 2, 3, 1).flatten(1)."
                )
            return dict(zip(columns, x.split(list(columns.values()), 1), strict=True))
        if set(x) != set(columns):
            raise KeyError(f"EquilibriumModule got inputs {sorted(x)}. Expected {listed_columns(columns)}.")
        for name, count in columns.items():
            shape = tuple(x[name].shape)
            if len(shape) != 2 or shape[1] != count or shape[0] != len(next(iter(x.values()))):
                raise ValueError(
                    f"EquilibriumModule got input {name!r} of shape {shape}. Expected (samples, {count}), the same "
                    "samples in each input."
                )
        return {name: x[name] for name in columns}

    def _report(self, found: Tensor) -> None:
        self.found, self.lost = found, 0
        count = int(found.numel() - found.sum())
        if count:
            warnings.warn(
                f"{count} of {found.numel()} samples did not settle: their outputs are not those of a state of least "
                "energy, and they do not enter derivatives. module.found is the mask of the others.",
                LearningWarning,
                stacklevel=6,  # the caller of module(x)
            )

    # -- settings ---------------------------------------------------------------------------------------

    @property
    def _block(self) -> Equilibrium:
        return self._shared.block

    @property
    def nudge(self) -> float:
        """Root mean square of the nudge over the outputs of a sample; another one compiles nothing."""
        return self._block.nudge

    @nudge.setter
    def nudge(self, nudge: float) -> None:
        self._shared = SharedBlock(self._block.with_(nudge=plain_nudge("EquilibriumModule", nudge)))

    @property
    def relaxation(self) -> Relaxation | None:
        """Sweeps and tolerance of a deep Hopfield network; others compile nothing. None for a circuit."""
        return getattr(self._block.system, "relaxation", None)

    @relaxation.setter
    def relaxation(self, relaxation: Relaxation) -> None:
        self._shared = SharedBlock(self._block.with_(relaxation=relaxation))

    # -- parameters -------------------------------------------------------------------------------------

    def parameters_of_system(self) -> Mapping[str, Parameter]:
        """Kinds, bounds and units of the parameters, by the system's names."""
        return self._block.system.parameters

    def names(self) -> dict[str, str]:
        """The system's name of each parameter and buffer, by PyTorch's."""
        return dict(self._names)

    def values(self) -> dict[str, np.ndarray]:
        """Copies of all values by the system's names, in SI units: what :meth:`ebana.Model.set_values` takes."""
        return {name: np.array(t.numpy(force=True), np.float64) for name, t in self._tensors().items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Replace some or all values, by the system's names."""
        tensors = self._tensors()
        for name, value in values.items():
            if name not in tensors:
                raise KeyError(f"EquilibriumModule has no parameter {name!r}. It has: {', '.join(tensors)}.")
            if np.shape(value) != tuple(tensors[name].shape):
                raise ValueError(
                    f"parameter {name!r} has shape {tuple(tensors[name].shape)}. Received {np.shape(value)}."
                )
        with torch.no_grad():
            for name, value in values.items():
                tensors[name].copy_(torch.as_tensor(np.asarray(value, np.float64)))

    def _tensors(self) -> dict[str, Tensor]:
        """Parameters and buffers by the system's names."""
        found: dict[str, Tensor] = {}
        for path, name in self._names.items():
            owner, _, last = path.rpartition(".")
            found[name] = getattr(self.get_submodule(owner), last)
        return found

    @torch.no_grad()
    def project_(self) -> EquilibriumModule:
        """Bring trained parameters back into their bounds, in place: call it after ``optimizer.step()``."""
        parameters = self.parameters_of_system()
        for name, t in self._tensors().items():
            if parameters[name].trainable:
                low, high = bounds_in(parameters[name], numpy_dtype(t.dtype))
                if np.isfinite(low) or np.isfinite(high):
                    t.clamp_(low, high)
        return self

    def keep_bounds(self, optimizer: torch.optim.Optimizer) -> Any:
        """Have :meth:`project_` called after every step of an optimizer.

        Returns:
            A handle whose ``remove()`` ends it.

        Raises:
            ValueError: for an optimizer that has none of the module's parameters.
        """
        own = {id(p) for p in self.parameters()}
        if not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
            raise ValueError(
                "keep_bounds(optimizer): the optimizer has none of this module's parameters. Expected the one that "
                "trains them."
            )
        return optimizer.register_step_post_hook(lambda *_: self.project_() and None)

    def parameter_groups(self, lr: float, *, optimizer: object = "adam") -> list[dict[str, Any]]:
        """Groups for an optimizer of PyTorch, one a parameter, each with a learning rate that suits it.

        Conductances are a millionth of what weights are, and so must be their steps. They get the default of our own
        optimizers: 0.02 of the mean that the layer starts with for Adam, its square for plain gradient descent. A layer
        that was given a learning rate keeps it. Conductances do not decay, whatever the optimizer's ``weight_decay``.

        Args:
            lr: learning rate of what is no conductance.
            optimizer: whose defaults conductances get, ``"adam"`` or ``"sgd"``, or an
                :class:`~ebana.optimizers.Optimizer`.

        Example:
            >>> from ebana.hybrid import HopfieldDense, HopfieldStates, hopfield
            >>> layer = EquilibriumModule(hopfield([HopfieldStates(), HopfieldDense(3)], input_shape=(4,)))
            >>> [(group["name"], group["lr"]) for group in layer.parameter_groups(lr=1e-3)]
            [('dense_1.weight', 0.001), ('dense_1.bias', 0.001)]
        """
        parameters = self.parameters_of_system()
        rates = optimizers.get(optimizer).rates(parameters)
        groups = []
        for path, name in self._names.items():
            parameter = parameters[name]
            if not parameter.trainable:
                continue
            conductance = parameter.kind == "conductance"
            own = conductance or parameter.learning_rate is not None
            group = {"params": [self._tensors()[name]], "lr": float(rates[name]) if own else lr, "name": path}
            groups.append(group | ({"weight_decay": 0.0} if conductance else {}))
        return groups

    def extra_repr(self) -> str:
        """What is printed of it."""
        system = self._block.system
        ports = f"{listed_columns(system.input_columns)} -> {listed_columns(system.output_units)}"
        return f"{system.traits.name}, {ports}, estimator={self._block.estimator!r}, nudge={self.nudge:.3g}"


class SharedBlock:
    """A block that copies of a module share: nothing in it changes."""

    def __init__(self, block: Equilibrium) -> None:
        self.block = block

    def __deepcopy__(self, memo: object) -> SharedBlock:
        return self
