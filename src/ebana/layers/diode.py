"""Diodes between each node of a layer and a bias source: the nonlinearity.

``down`` conducts from the node to the source and limits the node from above; ``up`` conducts into the
node and limits it from below. With the bias b and the diode's drop V:

======================  ==================================  ==============================
kind                    down                                up
======================  ==================================  ==============================
behavioral              source at +b, limit near b + VTH    source at -b, limit -(b + VTH)
ideal, real, MOS        source at +b, limit near b + V      source at +b, limit near b - V
======================  ==================================  ==============================

(The behavioural ``up`` diode follows the EBANA framework, whose symmetric pair has one bias.)
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from ebana._types import FilePath
from ebana.circuit import CircuitBuilder
from ebana.devices import BehavioralDiode, Device, IdealDiode, JunctionDiode, MosDiode, Mosfet
from ebana.layers.base import Layer, Rate, Signal, as_list, either, stored_rate
from ebana.layers.sources import TRAINED, per_unit
from ebana.schedules import get_rate
from ebana.spellings import EBANA_SAVED, also
from ebana.storage.described import by_type, listed, number, numbers, optional, record, text

KINDS = ("ideal", "behavioral", "real", "mos")
DEVICES = {
    "ideal": IdealDiode,
    "behavioral": BehavioralDiode,
    "real": JunctionDiode,
    "mos": MosDiode | Mosfet,
}
"""The kinds of the built-in devices; any other device counts as real."""

_CONDITIONS = ("temperature", "gmin", "area", "multiplier")
"""What may be said of a junction diode beside its card."""

_NUMBERS = optional(by_type(int=number, float=number, list=listed(optional(number))))
_PARAM = record(dict.fromkeys(("VTH", "RON", "ROFF", *_CONDITIONS), _NUMBERS))
_MOS = ("length", "width", "vgs", "temperature", "gmin")
_MODEL = record({"card": text, "model_name": text, **dict.fromkeys(_MOS, number)})


class DiodeLayer(Layer):
    """A diode on every node of the layer it is called on, whose nodes it hands on.

    Args:
        name: name of the layer.
        direction: ``"down"`` or ``"up"``, for all units or as a list with one for each.
        bias_voltage: volts of the bias sources, a number or one for each unit (also ``bias``).
        kind: ``"ideal"`` (the default), ``"behavioral"``, ``"junction"`` (also ``"real"``) or ``"mos"``; found from
            ``param`` and ``model`` where left out.
        param: of a behavioural diode: ``{"VTH": volts, "RON": ohms, "ROFF": ohms}``, each a number or one for each
            unit; of an ideal one:
            ``{"RON": ohms}``, the resistance that it has in SPICE alone; of a real one:
            ``{"path": file, "model_name": name}``, and any of ``"temperature"`` (Celsius), ``"gmin"`` (S),
            ``"area"`` and ``"multiplier"``.
        model: a SPICE ``.model`` card as text, the name of a shipped diode such as ``"1N4148"`` or ``"BAT54"``
            (:meth:`~ebana.devices.junction.diode.JunctionDiode.named`), or any :class:`~ebana.circuit.Device`.
        use_mos: a transistor tied as a diode (:class:`~ebana.devices.mosfet.transistor.MosDiode`); ``model`` is then
            its card, or ``{"path", "model_name", "length", "width"}``; with ``"vgs"``, volts, its gate is held
            there instead (:class:`~ebana.devices.mosfet.transistor.Mosfet`).
        trainable: whether the bias voltages are trained.
        lr, low, high: learning rate and bounds (volts) of trained biases.
    """

    kind_label = "diode"
    stored = Layer.stored | TRAINED | {
        "direction": by_type(str=text, list=listed(text)), "bias_voltage": numbers, "kind": optional(text),
        "param": optional(_PARAM), "model": optional(by_type(str=text, dict=_MODEL)),
    }  # fmt: skip

    @also(needless=EBANA_SAVED)
    def __init__(
        self,
        name: str,
        direction: object = "down",
        bias_voltage: object = None,
        kind: str | None = None,
        param: dict[str, Any] | None = None,
        *,
        bias: object = None,
        model: object = None,
        use_mos: bool = False,
        trainable: bool = False,
        lr: Rate | None = None,
        low: float | None = None,
        high: float | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, enabled=enabled)
        self.direction = _directions(direction, name)
        self.bias_voltage = np.asarray(either(name, 0.0, bias_voltage=bias_voltage, bias=bias), dtype=float)
        self.kind = _kind(name, kind, param, model, use_mos)
        self.device = _device(name, self.kind, param, model)
        self.trainable, self.lr = bool(trainable), get_rate(lr)
        self.low, self.high = low, high

    def output_shape(self, shapes: Any) -> tuple[int, ...]:
        """The input's shape; biases and directions for each unit must fit it."""
        shape = self.only(shapes)
        units = int(np.prod(shape))
        per_unit(self.bias_voltage, units, self.name, "bias_voltage")
        if isinstance(self.device, BehavioralDiode):
            for what in ("vth", "ron"):
                per_unit(getattr(self.device, what), units, self.name, what.upper())
            if np.size(self.device.roff) not in (1, units):
                raise ValueError(
                    f"layer {self.name!r}: ROFF has {np.size(self.device.roff)} values for {units} units. "
                    f"Expected one number, or {units} of them."
                )
        if len(self.direction) not in (1, units):
            raise ValueError(
                f"diode layer {self.name!r} has {len(self.direction)} directions for {units} units. "
                f"Expected 'down', 'up', or a list of {units}."
            )
        return shape

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Bias sources, and diodes between them and the parent's nodes."""
        nodes = inputs[0]
        flat = nodes.ravel()
        up = np.broadcast_to(np.array([d == "up" for d in self.direction]), flat.shape)
        sign = -1.0 if self.kind == "behavioral" else 1.0
        shared = self.bias_voltage.size == 1
        voltage = (
            self.bias_voltage.ravel() if shared else per_unit(self.bias_voltage, flat.size, self.name, "bias")
        )
        far = build.bias(
            f"{signal.name}_bias",
            voltage,
            scale=np.where(up[:1] if shared and up.all() == up.any() else up, sign, 1.0),
            parameter=f"{self.name}/bias_voltage",
            trainable=self.trainable,
            learning_rate=self.lr,
            low=self.low,
            high=self.high,
        )
        for mask, suffix, is_up in ((~up, "down", False), (up, "up", True)):
            if not mask.any():
                continue
            ends = flat[mask], np.broadcast_to(far, flat.shape)[mask]
            anode, cathode = ends[::-1] if is_up else ends
            label = signal.name if mask.all() else f"{signal.name}_{suffix}"
            build.devices(label, anode, cathode, self.device.pick(mask, flat.size))
        return nodes

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """See :meth:`Layer.from_config`; a stored layer holds its card, so a path in it is refused."""
        for value in (config.get("param"), config.get("model")):
            if isinstance(value, dict) and "path" in value:
                raise ValueError(
                    f"stored diode layer {config.get('name')!r} names a file. Expected the card itself."
                )
        return cls(**config)

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {
            "direction": list(self.direction),
            "bias_voltage": as_list(self.bias_voltage),
            "kind": self.kind,
            **_device_config(self.device, self.name),
            "trainable": self.trainable,
            "lr": stored_rate(self),
            "low": self.low,
            "high": self.high,
        }


def _directions(direction: Any, name: str) -> tuple[str, ...]:
    given = (direction,) if isinstance(direction, str) else tuple(direction)
    wrong = [d for d in given if d not in ("down", "up")]
    if wrong or not given:
        raise ValueError(
            f"diode layer {name!r}: direction={direction!r}. Expected 'down', 'up', or a list of them."
        )
    return given


def _kind(name: str, kind: str | None, param: Any, model: Any, use_mos: bool) -> str:
    """The kind that was given, or that the other arguments imply; contradictions are refused."""
    kind = "real" if kind == "junction" else kind
    if kind is not None and kind not in KINDS:
        raise ValueError(f"diode layer {name!r}: kind={kind!r}. Expected one of {', '.join(KINDS)}.")
    if use_mos and kind not in (None, "mos"):
        raise ValueError(f"diode layer {name!r} got use_mos=True and kind={kind!r}. Give one of them.")
    wanted = "mos" if use_mos else kind
    if isinstance(model, Device):
        own = next((k for k, cls in DEVICES.items() if isinstance(model, cls)), None)
        if own is not None and wanted not in (None, own):
            raise ValueError(
                f"diode layer {name!r} of kind {wanted!r} got a model of kind {own!r}. Leave kind out."
            )
        return own or wanted or "real"
    if wanted is not None:
        return wanted
    if model is not None or (param and "model_name" in param):
        return "real"
    return "behavioral" if param else "ideal"


def _device(name: str, kind: str, param: dict[str, Any] | None, model: object) -> Device:
    if param and isinstance(model, Device):
        raise ValueError(f"diode layer {name!r} got both param and model. Give one of them.")
    if isinstance(model, Device):
        return model
    if kind in ("ideal", "behavioral") and model is not None:
        raise ValueError(
            f"diode layer {name!r} of kind {kind!r} got model={model!r}. Expected param for a behavioural diode, "
            "and neither for an ideal one; leave kind out to use the model."
        )
    if kind == "ideal":
        _only_keys(name, param, ("RON",))
        return IdealDiode(*(_one(name, key, value) for key, value in (param or {}).items()))
    if kind == "behavioral":
        _only_keys(name, param, ("VTH", "RON", "ROFF"))
        values = {
            key.lower(): float("inf") if value is None else _number(value)
            for key, value in (param or {}).items()
        }
        return BehavioralDiode(**values)
    return _from_card(name, kind, param or {}, model)


def _one(name: str, key: str, value: Any) -> float:
    """A number that all units share."""
    if value is None or np.ndim(value):
        raise ValueError(f"diode layer {name!r}: param {key}={value!r}. Expected one number.")
    return float(value)


def _number(value: Any) -> float | np.ndarray:
    """A number, or an array of one for each unit; None stands for infinity in a list too."""
    if np.ndim(value) == 0:
        return float(value)
    return np.array([np.inf if v is None else float(v) for v in np.ravel(value)])


def _from_card(name: str, kind: str, param: dict[str, Any], model: Any) -> Device:
    if param and model is not None and (kind == "mos" or isinstance(model, dict)):
        raise ValueError(f"diode layer {name!r} got both param and model. Give one of them.")
    if kind == "mos":
        given = model if model is not None else param
        if isinstance(given, dict) and "path" in given:
            _check_file(name, given["path"])
        return MosDiode.resolve(given)
    if isinstance(model, dict):
        param, model = model, None
    conditions: dict[str, Any] = {key: _one(name, key, param[key]) for key in _CONDITIONS if key in param}
    if model is not None:
        _only_keys(name, param, _CONDITIONS)
        if _is_name(model):
            return JunctionDiode.named(model, **conditions)
        return JunctionDiode.from_card(str(model), **conditions)
    _only_keys(name, param, ("path", "model_name", *_CONDITIONS))
    if "path" not in param or "model_name" not in param:
        raise ValueError(
            f"diode layer {name!r} of kind 'real' needs a model: model='.model ...' with a SPICE card, the name of a "
            "shipped diode, or "
            "param={'path': file, 'model_name': name}."
        )
    _check_file(name, param["path"])
    return JunctionDiode.from_file(param["path"], param["model_name"], **conditions)


def _check_file(name: str, path: FilePath) -> None:
    if not Path(path).is_file():
        raise FileNotFoundError(f"diode layer {name!r}: model file {str(path)!r} does not exist.")


def _is_name(model: object) -> bool:
    """Whether a model is the bare name of a shipped diode, and not the text of a card."""
    return isinstance(model, str) and re.fullmatch(r"\s*[\w.+-]+\s*", model) is not None and "." not in model


def _only_keys(name: str, param: dict[str, Any] | None, known: tuple[str, ...]) -> None:
    unknown = [key for key in (param or {}) if key not in known]
    if unknown:
        raise ValueError(
            f"diode layer {name!r}: param has {', '.join(map(repr, unknown))}. "
            f"Expected {', '.join(known) or 'nothing'} for this kind of diode."
        )


def _finite(value: Any) -> Any:
    """JSON has no infinity: None stands for it."""
    if np.ndim(value):
        return [_finite(v) for v in value]
    return float(value) if np.isfinite(value) else None


def _device_config(device: Device, name: str) -> dict[str, Any]:
    if isinstance(device, IdealDiode):
        return {"param": {"RON": device.ron}}
    if isinstance(device, BehavioralDiode):
        return {
            "param": {
                "VTH": as_list(device.vth),
                "RON": as_list(device.ron),
                "ROFF": _finite(device.roff),
            }
        }
    if isinstance(device, JunctionDiode):
        return {
            "model": device.spice_model(),
            "param": {"temperature": device.temperature, "gmin": device.gmin}
            | ({} if device.multiplier == 1 else {"multiplier": device.multiplier}),
        }
    if isinstance(device, MosDiode | Mosfet):
        keys = ("length", "width", "gmin", "temperature", "vgs")
        own = {key: getattr(device, key) for key in keys if hasattr(device, key)}
        return {"model": {"card": device.spice_model(), **own}}
    raise TypeError(
        f"diode layer {name!r} carries a device of class {type(device).__name__}, which has no stored form. "
        "Save the values with model.save_values() and rebuild the model in Python."
    )
