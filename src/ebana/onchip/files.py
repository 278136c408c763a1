"""Chips and their trainings as files: descriptions as JSON, voltages and charges as arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from ebana._types import FilePath
from ebana.onchip.description import Network, UpdateCircuit
from ebana.onchip.synapse import Synapse
from ebana.onchip.transistors.cards import Cards
from ebana.onchip.transistors.process import Process
from ebana.storage import archive, differences
from ebana.storage.archive import Arrays
from ebana.storage.described import Described, corrupt
from ebana.storage.parts import decoded

T = TypeVar("T")

CHECKPOINT, CHIP = "on-chip checkpoint", "chip"


def described(value: Any) -> Any:
    """A data class as JSON has it, or None."""
    return json.loads(json.dumps(asdict(cast(Any, value)))) if is_dataclass(value) else value


def checksum(*arrays: np.ndarray) -> str:
    """Of the content of arrays."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(repr((array.shape, array.dtype.str)).encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:16]


def classes(network: Network) -> list[str]:
    """Names of classes of the user's own that a network is made of."""
    own = [type(network.synapse), *(type(layer.update) for layer in network.layers)]
    return sorted({made.__qualname__ for made in own if made not in (Synapse, UpdateCircuit)})


def write(path: FilePath, kind: str, metadata: Mapping[str, Any], arrays: Arrays) -> Path:
    """Write a file, all or nothing; returns where."""
    archive.write(path, kind, metadata, arrays)
    return Path(path)


def read(path: FilePath, kind: str) -> tuple[dict[str, Any], Arrays]:
    """Read a file of a kind."""
    return archive.read(path, kind)


def require_same(path: FilePath, found: Any, wanted: Any) -> None:
    """Refuse to go on with another training."""
    if found != wanted:
        raise ValueError(
            f"{path} is of another training ({differences.told(found, wanted)}). Go on with what it was made with, "
            "or leave out resume=."
        )


def network_of(metadata: Mapping[str, Any], path: FilePath) -> Network:
    """The network that a file describes, made of the package's own classes."""
    own = metadata.get("classes")
    if own:
        raise ValueError(
            f"{path} holds a network with classes of a user's own ({', '.join(map(str, own))}), which a file cannot "
            "make. Give the network: OnChip.load(path, network=...)."
        )
    return decoded(Network, metadata.get("network"), Path(path))


def seeds_of(metadata: Mapping[str, Any], path: FilePath) -> list[int]:
    """The seeds that a file names."""
    stated = Described(dict(metadata), str(path), "the description")["seeds"]
    return [seed.whole() for seed in stated.each()]


def optional(kind: type[T], value: Any, path: FilePath) -> T | None:
    """A data class of a file, or None."""
    return None if value is None else decoded(kind, value, Path(path))


def progress(metadata: Mapping[str, Any], lanes: int, most: int, path: FilePath) -> tuple[list[int], float]:
    """How many parts are done, by lane, and seconds of processor time so far."""
    stated = Described(dict(metadata), str(path), "the description")
    parts = [part.whole(0, most) for part in stated["parts"].each(lanes)]
    return parts, float(stated["seconds"].number())


def described_process(process: Process) -> dict[str, Any]:
    """The transistors as JSON has them; cards of a user's own by their checksum."""
    if isinstance(process.source, Cards):
        return {"cards": process.source.digest}
    return {"source": process.source, "corner": process.corner, "celsius": process.celsius}


def process_of(metadata: Mapping[str, Any], path: FilePath) -> Process:
    """The transistors that a file names."""
    stated = metadata.get("process")
    if not isinstance(stated, dict) or "cards" in stated:
        raise ValueError(
            f"{path} was made with cards of a user's own. Give the engine: OnChip.load(path, engine=...)."
        )
    try:
        return Process(**stated)
    except (TypeError, ValueError) as error:
        raise corrupt(str(path), f"its process is {stated} ({error})") from None


def before_of(metadata: Mapping[str, Any], path: FilePath) -> list[int]:
    """Epochs and points that chips had seen."""
    stated = Described(dict(metadata), str(path), "the description")["before"]
    return [count.whole() for count in stated.each(2)]


def filled(
    old: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], path: FilePath
) -> dict[str, np.ndarray]:
    """Arrays of a file that take the place of others, of the same names and shapes."""
    wrong = sorted(
        name
        for name in {*old, *found}
        if name not in old or name not in found or np.shape(old[name]) != np.shape(found[name])
    )
    if wrong:
        raise corrupt(str(path), f"its arrays {', '.join(wrong)} are not those of this chip")
    return {name: np.asarray(found[name]) for name in old}
