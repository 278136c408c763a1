"""Curves of a programmable device: pulse after pulse up from the bottom, and down from the top."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebana.learning.programming import PulsedDevice
from ebana.numbers import whole
from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, VERMILLION, styled

__all__ = ["device_curves"]

POINTS = 60
"""Points of a curve."""

WIDTH, HEIGHT = 6.2, 3.6


def device_curves(
    device: PulsedDevice, *, devices: int = 12, pulses: int | None = None, seed: int = 0
) -> Figure:
    """Draw what pulses make of a device: the nominal one, and some that are drawn with its spreads and noises.

    Args:
        device: the kind of device.
        devices: how many are drawn beside the nominal one.
        pulses: of each curve; one and a half times its states if left out.
        seed: of the devices and their noise.

    Example:
        >>> from ebana.learning.programming import SoftBounds
        >>> figure = device_curves(SoftBounds(states=50, device_to_device=0.3))
        >>> [line.get_label() for line in figure.axes[0].lines if not line.get_label().startswith("_")]
        ['up', 'down']
    """
    devices = whole("device_curves", "devices", devices, least=0)
    pulses = (
        max(POINTS, round(1.5 * device.states))
        if pulses is None
        else whole("device_curves", "pulses", pulses)
    )
    counts = np.unique(np.linspace(0, pulses, POINTS + 1).round().astype(int))
    with styled():
        figure = Picture(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        for sign, label, color in ((1, "up", BLUE), (-1, "down", VERMILLION)):
            for curve in _drawn(device, devices, counts, sign, seed):
                axes.plot(counts, curve, color=color, alpha=0.3, linewidth=0.8)
            axes.plot(counts, _nominal(device, counts, sign), color=color, linewidth=2.2, label=label)
        _finish(axes, device, pulses)
    return figure


def _share(device: PulsedDevice, w: Any) -> np.ndarray:
    """Place between the nominal bounds, 0 to 1."""
    return (np.asarray(w) - device.lower) / (device.upper - device.lower)


def _nominal(device: PulsedDevice, counts: np.ndarray, sign: int) -> np.ndarray:
    start = device.lower if sign > 0 else device.upper
    return _share(device, device.pulsed(np.full(counts.shape, start), sign * counts))


def _drawn(device: PulsedDevice, devices: int, counts: np.ndarray, sign: int, seed: int) -> np.ndarray:
    """Curves of drawn devices, ``(devices, points)``, each with one course of noise."""
    if not (devices and device.structure[-1]):
        return np.zeros((0, counts.size))
    cells = device.cells((devices,), seed)
    w = np.broadcast_to(np.asarray(cells.lower if sign > 0 else cells.upper), (devices,)).astype(float)
    noisy = device.cycle_to_cycle > 0
    rng = np.random.default_rng(seed)
    curve = [w]
    for part, n in enumerate(np.diff(counts)):
        w = device.pulsed(w, sign * n, seed=seed * POINTS + part if noisy else None, cells=cells)
        curve.append(w)
    written = device.write_noise * (device.upper - device.lower) * rng.normal(size=(devices, counts.size))
    return _share(device, np.array(curve).T + written)


def _finish(axes: Axes, device: PulsedDevice, pulses: int) -> None:
    axes.set_xlabel("pulses")
    axes.set_ylabel("conductance (share of the range)")
    axes.set_xlim(0, pulses)
    axes.set_title(f"{type(device).__name__}, {device.states:.4g} states")
    axes.legend(loc="center right")
