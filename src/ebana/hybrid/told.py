"""Systems as JSON-compatible descriptions, for frameworks that write their layers into files of their own.

A :class:`~ebana.Model` is told by its own file (:mod:`ebana.serialization`, checked whole when it is read), a deep
Hopfield network by the layers that declare it. Loading runs no code of a file's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from ebana import serialization
from ebana.engines.base import Engine
from ebana.engines.native import NativeEngine, SweepEngine
from ebana.hybrid.adapters import plain
from ebana.hybrid.declared import HopfieldConv2D, HopfieldDense, HopfieldStates, hopfield
from ebana.learning.systems.couplings import Coupling
from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem, Layer, Relaxation
from ebana.model import Model

ENGINES: dict[str, type[Any]] = {cls.__name__: cls for cls in (NativeEngine, SweepEngine)}
"""Engines that a description can name."""

LAYERS: dict[str, type[Any]] = {cls.__name__: cls for cls in (HopfieldStates, HopfieldDense, HopfieldConv2D)}
"""Layers of states that a description can name."""


def tell(system: object) -> dict[str, Any]:
    """What a system is made of, its values aside: the inverse of :func:`made_of`.

    Raises:
        TypeError: for a system that cannot be told, with what to do.
        ValueError: for a model that was made from a circuit.

    Example:
        >>> told = tell(hopfield([HopfieldDense(3)], (4,)))
        >>> told["layers"]
        [{'class': 'HopfieldDense', 'clamped': True, 'slope': 1.0, 'name': 'dense_0', 'units': 3}]
    """
    if isinstance(system, Model):
        _require_built_in(system)
        content = serialization.packed(system)
        return {"model": base64.b64encode(content).decode("ascii"), "engine": _told_engine(system.engine)}
    if isinstance(system, DeepHopfieldSystem):
        return _told_hopfield(system)
    raise TypeError(
        f"{type(system).__name__} cannot be told in a file. Expected an ebana.Model made of layers, or a "
        "hybrid.hopfield(...); save the weights alone, and make the network again before they are loaded."
    )


def made_of(told: Mapping[str, Any]) -> Any:
    """The model or the system that a description tells of.

    Raises:
        CorruptFile: for a damaged description of a model.
        ValueError: for one that tells of nothing known.
    """
    if "model" in told:
        content = base64.b64decode(told["model"])
        stored = serialization.parsed(content, "the description of a layer")
        return Model.from_stored(stored, _made_engine(told["engine"]))
    if "layers" in told:
        return _made_hopfield(told)
    raise ValueError(
        f"a description with {sorted(told)} tells of no system. Expected one with 'model' or 'layers'."
    )


def _require_built_in(model: Model) -> None:
    """Refuse layers of a user's own, which a file could not bring back."""
    for layer in model.layers:
        if serialization.KNOWN.get(type(layer).__name__) is not type(layer):
            raise TypeError(
                f"layer {layer.name!r} of model {model.name!r} is a {type(layer).__name__}, which is not built in, so "
                "that a file cannot bring it back. Save the weights alone."
            )


def _told_engine(engine: Engine) -> dict[str, Any]:
    kind = type(engine).__name__
    if ENGINES.get(kind) is not type(engine):
        raise TypeError(
            f"a model on the engine {engine.name!r} cannot be told in a file: engines outside JAX belong to a machine. "
            "Save the weights alone, or build the layer on engine='native' and change it after loading."
        )
    return {"class": kind, **asdict(engine)}  # type: ignore[call-overload]


def _made_engine(told: Mapping[str, Any]) -> Engine:
    options = dict(told)
    return ENGINES[options.pop("class")](**options)


def _told_hopfield(system: DeepHopfieldSystem) -> dict[str, Any]:
    rows = zip(system.layers, system.couplings, system.slopes, strict=True)
    return {
        "layers": [_told_layer(layer, coupling, slope) for layer, coupling, slope in rows],
        "input_shape": list(system.input_shape),
        "coupling": None if system.coupling is None else float(system.coupling),
        "order": system.order,
        "start": system.start,
        "relaxation": told_relaxation(system.relaxation),
        "dtype": system.dtype,
    }


def _told_layer(layer: Layer, coupling: Coupling | None, slope: Any) -> dict[str, Any]:
    common = {"clamped": layer.clamped, "slope": float(slope), "name": layer.name}
    if coupling is None:
        return {"class": "HopfieldStates", **common}
    if coupling.kernel is None:
        return {"class": "HopfieldDense", **common, "units": layer.shape[0]}
    window = {"channels": layer.shape[-1], "kernel": coupling.kernel, "pool": coupling.pool}
    return {"class": "HopfieldConv2D", **common, **window}


def _made_hopfield(told: Mapping[str, Any]) -> DeepHopfieldSystem:
    options = dict(told)
    layers = [_made_layer(one) for one in options.pop("layers")]
    relaxation = made_relaxation(options.pop("relaxation"))
    return hopfield(layers, options.pop("input_shape"), relaxation=relaxation, **options)


def _made_layer(told: Mapping[str, Any]) -> Any:
    options = dict(told)
    return LAYERS[options.pop("class")](**options)


def told_relaxation(relaxation: Relaxation | None) -> dict[str, Any] | None:
    """The numbers of a relaxation by name."""
    if relaxation is None:
        return None
    one = plain(relaxation)
    return {field.name: getattr(one, field.name) for field in fields(Relaxation)}


def made_relaxation(told: Mapping[str, Any] | None) -> Relaxation | None:
    """The inverse of :func:`told_relaxation`."""
    return None if told is None else Relaxation(**told)
