"""The comparison with the published run, and which of its settings keep ours from learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ebana.reproductions.metzger2024.cases import Case, ablated, compared
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.published import METZGER_2024
from ebana.reproductions.request import Request

if TYPE_CHECKING:
    from ebana.onchip import Process
    from ebana.reproductions.metzger2024.fits import Fits

ENGINES = ("transient", "quasistatic")

R2 = 0.95
"""Median that our settings have to reach; the published fit is good by eye, without a number."""

PUBLISHED_SECONDS = METZGER_2024.seconds or float("nan")

QUICK_R2 = 0.5
"""Of the shortened version."""

CPU_SECONDS = {"transient": 0.2, "quasistatic": 1e-3}
"""Of a point, about: what a person is told before it starts."""


def run(request: Request, engine: str | None = None) -> Outcome:
    """Train the published settings and ours.

    Args:
        request: what is asked.
        engine: one of :data:`ENGINES`; ngspice where left out, in a shortened run the other one.

    Raises:
        ValueError: for an unknown engine.
        EngineNotInstalled: where ngspice is to be used and is not here.
    """
    name = _engine(engine or ("quasistatic" if request.quick else "transient"))
    found, process = _trained("metzger2024", compared(), name, request)
    ours = found[-1][1]
    bar = QUICK_R2 if request.quick else R2
    missed = [f"median R2 {ours.median:.3f} of our settings is below {bar}"] * (not ours.median >= bar)
    if not request.quick and not ours.cpu_seconds <= PUBLISHED_SECONDS:
        missed.append(
            f"{ours.cpu_seconds:.0f} CPU seconds of our settings are above the published {PUBLISHED_SECONDS:g} s"
        )
    return _outcome(
        "metzger2024", found, name, process, request,
        goal={"median_r2": bar, "cpu_seconds": None if request.quick else PUBLISHED_SECONDS},
        missed=tuple(missed),
        rows=(_published(), *(_row(case, fits) for case, fits in found)),
    )  # fmt: skip


def ablation(request: Request, engine: str | None = None) -> Outcome:
    """Train the published settings with one of them changed at a time, and with several; see :func:`run`."""
    name = _engine(engine or "quasistatic")
    found, process = _trained("metzger2024-ablation", ablated(), name, request)
    rows = tuple(_row(case, fits) for case, fits in found)
    return _outcome("metzger2024-ablation", found, name, process, request, goal={}, missed=(), rows=rows)


def _engine(name: str) -> str:
    if name not in ENGINES:
        raise ValueError(f"unknown engine {name!r} of metzger2024. Expected one of {', '.join(ENGINES)}.")
    if name == "transient":
        from ebana.spice.simulators.session import require

        require("ngspice-batch")
    return name


def _process(engine: str, quick: bool) -> Process:
    """The cards where they are here; in a shortened run of the quasi-static engine, the compact law."""
    from ebana.onchip import Process
    from ebana.onchip.transistors.cards import sky130
    from ebana.spice.simulators.session import available

    if engine == "transient":
        sky130()
        return Process("sky130")
    if quick or not available("ngspice-batch")[0]:
        return Process()
    try:
        sky130()
    except ImportError:
        return Process()
    return Process("sky130")


def _trained(
    name: str, cases: Sequence[Case], engine: str, request: Request
) -> tuple[list[tuple[Case, Fits]], Process]:
    """All cases, shortened where that is asked for, with their seeds."""
    from dataclasses import replace

    from ebana import __version__
    from ebana.reproductions.metzger2024.fits import engine_of, trained

    if request.quick:
        cases = [case.shortened() for case in cases]
    if request.epochs:
        cases = [replace(case, epochs=request.epochs) for case in cases]
    process = _process(engine, request.quick)
    request.parts.open({"name": name, "version": __version__, **_settings(cases, engine, process)})
    points = sum((case.epochs + 1) * case.points for case in cases) * request.seeds
    minutes = points * CPU_SECONDS[engine] / 60.0
    request.say(f"{points} points on {engine}, {process.name}: about {max(minutes, 0.1):.2g} CPU minutes")
    computes = engine_of(engine, process)
    return [(case, trained(case, computes, request)) for case in cases], process


def _settings(cases: Sequence[Case], engine: str, process: Process) -> dict[str, Any]:
    from dataclasses import asdict

    stated = {case.name: asdict(case) for case in cases}
    return {"engine": engine, "process": process.name, "cases": stated}


def _outcome(
    name: str,
    found: Sequence[tuple[Case, Fits]],
    engine: str,
    process: Process,
    request: Request,
    **rest: Any,
) -> Outcome:
    from ebana.reproductions.metzger2024 import pictures

    shown = [(case.told, fits) for case, fits in found]
    figures = (
        {"fits": pictures.fits(shown)} if name == "metzger2024" else {"ablation": pictures.scores(shown)}
    )
    return Outcome(
        name=name,
        published=METZGER_2024.to_dict(),
        ours={
            "engine": engine,
            "process": process.name,
            "wall_seconds": request.clock(),
            "rows": {case.name: {"told": case.told, "network": case.network.name, **fits.to_dict()}
                     for case, fits in found},
        },
        notes=(
            f"Published: {METZGER_2024.paper}; {METZGER_2024.reported}.",
            f"Ours: {engine}, {process.name}; R2 of the mean output in free phases without updates, medians of "
            f"{request.seeds} seeds; CPU seconds of one training.",
        ),
        shortened="shortened run: 8 hidden units, 25 points, at most 12 epochs" if request.quick else "",
        settings=_settings([case for case, _ in found], engine, process),
        figures=figures,
        **rest,
    )  # fmt: skip


def _published() -> dict[str, str]:
    minutes = PUBLISHED_SECONDS / 60.0
    return {
        "": "published",
        "network": "3-32-4",
        "epochs": str(METZGER_2024.epochs),
        "R2": "good by eye",
        "by seed": "one run",
        "lost": "-",
        "CPU s": f"({minutes:.0f} min, parallel)",
    }


def _row(case: Case, fits: Fits) -> dict[str, str]:
    return {
        "": case.told,
        "network": case.network.name,
        "epochs": str(case.epochs),
        "R2": f"{fits.median:.3f}",
        "by seed": ", ".join(f"{fit.r2:.3f}" for fit in fits.fits),
        "lost": str(fits.lost),
        "CPU s": f"{fits.cpu_seconds:.1f}",
    }
