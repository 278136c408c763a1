"""Circuits and Hopfield networks as layers of PyTorch.

    layer = EquilibriumModule(model)          # any ebana.Model, or a system such as ebana.hybrid.hopfield(...)
    y = layer(x)                              # (B, columns) -> (B, units), differentiable

Numbers go to compiled programs of JAX and back through the memory of the CPU. Tensors are read where they lie, and only
while a program runs: JAX takes arrays for constant and PyTorch writes in place, so no array outlives its call, and
every result is a copy that PyTorch owns. What a backward pass needs of tensors is saved by PyTorch, whose version
counters refuse what was changed in between.
"""

try:
    import torch as _torch  # noqa: F401
except ModuleNotFoundError as error:
    raise ImportError('ebana.torch needs PyTorch. Install it with: pip install "ebana[torch]"') from error

from ebana.torch.module import EquilibriumModule

__all__ = ["EquilibriumModule"]
