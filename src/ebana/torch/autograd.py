"""An equilibrium block as an operation that PyTorch differentiates: two compiled programs of JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import torch
from torch import Tensor

from ebana.compilation import compiled
from ebana.hybrid.directions import Derivatives, Settled
from ebana.hybrid.function import Equilibrium
from ebana.learning.system import scope, trainable
from ebana.torch.tensors import array_of, tensor_of


class Settling(torch.autograd.Function):
    """A block as an operation of PyTorch: mask of the samples that settled, and outputs, of inputs and values.

    ``owner.lost`` counts the nudged states that were not found.
    """

    @staticmethod
    def forward(ctx: Any, owner: Any, block: Equilibrium, count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        inputs, values = _by_name(block, count, tensors)
        with scope(block.system.traits):
            settled, kept = jax.block_until_ready(programs(block).forward(block, values, inputs))
        ctx.owner, ctx.block, ctx.count, ctx.kept = owner, block, count, kept
        ctx.save_for_backward(*tensors)
        found = tensor_of(settled.found)
        ctx.mark_non_differentiable(found)
        return found, *(tensor_of(settled.outputs[name]) for name in block.system.output_units)

    @staticmethod
    def backward(ctx: Any, _: Any, *cotangents: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        block, tensors = ctx.block, ctx.saved_tensors
        inputs, values = _by_name(block, ctx.count, tensors)
        wanted = ctx.needs_input_grad[3:]
        block = replace(block, by_inputs=any(wanted[: ctx.count]))
        outputs = block.system.output_units
        with scope(block.system.traits):
            g = {name: array_of(one) for name, one in zip(outputs, cotangents, strict=True)}
            found = jax.block_until_ready(programs(block).backward(block, values, inputs, ctx.kept, g))
        ctx.owner.lost += int(found.lost)
        named = [*(found.inputs.get(name) for name in inputs), *(found.values.get(name) for name in values)]
        gradients = [tensor_of(one) if want else None for one, want in zip(named, wanted, strict=True)]
        if torch.is_grad_enabled():  # by create_graph=True
            gradients = _differentiated_once(gradients, (*tensors, *cotangents))
        return None, None, None, *gradients


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


def programs(block: Equilibrium) -> _Programs:
    if not block.system.traits.traceable:
        return _ON_HOST
    return _OPTIMISED if block.system.traits.optimise_compilation else _QUICK


def _by_name(
    block: Equilibrium, count: int, tensors: tuple[Tensor, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and values as arrays that share the tensors' memory."""
    system = block.system
    inputs = {n: array_of(t) for n, t in zip(system.input_columns, tensors[:count], strict=True)}
    return inputs, {n: array_of(t) for n, t in zip(system.parameters, tensors[count:], strict=True)}
