"""Tensors of PyTorch as arrays of JAX's programs and back, and which of them can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def array_of(t: Tensor) -> np.ndarray:
    """A tensor's numbers, in its own memory where that can be told."""
    return t.numpy(force=True)


def tensor_of(array: Any) -> Tensor:
    """A tensor that owns its memory."""
    return torch.from_numpy(np.array(array))


def computed(t: Tensor) -> Tensor:
    """A tensor in single precision where its own has no arrays to go with, as under ``torch.autocast``."""
    return t if t.dtype in (torch.float32, torch.float64) else t.float()


def numpy_dtype(dtype: torch.dtype) -> Any:
    return np.float64 if dtype == torch.float64 else np.float32


def check_precision(what: str, dtype: torch.dtype) -> None:
    if dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"{what} is {dtype}. Expected torch.float32 or torch.float64: conductances of microsiemens have no other. "
            "Inputs may be of any floating-point type."
        )


def check_tensor(name: str, t: Tensor) -> None:
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
