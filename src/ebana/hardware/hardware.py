"""A description of hardware: what stands between the values that training asks for and those that a chip has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ebana._types import FilePath
from ebana.hardware.effects import Drift, Effect, Levels, Spread, Stuck, WriteNoise
from ebana.hardware.measurement import Measurement
from ebana.hardware.surroundings import Mismatch, Temperature
from ebana.numbers import whole

LARGEST_SEED = 2**32 - 1

EFFECTS: dict[str, type[Effect]] = {
    effect.__name__: effect for effect in (Spread, Levels, Stuck, WriteNoise, Drift, Temperature, Mismatch)
}
"""Effects that a file may name."""


class Hardware:
    """What every chip of a design suffers, in this order, and how it is measured.

    Args:
        effects: one after the other: programming first (levels, write noise), then what happens to the programmed
            value (spread, drift, temperature), then what cannot be programmed (stuck cells).
        measurement: how potentials are read and set; exactly if None.
        seed: of all draws. Chip ``k`` of a seed is the same one on every engine.

    Example:
        >>> hardware = Hardware(Levels(16), Spread(0.05), seed=3)
        >>> hardware
        Hardware(Levels(count=16.0), Spread(sigma=0.05), seed=3)
        >>> Hardware.from_dict(hardware.to_dict()) == hardware
        True
    """

    def __init__(self, *effects: Effect, measurement: Measurement | None = None, seed: int = 0) -> None:
        for effect in effects:
            if isinstance(effect, Measurement):
                raise TypeError("Hardware() got a Measurement among its effects. Write measurement=...")
            if not isinstance(effect, Effect):
                raise TypeError(
                    f"Hardware({effect!r}). Expected effects such as Spread(0.05): {', '.join(EFFECTS)}."
                )
        if measurement is not None and not isinstance(measurement, Measurement):
            raise TypeError(f"Hardware(measurement={measurement!r}). Expected a Measurement.")
        self.effects: tuple[Effect, ...] = effects
        self.measurement = measurement
        self.seed = whole("Hardware", "seed", seed, least=0)
        if self.seed > LARGEST_SEED:
            raise ValueError(f"Hardware(seed={seed!r}). Expected a whole number up to {LARGEST_SEED}.")

    @property
    def random(self) -> bool:
        """Whether its chips differ from one another."""
        return any(effect.random for effect in self.effects) or (
            self.measurement is not None and self.measurement.random
        )

    def at(self, celsius: float) -> Hardware:
        """The same hardware at another temperature, with the coefficients of its own where it has some."""
        there = [isinstance(effect, Temperature) for effect in self.effects]
        if not any(there):
            return self.also(Temperature(celsius))
        effects = (replace(e, celsius=celsius) if isinstance(e, Temperature) else e for e in self.effects)
        return Hardware(*effects, measurement=self.measurement, seed=self.seed)

    def also(self, *effects: Effect) -> Hardware:
        """The same hardware with more effects."""
        return Hardware(*self.effects, *effects, measurement=self.measurement, seed=self.seed)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hardware) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(str(self.to_dict()))

    def __repr__(self) -> str:
        parts = [_shown(effect.to_dict(), "effect") for effect in self.effects]
        if self.measurement is not None:
            parts.append(f"measurement={self.measurement!r}")
        return f"Hardware({', '.join([*parts, f'seed={self.seed}'])})"

    # -- files ----------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON-compatible values."""
        measured = {} if self.measurement is None else {"measurement": self.measurement.to_dict()}
        return {"effects": [effect.to_dict() for effect in self.effects], **measured, "seed": self.seed}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> Hardware:
        """What :meth:`to_dict` described.

        Raises:
            ValueError: for effects, fields and numbers that there are not.
        """
        if not isinstance(described, Mapping) or described.keys() - {"effects", "measurement", "seed"}:
            raise ValueError(f"hardware described by {described!r}. Expected effects, measurement and seed.")
        if not isinstance(described.get("effects", []), list | tuple):
            raise ValueError(f"hardware with the effects {described['effects']!r}. Expected a list of them.")
        measured = described.get("measurement")
        measurement = None if measured is None else _made(Measurement, measured)
        effects = [_effect(one) for one in described.get("effects", ())]
        return cls(*effects, measurement=measurement, seed=described.get("seed", 0))

    def save(self, path: FilePath) -> None:
        """Write it as JSON."""
        from ebana.hardware.files import write

        write(self, path)

    @classmethod
    def load(cls, path: FilePath) -> Hardware:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: for a file that holds no description of hardware.
        """
        from ebana.hardware.files import read

        return read(path)


def _effect(described: Any) -> Effect:
    name = described.get("effect") if isinstance(described, Mapping) else None
    if not isinstance(name, str) or name not in EFFECTS:
        raise ValueError(f"hardware with the effect {described!r}. Expected one of {', '.join(EFFECTS)}.")
    return _made(EFFECTS[name], {k: v for k, v in described.items() if k != "effect"})


def _made(cls: type[Any], fields: Any) -> Any:
    """An object of a class by its fields, refused by name where they do not fit."""
    known = set(getattr(cls, "__dataclass_fields__"))  # noqa: B009 - every one of these is a data class
    if not isinstance(fields, Mapping) or not set(fields) <= known:
        raise ValueError(
            f"{cls.__name__} described by {fields!r}. Expected fields among {', '.join(sorted(known))}."
        )
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    try:
        return cls(**given)
    except TypeError as error:  # a field is missing, or of a type that nothing can be done with
        raise ValueError(f"{cls.__name__} described by {dict(fields)!r}: {error}") from error


def _shown(described: Mapping[str, Any], kind: str) -> str:
    fields = (f"{key}={value!r}" for key, value in described.items() if key != kind)
    return f"{described[kind]}({', '.join(fields)})"


def check_chip(chip: Any) -> int:
    """The number of a chip, or ValueError."""
    if isinstance(chip, np.integer):
        chip = int(chip)
    if isinstance(chip, bool) or not isinstance(chip, int) or not 0 <= chip < 2**31:
        raise ValueError(
            f"chip={chip!r}. Expected the number of a chip, a whole number from 0: what it draws follows from the "
            "hardware's seed and this number."
        )
    return chip


def chip_numbers(chips: int | Sequence[int]) -> np.ndarray:
    """Numbers of chips: the first so many, or those that are given.

    Raises:
        ValueError: for no chips, numbers that are none, and the same chip twice.
    """
    if isinstance(chips, Sequence | np.ndarray) and not isinstance(chips, str):
        numbers = [check_chip(k) for k in chips]
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError(f"chips={chips!r}. Expected numbers of chips, each once.")
        return np.array(numbers)
    if isinstance(chips, bool) or not isinstance(chips, int | np.integer) or chips < 1:
        raise ValueError(f"chips={chips!r}. Expected how many chips, 1 or more, or their numbers.")
    return np.arange(int(chips))
