"""What commands say of hardware: numbers of options turned into effects and converters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebana.hardware import Hardware


def number(option: str, text: str) -> float:
    """A number as it is typed."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--{option.replace('_', '-')} {text!r}. Expected a number.") from None


def _levels(text: str) -> dict[str, Any]:
    if text.strip().upper() in ("E24", "E96"):
        return {"row": text.strip().upper()}
    return {"count": number("levels", text)}


def _effects() -> dict[str, Callable[[str], Any]]:
    """What each option makes of one value, in the order in which a chip suffers them."""
    from ebana import hardware as hw

    return {
        "levels": lambda text: hw.Levels(**_levels(text)),
        "write_noise": lambda text: hw.WriteNoise(number("write_noise", text)),
        "spread": lambda text: hw.Spread(number("spread", text)),
        "drift": lambda text: hw.Drift(number("drift", text)),
        "threshold": lambda text: hw.Mismatch(threshold=number("threshold", text)),
        "gain": lambda text: hw.Mismatch(gain=number("gain", text)),
        "stuck": lambda text: hw.Stuck(open=number("stuck", text)),
        "shorted": lambda text: hw.Stuck(shorted=number("shorted", text)),
    }


def kinds(given: dict[str, str], file: Path | None, seed: int, corners: bool) -> tuple[Any, str]:
    """The hardware that options describe, or several by the value of the option that has several; and its name."""
    from ebana.hardware import Hardware

    base = Hardware.load(file) if file is not None else Hardware(seed=seed)
    if not given and file is None and not corners:
        raise ValueError(
            "vary got no hardware. Give some, such as --spread 0.05, --levels 16 or --hardware FILE; see --help."
        )
    swept = [name for name, text in given.items() if "," in text]
    if len(swept) > 1:
        raise ValueError(
            f"--{swept[0]} and --{swept[1]} have several values each. Expected one sweep at a time."
        )
    if not swept:
        return described(base, given), "hardware"
    name = swept[0]
    texts = [text.strip() for text in given[name].split(",")]
    numeric = all(text.upper() not in ("E24", "E96") for text in texts)
    if len(set(texts)) < len(texts):
        raise ValueError(f"--{name.replace('_', '-')} {given[name]}. Expected each value once.")
    labels = [number(name, text) for text in texts] if numeric else texts
    kinds = {label: described(base, given | {name: text}) for label, text in zip(labels, texts, strict=True)}
    return kinds, name.replace("_", " ")


def described(base: Hardware, given: dict[str, str]) -> Hardware:
    """A hardware with what options add to it."""
    from ebana.hardware import Hardware

    effects = [make(given[name]) for name, make in _effects().items() if name in given]
    bits, noise = (number(name, given[name]) if name in given else None for name in ("bits", "noise"))
    return with_reads(
        Hardware(*base.effects, *effects, measurement=base.measurement, seed=base.seed), bits, noise
    )


def with_reads(base: Hardware, bits: float | None, noise: float | None) -> Hardware:
    """The same hardware with so many bits and so much noise of its reads, where they are given."""
    from ebana.hardware import Hardware, Measurement

    given = {name: value for name, value in (("bits", bits), ("noise", noise)) if value is not None}
    if not given:
        return base
    measurement = replace(base.measurement or Measurement(), **given)
    return Hardware(*base.effects, measurement=measurement, seed=base.seed)
