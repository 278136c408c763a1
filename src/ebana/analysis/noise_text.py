"""A noise report as text of up to 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ebana.units import si

if TYPE_CHECKING:
    from ebana.analysis.noise import NoiseReport, OutputNoise

WIDEST = 80
"""Columns of a report."""

LONGEST, OUTPUT, MOST = 22, 12, 12
"""Longer names, and those of outputs, lose their end; so many rows are shown of one table."""


def described(report: NoiseReport) -> Iterator[str]:
    """The lines of a report."""
    low, high = report.bandwidth
    band = f"{si(low, 'Hz', 3)} to {si(high, 'Hz', 3) if math.isfinite(high) else 'infinity'}"
    count = f"{report.samples} sample{'s' * (report.samples != 1)}"
    yield from _wrapped(f"Noise of model {_short(report.name)!r}, {band}, {report.temperature:g} °C, {count}")
    if report.outputs:
        yield ""
        yield from _outputs(report)
    if report.nodes:
        yield ""
        yield from _table([("nodes", "rms", "largest"), *_nodes(report)])
    if report.outputs:
        yield ""
        yield from _shares(report)
    if report.contrast is not None:
        yield ""
        yield from _contrast(report)
    if report.silent:
        yield ""
        names = ", ".join(map(_short, report.silent[:MOST]))
        yield from _wrapped(
            f"Without stated noise, counted as zero: {names}{', ...' * (len(report.silent) > MOST)}."
        )


def _outputs(report: NoiseReport) -> Iterator[str]:
    head = (
        "output",
        "rms",
        f"at {si(report.frequencies[0], 'Hz', 3)}",
        "signal",
        "S/N",
        "margin/noise",
        "swapped",
    )
    yield from _table([head, *(_output_row(name, noise) for name, noise in report.outputs.items())])


def _output_row(name: str, noise: OutputNoise) -> tuple[str, ...]:
    ratio = noise.margin_snr
    known = ratio is not None and not np.isnan(ratio).all()
    return (
        _short(name, OUTPUT),
        _volts(_rms(noise.noise)),
        f"{_volts(_rms(noise.density[0]))}/√Hz",
        _volts(_rms(noise.signal)),
        _decibels(_rms(noise.signal), _rms(noise.noise)),
        f"{float(np.nanmedian(ratio)):.3g}" if known and ratio is not None else "",
        f"{noise.swapped:.2g}" if known and noise.swapped is not None else "",
    )


def _nodes(report: NoiseReport) -> Iterator[tuple[str, ...]]:
    for name, rms in list(report.nodes.items())[:MOST]:
        if rms.size:
            yield (
                _short(name),
                _volts(_rms(rms)),
                _volts(float(np.nanmax(rms)) if not np.isnan(rms).all() else math.nan),
            )


def _shares(report: NoiseReport) -> Iterator[str]:
    names = list(report.outputs)[:3]
    shares = {name: report.by_layer(name) for name in names}
    found = dict.fromkeys(layer for share in shares.values() for layer in share)
    layers = sorted(found, key=lambda layer: -max(share.get(layer, 0.0) for share in shares.values()))
    rows = [
        (_short(layer), *(f"{100 * shares[name].get(layer, 0.0):.1f} %" for name in names))
        for layer in layers[:MOST]
    ]
    yield from _table([("share of the variance", *(f"of {_short(name, OUTPUT)}" for name in names)), *rows])


def _contrast(report: NoiseReport) -> Iterator[str]:
    contrast = report.contrast
    assert contrast is not None
    beta = _strength(contrast.beta, contrast.unit)
    many = "s" * (contrast.reads != 1)
    yield f"Gradient of {contrast.samples} samples by {contrast.reads} read{many} of each state"
    rows = [
        (_short(layer), f"{contrast.at_beta(layer):.3g}", _strength(contrast.drowns[layer], contrast.unit))
        for layer in contrast.snr
    ]
    yield from _table([("layer", f"S/N at beta {beta}", "drowns below"), *rows])


def _strength(beta: float, unit: str) -> str:
    if not math.isfinite(beta):
        return "every strength"
    return si(beta, unit, 3) if unit else f"{beta:.3g}"


def _rms(values: np.ndarray) -> float:
    seen = values[~np.isnan(values)]
    return float(np.sqrt((seen**2).mean())) if seen.size else math.nan


def _volts(value: float) -> str:
    return "" if math.isnan(value) else si(value, "V", 3)


def _decibels(signal: float, noise: float) -> str:
    if not (signal > 0 and noise > 0 and math.isfinite(noise)):
        return ""
    return f"{20 * math.log10(signal / noise):.1f} dB"


def _short(name: str, longest: int = LONGEST) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def _wrapped(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if len(line) + 1 + len(word) > WIDEST:
            yield line
            line = word
        else:
            line = f"{line} {word}".strip()
    yield line


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Columns side by side; those without any entry are left out."""
    kept = [k for k in range(len(rows[0])) if k == 0 or any(row[k] for row in rows[1:])]
    widths = [max(len(row[k]) for row in rows) for k in kept]
    for row in rows:
        first, *others = (row[k] for k in kept)
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
