"""Parameters of a system as parameters of a module of PyTorch, each level of a name a submodule."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ebana.hybrid.adapters import dotted, reserved, undotted
from ebana.parameters import Parameter


def register(module: nn.Module, name: str, parameter: Parameter, value: Any, dtype: torch.dtype) -> str:
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
