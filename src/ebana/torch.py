"""Circuits and Hopfield networks as layers of PyTorch.

    layer = EquilibriumModule(model)          # any ebana.Model, or a system such as ebana.hybrid.hopfield(...)
    y = layer(x)                              # (B, columns) -> (B, units), differentiable

Numbers go to compiled programs of JAX and back through the memory of the CPU. Tensors are read where they lie, and only
while a program runs: JAX takes arrays for constant and PyTorch writes in place, so no array outlives its call, and
every result is a copy that PyTorch owns. What a backward pass needs of tensors is saved by PyTorch, whose version
counters refuse what was changed in between.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from ebana.compilation import compiled
from ebana.hybrid.adapters import (
    bounds_in,
    dotted,
    listed_columns,
    plain,
    plain_nudge,
    reserved,
    start_values,
    undotted,
)
from ebana.hybrid.function import Derivatives, Equilibrium, Settled, equilibrium
from ebana.learning import optimizers
from ebana.learning.system import LearningWarning, scope, trainable
from ebana.learning.systems.deep_hopfield import Relaxation
from ebana.parameters import Parameter

try:
    import torch
    from torch import nn
except ModuleNotFoundError as error:
    raise ImportError('ebana.torch needs PyTorch. Install it with: pip install "ebana[torch]"') from error

Tensor = torch.Tensor
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
        values, system = start_values(system), getattr(system, "system", system)
        block = equilibrium(
            system, estimator, plain(relaxation), nudge=nudge, by_inputs=hasattr(system, "input_contrast")
        )
        self._shared = _Shared(block.with_(nudge=plain_nudge("EquilibriumModule", block.nudge)))
        self.input_scale, self.output_scale = input_scale, output_scale
        self.found, self.lost = None, 0
        self._names: dict[str, str] = {}
        dtype = torch.get_default_dtype() if dtype is None else dtype
        _check_precision("EquilibriumModule(dtype=...)", dtype)
        for name, parameter in self.parameters_of_system().items():
            self._names[_register(self, name, parameter, values[name], dtype)] = name
        self.project_()

    # -- settling ---------------------------------------------------------------------------------------

    @torch.compiler.disable  # JAX compiles it
    def forward(self, x: Given) -> Any:  # type: ignore[override]
        """Outputs of the settled states; see the class for shapes."""
        given = self._columns(x)
        tensors = self._tensors()
        for name, t in (*given.items(), *tensors.items()):
            _check_tensor(name, t)
        if not len(next(iter(given.values()))):
            raise ValueError("EquilibriumModule got a batch without samples. Expected at least one.")
        for name, t in tensors.items():
            _check_precision(f"EquilibriumModule: parameter {name!r}", t.dtype)
        if not self._block.by_inputs and any(t.requires_grad for t in given.values()):
            raise TypeError(
                f"{type(self._block.system).__name__} cannot tell derivatives by its inputs, so that nothing before it "
                "can learn. Put it first in the network, or detach what comes in: module(x.detach())."
            )
        scaled = [
            _computed(t) if self.input_scale == 1 else _computed(t) * self.input_scale for t in given.values()
        ]
        found, *outputs = _Settling.apply(self, len(scaled), *scaled, *tensors.values())  # type: ignore[misc]
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
        self._shared = _Shared(self._block.with_(nudge=plain_nudge("EquilibriumModule", nudge)))

    @property
    def relaxation(self) -> Relaxation | None:
        """Sweeps and tolerance of a deep Hopfield network; others compile nothing. None for a circuit."""
        return getattr(self._block.system, "relaxation", None)

    @relaxation.setter
    def relaxation(self, relaxation: Relaxation) -> None:
        self._shared = _Shared(self._block.with_(relaxation=plain(relaxation)))

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
                low, high = bounds_in(parameters[name], _numpy_dtype(t.dtype))
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


class _Shared:
    """A block that copies of a module share: nothing in it changes."""

    def __init__(self, block: Equilibrium) -> None:
        self.block = block

    def __deepcopy__(self, memo: object) -> _Shared:
        return self


def _register(module: nn.Module, name: str, parameter: Parameter, value: Any, dtype: torch.dtype) -> str:
    """Register a value under its name in PyTorch, which is returned."""
    *levels, last = dotted(name).split(".")
    owner, path = module, []
    for level in levels:
        key = level if isinstance(getattr(owner, level, None), _Level) else _free(owner, level)
        if key not in dict(owner.named_children()):
            owner.add_module(key, _Level())
        owner = owner.get_submodule(key)
        path.append(key)
    key = _free(owner, last)
    tensor = torch.tensor(np.asarray(value), dtype=dtype, device="cpu")
    if parameter.trainable:
        owner.register_parameter(key, nn.Parameter(tensor))
    else:
        owner.register_buffer(key, tensor)
    assert undotted(".".join((*path, key))) == name
    return ".".join((*path, key))


class _Level(nn.Module):
    """A level of names."""

    def forward(self, *_: Any) -> Any:
        """Refused."""
        raise TypeError("a layer of an EquilibriumModule holds its parameters alone. Call the module.")


def _free(owner: nn.Module, level: str) -> str:
    """A spelling of a level that the owner has no use for."""
    return reserved(level) if not level or hasattr(owner, level) else level


# -- to JAX and back ---------------------------------------------------------------------------------------


class _Settling(torch.autograd.Function):
    """A block as an operation of PyTorch: mask of the samples that settled, and outputs, of inputs and values."""

    @staticmethod
    def forward(ctx: Any, module: EquilibriumModule, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        block = module._block
        inputs, values = _by_name(block, count, tensors)
        with scope(block.system.traits):
            settled, kept = jax.block_until_ready(_programs(block).forward(block, values, inputs))
        ctx.module, ctx.block, ctx.count, ctx.kept = module, block, count, kept
        ctx.save_for_backward(*tensors)
        found = _tensor(settled.found)
        ctx.mark_non_differentiable(found)
        return found, *(_tensor(settled.outputs[name]) for name in block.system.output_units)

    @staticmethod
    def backward(ctx: Any, _: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        block, tensors = ctx.block, ctx.saved_tensors
        inputs, values = _by_name(block, ctx.count, tensors)
        wanted = ctx.needs_input_grad[2:]
        block = replace(block, by_inputs=any(wanted[: ctx.count]))
        outputs = block.system.output_units
        with scope(block.system.traits):
            g = {name: _array(one) for name, one in zip(outputs, cotangents, strict=True)}
            found = jax.block_until_ready(_programs(block).backward(block, values, inputs, ctx.kept, g))
        ctx.module.lost += int(found.lost)
        named = [*(found.inputs.get(name) for name in inputs), *(found.values.get(name) for name in values)]
        gradients = [_tensor(one) if want else None for one, want in zip(named, wanted, strict=True)]
        if torch.is_grad_enabled():  # by create_graph=True
            gradients = _differentiated_once(gradients, (*tensors, *cotangents))
        return None, None, *gradients


class _Once(torch.autograd.Function):
    """Derivatives that refuse to be differentiated."""

    @staticmethod
    def forward(ctx: Any, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(t.clone() for t in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Any:
        raise NotImplementedError(
            "second derivatives through an EquilibriumModule: equilibrium propagation gives first ones. Leave "
            "create_graph=True out, or detach the module's inputs and parameters in what is differentiated twice."
        )


def _differentiated_once(gradients: list[Tensor | None], depend: tuple[Tensor, ...]) -> list[Tensor | None]:
    """Gradients that depend on some tensors, in a manner that is not known."""
    there = [g for g in gradients if g is not None]
    done = iter(_Once.apply(len(there), *there, *depend))  # type: ignore[arg-type]
    return [None if g is None else next(done) for g in gradients]


class _Programs:
    """The two directions of a block: compiled, or as they are for engines outside JAX."""

    def __init__(self, compile: Callable[..., Any]) -> None:
        self.forward, self.backward = compile(_settle), compile(_derive)


def _settle(block: Equilibrium, values: Any, inputs: Any) -> tuple[Settled, Any]:
    return block.forward(values, inputs)


def _derive(block: Equilibrium, values: Any, inputs: Any, kept: Any, cotangents: Any) -> Derivatives:
    found = block.backward(values, inputs, kept, cotangents)
    trained = {name: found.values[name] for name in trainable(block.system)}
    return Derivatives(trained, found.inputs if block.by_inputs else {}, found.lost)


_QUICK, _OPTIMISED = _Programs(compiled), _Programs(partial(compiled, quick=False))
_ON_HOST = _Programs(lambda function: function)


def _programs(block: Equilibrium) -> _Programs:
    if not block.system.traits.traceable:
        return _ON_HOST
    return _OPTIMISED if block.system.traits.optimise_compilation else _QUICK


def _by_name(
    block: Equilibrium, count: int, tensors: tuple[Tensor, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and values as arrays that share the tensors' memory."""
    system = block.system
    inputs = {n: _array(t) for n, t in zip(system.input_columns, tensors[:count], strict=True)}
    return inputs, {n: _array(t) for n, t in zip(system.parameters, tensors[count:], strict=True)}


def _array(t: Tensor) -> np.ndarray:
    """A tensor's numbers, in its own memory where that can be told."""
    return t.numpy(force=True)


def _tensor(array: Any) -> Tensor:
    """A tensor that owns its memory."""
    return torch.from_numpy(np.array(array))


def _computed(t: Tensor) -> Tensor:
    """A tensor in single precision where its own has no arrays to go with, as under ``torch.autocast``."""
    return t if t.dtype in (torch.float32, torch.float64) else t.float()


def _numpy_dtype(dtype: torch.dtype) -> Any:
    return np.float64 if dtype == torch.float64 else np.float32


def _check_precision(what: str, dtype: torch.dtype) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"{what} is {dtype}. Expected torch.float32 or torch.float64: conductances of microsiemens have no other. "
            "Inputs may be of any floating-point type."
        )


def _check_tensor(name: str, t: Tensor) -> None:
    """Refuse what a program on the CPU cannot read."""
    if t.device.type != "cpu":
        raise ValueError(
            f"EquilibriumModule: {name!r} is on the device {str(t.device)!r}. Expected 'cpu', through whose "
            "memory numbers go to JAX. Keep the module there, and write module(x.cpu()).to(x.device) in a network that "
            "is elsewhere."
        )
    if t.layout != torch.strided or not t.is_floating_point():
        raise TypeError(
            f"EquilibriumModule: {name!r} is {t.dtype}, {t.layout}. Expected dense floating-point numbers."
        )
