"""Training with real devices: the Iris network with each kind of diode, in turn in one process, and in ngspice.

Every kind is trained for about as long, again and again in turn, so that all see the same machine; the fastest of each
counts. The programs of each are compiled anew.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from benchmarks import fresh
from benchmarks.rows import Row, skipped
from ebana.engines.ngspice import available

SECTION = "real devices (iris)"

PLAIN, RESISTIVE = "diodes of IS and N", "with RS"
KINDS: Mapping[str, Mapping[str, Any] | None] = {
    "behavioural diodes": None,
    PLAIN: {"model": ".model plain D(IS=1e-8 N=1.8)"},
    RESISTIVE: {"model": ".model series D(IS=1e-8 N=1.8 RS=10)"},
    "1N4148": {"model": "1N4148"},
    "MOS diodes": {"model": ".model nmos NMOS(LEVEL=1 VTO=0.3 KP=1e-4)", "use_mos": True},
    "BAT54": {"model": "BAT54"},
    "high injection and breakdown": {"model": ".model knee D(IS=1e-8 N=1.8 RS=10 IKF=10m BV=50 IBV=10u)"},
}
"""Arguments of the diode layers."""

QUICK = ["behavioural diodes", PLAIN, RESISTIVE]
"""Kinds of the small version: those whose speeds are compared."""

SAMPLES_PER_SECOND = {PLAIN: 40_000.0, RESISTIVE: 24_000.0, "1N4148": 24_000.0, "MOS diodes": 24_000.0}
COMPILE_SECONDS = 7.0
OF_BEHAVIOURAL = 0.3
OF_NGSPICE = 50.0
COST_OF_RESISTANCE = 1.5
WORKERS = 2
TURNS, SECONDS = 5, 1.5


def rows(quick: bool = False) -> Iterator[Row]:
    """Speed and compilation of each kind, and their ratios to behavioural diodes, to no resistance and to ngspice."""
    task = {"task": "devices", "turns": 1, "seconds": 0.1, "kinds": QUICK} if quick else {"task": "devices"}
    with tempfile.TemporaryDirectory() as folder:
        measured = fresh.run(task, {"EBANA_CACHE_DIR": folder})["kinds"]
    speeds = {kind: found["samples_per_second"] for kind, found in measured.items()}
    ideal = speeds["behavioural diodes"]
    for kind, found in measured.items():
        least = None if quick else SAMPLES_PER_SECOND.get(kind)
        note = f"{found['unconverged']} unconverged, {speeds[kind] / ideal:.2f} of behavioural ones"
        yield Row(SECTION, kind, speeds[kind], "samples/s", least, "high", note)
    for kind, found in measured.items():
        aimed = COMPILE_SECONDS if kind in SAMPLES_PER_SECOND and not quick else None
        yield Row(SECTION, f"{kind}, compilation", found["compile_seconds"], "s", aimed)
    plain, resistive = speeds[PLAIN], speeds[RESISTIVE]
    aims = (None, None) if quick else (OF_BEHAVIOURAL, COST_OF_RESISTANCE)
    yield Row(SECTION, f"{PLAIN}, of behavioural ones", plain / ideal, "x", aims[0], "high")
    yield Row(SECTION, "cost of RS", plain / resistive, "x", aims[1], "low")
    if quick:
        return
    if not (state := available())[0]:
        yield skipped(SECTION, "native / ngspice", state[1])
        return
    for kind in SAMPLES_PER_SECOND:
        other = fresh.run({"task": "device_in_ngspice", "kind": kind, "workers": WORKERS})[
            "samples_per_second"
        ]
        note = f"{other:.0f} samples/s on ngspice, {WORKERS} workers"
        aimed = None if kind == PLAIN else OF_NGSPICE
        yield Row(SECTION, f"{kind}, native / ngspice", speeds[kind] / other, "x", aimed, "high", note)


def train(
    turns: int = TURNS, seconds: float = SECONDS, kinds: Iterable[str] = tuple(KINDS)
) -> dict[str, Any]:
    """Train each kind in turn, ``turns`` times for about so many seconds."""
    from ebana import recipes

    iris = recipes.get("iris")
    split = iris.data(0)
    data = iris.dataset(split.x_train, split.y_train)
    models = {kind: iris.build(0, device=KINDS[kind]) for kind in kinds}
    found: dict[str, dict[str, Any]] = {}
    for kind, model in models.items():
        settings = model.fit(data, **iris.fit_options(0, 10), verbose=False).settings
        found[kind] = {"compile_seconds": settings["compile_seconds"], "samples_per_second": 0.0}
        speed = model.fit(data, **iris.fit_options(0, 20), verbose=False).settings["samples_per_second"]
        found[kind]["epochs"] = max(20, int(seconds * speed / len(data)))
    for _ in range(turns):
        for kind, model in models.items():
            history = model.fit(data, **iris.fit_options(0, found[kind]["epochs"]), verbose=False)
            best = max(found[kind]["samples_per_second"], history.settings["samples_per_second"])
            lost = int(sum(history.history["unconverged"]))
            found[kind] |= {"samples_per_second": best, "unconverged": lost}
    return {"kinds": found}


def in_ngspice(kind: str, workers: int) -> dict[str, Any]:
    """The same network in ngspice."""
    from benchmarks.spice import samples_per_second
    from ebana.engines.spice import ENGINES

    engine = ENGINES["ngspice"](workers=workers)
    return {"samples_per_second": samples_per_second(engine, 6, KINDS[kind])}
