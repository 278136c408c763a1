"""The report of a training: one HTML page with settings, scores, pictures, drawings, waveforms and energy."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebana.onchip import drawings, energy, figures, stimulus, waveforms
from ebana.onchip.description import Network
from ebana.onchip.engine import by_crossbar
from ebana.onchip.netlists import transient_engine
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transient import Chip
from ebana.reports import Image, Section, Table, animation, write_report
from ebana.reports.formatting import MISSING, value
from ebana.spice.simulators.errors import EngineNotInstalled, NgspiceError
from ebana.units import si

if TYPE_CHECKING:
    from ebana.onchip.history import History
    from ebana.onchip.model import OnChip

POINTS = 3
"""Training points of which waveforms and energy are shown."""

FILM = 60
"""Epochs at most of which a film has a picture each; of more it has some."""

NOT_ASKED = "Waveforms and energy are not shown, as they were not asked for."

ENERGY = (
    "The table says what the sources of each block deliver by phase, and what is dissipated and stored there, mean of "
    f"{POINTS} points of the last epoch. Amplifiers and the computing of updates are behavioural: this is the energy "
    "into the network, without what real amplifiers draw for themselves."
)


def report(
    model: OnChip,
    history: History,
    folder: str | os.PathLike[str],
    *,
    transient: bool = True,
    film: bool = True,
) -> Path:
    """Write ``report.html`` into a folder, complete or not at all.

    Args:
        model: that was trained.
        history: what :meth:`ebana.onchip.OnChip.fit` returned.
        folder: created where it is missing.
        transient: whether waveforms and energy of a few points are computed in ngspice; where it or the cards are
            missing, the page says so.
        film: whether the answers by epoch are shown as a film too.

    Returns:
        Path of the page.

    Raises:
        ValueError: for a history of which no epoch is done.
    """
    pictures = list(_pictures(model, history, film))
    found, notes = _transient(model, history) if transient else ([], [NOT_ASKED])
    measure = history.measure
    summary = {
        f"median_{measure}": history.median,
        f"least_{measure}": history.least,
        "epochs": history.epochs,
        "cpu_seconds": history.seconds,
        "unconverged": int(history.lost.sum()),
        "seeds": list(history.seeds),
    }
    return write_report(
        folder,
        title=f"A circuit that trains itself: {model.network.name}",
        summary=summary,
        headlines=tuple(summary)[:5],
        configuration=_configuration(model),
        layers_table=list(_layers(model.network)),
        figures={},
        netlist_text=None,
        notes=notes,
        sections=[*pictures, *found, *_drawings(model.network)],
    )


def _pictures(model: OnChip, history: History, film: bool) -> Iterator[Section]:
    seed = history.seeds[figures.median_lane(history)]
    yield Section(
        "Training",
        "Scores by epoch are of free phases while the circuit learned; those at the end are without updates.",
        figures.training(history),
        _scores(history),
    )
    yield Section("Answers by epoch", f"Of seed {seed}.", figures.strip(history))
    if film:
        drawn = figures.frames(history, most=FILM)
        inches = float(drawn[0].get_size_inches()[0])
        yield Section("Answers as a film", f"Of seed {seed}.", Image(animation(drawn), "image/gif", inches))
    yield Section(
        "Weights",
        "Voltages of the capacitors that hold the weights: each of them, and how they are distributed.",
        figures.weights(history, model.network.shape),
    )


def _scores(history: History) -> Table:
    name = history.measure
    rows = [
        (str(seed), value(name, score), str(lost))
        for seed, score, lost in zip(
            history.seeds, history.final.tolist(), history.lost.tolist(), strict=True
        )
    ]
    return Table(("seed", f"{figures.NAMES[name]}, without updates", "points not computed"), tuple(rows))


def _drawings(network: Network) -> Iterator[Section]:
    """All blocks of the first layer; of further ones those that look otherwise."""
    first = network.layers[0].lines(network.shape[0])
    for block in drawings.BLOCKS:
        yield _drawing(network, block, 0)
    for k, layer in enumerate(network.layers[1:], start=1):
        yield _drawing(network, "amplifier", k)
        if layer.lines(network.shape[k]) != first:
            yield _drawing(network, "update", k)


def _drawing(network: Network, block: str, layer: int) -> Section:
    text = drawings.draw(network, block, layer)
    width = re.search(r'width="([\d.]+)pt"', text)
    title = re.search(r"<title>(.*?)</title>", text)
    assert width is not None  # the drawer writes both
    assert title is not None
    heading = title[1][:1].upper() + title[1][1:]
    return Section(heading, "", Image(text.encode(), "image/svg+xml", float(width[1]) / 72))


def _transient(model: OnChip, history: History) -> tuple[list[Section], list[str]]:
    """Waveforms and energy of the median seed, or why there are none."""
    lane = figures.median_lane(history)
    engine, seed = transient_engine(model), history.seeds[lane]
    try:
        waves = waveforms.record(engine, *_points(model, history, lane, 0))
        used = energy.measure(engine, *_points(model, history, lane, history.epochs - 1))
    except (ImportError, EngineNotInstalled, NgspiceError, NotImplementedError) as missing:
        return [], [f"Waveforms and energy are not shown. {str(missing).splitlines()[0]}"]
    told = (
        f"{si(used.per_point, 'J', 3)} for a training point, {si(used.per_inference, 'J', 3)} for an inference, which "
        f"is a free phase; {100 * abs(used.imbalance):.1g} % of what is delivered is found nowhere."
    )
    return [
        Section(
            "Waveforms",
            f"{POINTS} points as seed {seed} begins to train; names of phases stand above.",
            figures.waveforms(waves),
        ),
        Section(
            "Energy",
            f"{told} {ENERGY}",
            figures.energy(used),
            Table(used.columns, tuple(used.rows())),
        ),
    ], []


def _points(model: OnChip, history: History, lane: int, epoch: int) -> tuple[Chip, Stimulus]:
    """A chip with the weights that a seed had before an epoch, and a few of its points."""
    assert history.x is not None  # the strip, which is drawn before, has checked it
    assert history.y is not None
    network = model.networks[lane]
    x, y = (a[lane : lane + 1, :POINTS] for a in (history.x, history.y))
    applied = stimulus.epoch(network, x, y, [history.seeds[lane]], epoch, history.epochs, model.noise)
    chip = replace(model.chip(lane), weights=tuple(by_crossbar(network, history.weights[epoch, lane])))
    return chip, applied


def _configuration(model: OnChip) -> dict[str, Any]:
    stated = asdict(model.network)
    layers = {f"layer {k + 1}": layer for k, layer in enumerate(stated.pop("layers"))}
    return {
        "engine": model.engine.name,
        "transistors": transient_engine(model).transistors.name,
        **stated,
        **layers,
    }


def _layers(network: Network) -> Iterator[dict[str, Any]]:
    """A row for each crossbar with what follows it."""
    for k, layer in enumerate(network.layers):
        rows = network.shape[k]
        yield {
            "crossbar": f"{rows} × {layer.units}",
            "synapses": rows * layer.units,
            "written by": layer.lines(rows),
            "gain": layer.amplifier.gain,
            "clamp": MISSING if layer.amplifier.clamp is None else si(layer.amplifier.clamp, "V", 3),
            "update scale": f"{layer.update.scale:.4g} / V",
            "largest step": si(layer.update.step, "V", 3),
        }
