"""Parts, layers of states and systems as JSON-compatible descriptions: the one form in which files hold them.

A declaration is its class and its arguments. A :class:`~ebana.Model` is its own file (:mod:`ebana.serialization`,
checked whole when it is read), a deep Hopfield network the layers that declare it. Loading runs no code of a file's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np

from ebana import serialization
from ebana.engines.base import Engine
from ebana.engines.native import NativeEngine, SweepEngine
from ebana.hybrid.blocks import CircuitBlock, Hopfield
from ebana.hybrid.digital import Activation, BatchNorm, Conv2D, Dense, Flatten, Pool2D, RandomShift
from ebana.hybrid.hopfield_layers import GOE, HopfieldConv2D, HopfieldDense, HopfieldStates, Uniform, hopfield
from ebana.learning.systems.couplings import Coupling
from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem
from ebana.learning.systems.deep_states import Layer, Relaxation
from ebana.model import Model
from ebana.storage.described import Described, corrupt

CLASS = "class"

PARTS = (Activation, BatchNorm, CircuitBlock, Conv2D, Dense, Flatten, Hopfield, Pool2D, RandomShift)
"""Parts that a file can bring back."""

ENGINES = (NativeEngine, SweepEngine)
"""Engines that a description can name."""

LAYERS = (HopfieldStates, HopfieldDense, HopfieldConv2D)

CLASSES: dict[str, type[Any]] = {
    cls.__name__: cls for cls in (*PARTS, *LAYERS, *ENGINES, GOE, Uniform, Relaxation)
}
"""What a description may name."""


def describe(value: Any) -> Any:
    """A declaration as JSON-compatible values: the inverse of :func:`restore`.

    The model of a circuit block is left out: files keep it beside its description.

    Example:
        >>> describe(Pool2D(2, mode="mean"))
        {'class': 'Pool2D', 'size': 2, 'mode': 'mean', 'name': None}
    """
    if isinstance(value, Model):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        own = {f.name: describe(getattr(value, f.name)) for f in fields(value)}
        return {CLASS: type(value).__name__, **own}
    if isinstance(value, tuple | list):
        return [describe(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def restore(described: Described, **given: Any) -> Any:
    """What a description declares; every class checks its own arguments.

    Args:
        described: the description, with its file and its place.
        given: arguments that take the place of what the description leaves out.

    Raises:
        CorruptFile: for a class that is not known, and for arguments that it does not take.
    """
    value = described.value
    if isinstance(value, list):
        return tuple(restore(one) for one in described.each())
    if not isinstance(value, dict):
        return value
    kind = described[CLASS].text()
    cls = CLASSES.get(kind)
    if cls is None:
        raise described[CLASS].fail(f"one of {', '.join(sorted(CLASSES))}")
    known = {f.name for f in fields(cls)}
    options = {key: restore(one) for key, one in described.items() if key != CLASS} | given
    if options.keys() - known:
        raise described.fail(f"a {kind} with the arguments {', '.join(sorted(known))}")
    try:
        return cls(**options)
    except (TypeError, ValueError) as error:
        raise corrupt(described.source, f"{described.place} makes no {kind} ({error})") from error


# -- systems -----------------------------------------------------------------------------------------------

SOURCE = "the configuration of a layer"


def describe_system(system: object) -> dict[str, Any]:
    """What a system is made of, the values of a Hopfield network aside: the inverse of :func:`restore_system`.

    Raises:
        TypeError: for a system that cannot be described, with what to do.
        ValueError: for a model that was made from a circuit.

    Example:
        >>> found = describe_system(hopfield([HopfieldDense(3)], (4,)))
        >>> found["layers"][0]["class"], found["layers"][0]["units"]
        ('HopfieldDense', 3)
    """
    if isinstance(system, Model):
        _require_built_in(system)
        content = base64.b64encode(serialization.packed(system)).decode("ascii")
        return {"model": content, "engine": _described_engine(system.engine)}
    if isinstance(system, DeepHopfieldSystem):
        return _described_hopfield(system)
    raise TypeError(
        f"{type(system).__name__} cannot be described in a file. Expected an ebana.Model made of layers, or a "
        "hybrid.hopfield(...); save the weights alone, and make the network again before they are loaded."
    )


def restore_system(config: Mapping[str, Any]) -> Any:
    """The model or the system of a description.

    Raises:
        CorruptFile: for a damaged description.
        ValueError: for one of nothing known.
    """
    described = Described(dict(config), SOURCE, "system")
    if "model" in config:
        stored = serialization.parsed(base64.b64decode(described["model"].text()), SOURCE)
        return Model.from_stored(stored, restore(described["engine"]))
    if "layers" in config:
        options = {key: restore(one) for key, one in described.items()}
        return hopfield(options.pop("layers"), options.pop("input_shape"), **options)
    raise ValueError(
        f"a description with {sorted(config)} is one of no system. Expected one with 'model' or 'layers'."
    )


def describe_relaxation(relaxation: Relaxation | None) -> dict[str, Any] | None:
    """A relaxation with its numbers as Python's, also where it is that of a pytree and holds arrays."""
    return None if relaxation is None else describe(replace(relaxation))


def restore_relaxation(config: Mapping[str, Any] | None) -> Relaxation | None:
    """The inverse of :func:`describe_relaxation`."""
    return None if config is None else restore(Described(dict(config), SOURCE, "relaxation"))


def _require_built_in(model: Model) -> None:
    """Refuse layers of a user's own, which a file could not bring back."""
    for layer in model.layers:
        if serialization.KNOWN.get(type(layer).__name__) is not type(layer):
            raise TypeError(
                f"layer {layer.name!r} of model {model.name!r} is a {type(layer).__name__}, which is not built in, so "
                "that a file cannot bring it back. Save the weights alone."
            )


def _described_engine(engine: Engine) -> dict[str, Any]:
    if type(engine) not in ENGINES:
        raise TypeError(
            f"a model on the engine {engine.name!r} cannot be described in a file: engines outside JAX belong to a "
            "machine. Save the weights alone, or build the layer on engine='native' and change it after loading."
        )
    return describe(engine)


def _described_hopfield(system: DeepHopfieldSystem) -> dict[str, Any]:
    rows = zip(system.layers, system.couplings, system.slopes, strict=True)
    return {
        "layers": [describe(_declared(layer, coupling, slope)) for layer, coupling, slope in rows],
        "input_shape": list(system.input_shape),
        "coupling": None if system.coupling is None else float(system.coupling),
        "order": system.order,
        "start": system.start,
        "relaxation": describe_relaxation(system.relaxation),
        "dtype": system.dtype,
    }


def _declared(layer: Layer, coupling: Coupling | None, slope: Any) -> Any:
    """The declaration of a layer of states."""
    common: dict[str, Any] = {"clamped": layer.clamped, "slope": float(slope), "name": layer.name}
    if coupling is None:
        return HopfieldStates(**common)
    if coupling.kernel is None:
        return HopfieldDense(layer.shape[0], **common)
    return HopfieldConv2D(layer.shape[-1], coupling.kernel, pool=coupling.pool, **common)
