"""``ebana info``: versions, platform, engines."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from typing import Any

from ebana.cli.options import Json
from ebana.cli.terminal import Terminal
from ebana.spice.simulators.session import SIMULATORS, available

NAME = "info"


def run(json: Json = False) -> None:
    """Versions, platform, and engines with how to get the missing ones."""
    from ebana.reports.versions import versions

    terminal = Terminal(json)
    with terminal.quiet():
        result = {"versions": versions(), "platform": machine(), "engines": engines()}
        _show(result, terminal)
    terminal.result(result)


def machine() -> dict[str, Any]:
    """What the computer is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": cores,
        "python": sys.executable,
    }


def engines() -> dict[str, dict[str, Any]]:
    """Each engine: whether it can be used here, and its version or how to get it."""
    return {"native": _native(), **{name: _simulator(name) for name in SIMULATORS}}


def _native() -> dict[str, Any]:
    import jax

    devices = ", ".join(sorted({device.platform for device in jax.devices()}))
    return {"available": True, "details": f"built in, JAX {jax.__version__} on {devices}"}


def _simulator(name: str) -> dict[str, Any]:
    found, details = available(name)
    return {"available": found, "details": details}


def _show(result: Mapping[str, Any], terminal: Terminal) -> None:
    for heading in ("versions", "platform"):
        terminal.table(heading, [{"name": key, "value": value} for key, value in result[heading].items()])
    rows = [
        {"engine": name, "available": "yes" if engine["available"] else "no", "details": engine["details"]}
        for name, engine in result["engines"].items()
    ]
    terminal.table("engines", rows)
