"""Files of ebana, damaged in every way: bytes, parts of the archive, the description, the arrays.

A mutation is a function of a file's bytes and a source of randomness, so that a seed repeats it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

MANIFEST = "manifest.json"
SUFFIX = ".safetensors"

Members = dict[str, bytes]
Arrays = dict[str, np.ndarray]
Mutation = Callable[[bytes, Random], bytes]


def mutate(content: bytes, seed: int) -> tuple[str, bytes]:
    """Damage a file.

    Args:
        content: bytes of a whole file.
        seed: tells which damage.

    Returns:
        What was done, and the bytes.
    """
    random = Random(seed)
    change = random.choices(MUTATIONS, weights=WEIGHTS)[0]
    return change.__name__.strip("_"), change(content, random)


# -- bytes -------------------------------------------------------------------------------------------


def _flipped(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 8, 64))):
        changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def _spliced(content: bytes, random: Random) -> bytes:
    """A piece left out, doubled, or put elsewhere."""
    a, b = sorted(random.randrange(len(content)) for _ in range(2))
    at = random.randrange(len(content))
    piece = content[a : min(b, a + 4096)]
    return random.choice(
        (
            content[:a] + content[b:],
            content[:at] + piece + content[at:],
            content[:at] + piece + content[at + len(piece) :],
        )
    )


# -- the archive -------------------------------------------------------------------------------------


def _members(content: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, part in members:
            archive.writestr(zipfile.ZipInfo(name), part, compression)
    return buffer.getvalue()


def _parts_changed(content: bytes, random: Random) -> bytes:
    """A part of the archive missing, renamed, twice, emptied, swapped with another, compressed, or one more."""
    parts = list(_members(content).items())
    i, j = random.randrange(len(parts)), random.randrange(len(parts))
    name, part = parts[i]
    kind = random.randrange(8)
    if kind == 0:
        del parts[i]
    elif kind == 1:
        parts[i] = random.choice(("../x", "/etc/x", "x", MANIFEST, name.upper(), "")), part
    elif kind == 2:
        parts.append((name + random.choice(("", SUFFIX)), part))
    elif kind == 3:
        parts[i] = name, b""
    elif kind == 4:
        parts[i], parts[j] = (name, parts[j][1]), (parts[j][0], part)
    elif kind == 5:
        return _packed([*parts, ("bomb", bytes(10**6))], zipfile.ZIP_DEFLATED)
    elif kind == 6:
        parts.append((f"more{SUFFIX}", save_tensors({"a": np.zeros(3)})))
    else:
        parts[i] = name, part[: random.randrange(len(part) + 1)]
    if len({each for each, _ in parts}) < len(parts):  # zipfile warns
        return _flipped(content, random)
    return _packed(parts)


# -- the description ---------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 7, 255, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 2**64, 10**30, -(10**30), 10**400,
    0.5, -0.0, 1e-320, 1e308, -1e308, float("nan"), float("inf"), 1e16,
    "", "x", "0", "1e3", "-1", "a/b", "..", "=1+1", "\x1b[2J", "\ud800", "\u202e", "e\u0301" * 9, "y" * 3000,
    "InputVoltageLayer", "DenseLayer", "Layer", "object", "__class__", ".model D1 D(IS=1e-9)", "/etc/passwd",
    [], [None], [0], [1, 2], ["x", 0], [[]], [[["x", 0]]], [1.5, "x"], [1e308, -1e308], list(range(70)),
    {}, {"": 0}, {"x": {}}, {"name": "x"}, {"path": "/dev/zero", "model_name": "x"}, {"class": "DenseLayer"},
)  # fmt: skip
"""Values of every type, of sizes that hurt."""


def _places(value: Any, places: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every container of a description with every key in it."""
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        found = waiting.pop()
        for key in found if isinstance(found, dict) else range(len(found)):
            places.append((found, key))
            if isinstance(found[key], dict | list):
                waiting.append(found[key])
    return places


def _odd(random: Random) -> Any:
    return json.loads(json.dumps(random.choice(ODD)))


def _described(content: bytes, random: Random) -> bytes:
    """One to three changes of the description: values replaced, removed, moved, doubled, renamed, nested."""
    members = _members(content)
    manifest = json.loads(members[MANIFEST])
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = _places(manifest.get("metadata"), []) if random.random() < 0.93 else _places(manifest, [])
        if places:
            _change(*random.choice(places), random, places)
    return _with_manifest(members, json.dumps(manifest))


def _change(holder: Any, key: Any, random: Random, places: list[tuple[Any, Any]]) -> None:
    kind, old = random.randrange(9), holder[key]
    other_holder, other_key = random.choice(places)
    if kind in (0, 1, 2):
        holder[key] = _odd(random)
    elif kind == 3:
        del holder[key]
    elif kind == 4:  # a copy, so that no description holds itself
        holder[key] = json.loads(json.dumps(other_holder[other_key]))
    elif kind == 5 and isinstance(holder, dict):
        holder[random.choice((f"{key}_", key.upper(), "", "x", "\x1b[31m", "inverts"))] = holder.pop(key)
    elif kind == 5 or kind == 6:
        copy = json.loads(json.dumps(old))
        holder.append(copy) if isinstance(holder, list) else holder.update({f"{key} ": copy})
    elif kind == 7 and isinstance(old, int | float) and not isinstance(old, bool) and abs(old) < 1e300:
        holder[key] = random.choice(
            (-old, old + 1, old - 1, old * 1000, 1e30 * old, str(old), [old], float(old))
        )
    else:
        for _ in range(random.choice((1, 5, 60, 100, 300))):
            old = [old]
        holder[key] = old


def _text_changed(content: bytes, random: Random) -> bytes:
    """The description as text: a name twice, deep nesting, numbers that are none, another encoding."""
    members = _members(content)
    text = members[MANIFEST].decode()
    kind = random.randrange(6)
    if kind == 0:
        lines = text.split("\n")
        i = random.randrange(len(lines))
        return _with_manifest(members, "\n".join([*lines[: i + 1], lines[i], *lines[i + 1 :]]))
    if kind == 1:
        opening = random.choice("[{") * random.choice((100, 10**4, 10**5))
        return _with_manifest(members, text.replace(": ", f": {opening}", 1))
    if kind == 2:
        odd = random.choice(
            ("NaN", "Infinity", "-Infinity", "1e999", "0x10", "1" * 5000, "'x'", "\\ud800", "01")
        )
        numbers = [i for i, sign in enumerate(text) if sign in "0123456789"]
        i = random.choice(numbers)
        return _with_manifest(members, text[:i] + odd + text[i + 1 :])
    if kind == 3:
        return _packed(
            [*((n, p) for n, p in members.items() if n != MANIFEST), (MANIFEST, text.encode("utf-16"))]
        )
    i = random.randrange(len(text))
    sign = random.choice('{}[],:"\\\0 \n0-')
    return _with_manifest(members, text[:i] + sign + text[i + (kind == 4) :])


def _with_manifest(members: Members, text: str) -> bytes:
    return _packed(list({**members, MANIFEST: text.encode(errors="surrogatepass")}.items()))


# -- the arrays --------------------------------------------------------------------------------------


def _arrays_changed(content: bytes, random: Random) -> bytes:
    """Arrays missing, renamed, more, swapped, of other shapes, types and values."""
    members = _members(content)
    part = random.choice([name for name in members if name != MANIFEST])
    arrays = load_tensors(members[part])
    for _ in range(random.choice((1, 1, 2))):
        if arrays:
            _change_array(arrays, random)
    members[part] = save_tensors(arrays)
    return _packed(list(members.items()))


def _change_array(arrays: Arrays, random: Random) -> None:
    name, other = (random.choice(list(arrays)) for _ in range(2))
    array, kind = arrays[name], random.randrange(10)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[random.choice(("", "x", "0/x", "-1/free", "99/free", f"{name}_", "\x1b[2J"))] = arrays.pop(
            name
        )
    elif kind == 2:
        arrays[name], arrays[other] = arrays[other], array
    elif kind == 3:
        dtype = random.choice(("float32", "float16", "int64", "uint8", "bool"))
        with np.errstate(all="ignore"):
            arrays[name] = array.astype(dtype)
    elif kind == 4:
        arrays[name] = np.full_like(array, random.choice((0, 1, 100)))
    elif kind == 5 and array.dtype.kind == "f":
        with np.errstate(all="ignore"):
            arrays[name] = np.asarray(
                array * array.dtype.type(random.choice((np.nan, np.inf, -1, 1e30, 1e-30)))
            )
    elif kind == 6:
        arrays[name] = array.reshape(random.choice(((-1,), (1, *array.shape), (*array.shape, 1))))
    elif kind == 7:
        arrays[name] = np.zeros(
            random.choice(((0,), (), (0, 2**40), (1,) * 40, (3, 0, 3), (1000,))), array.dtype
        )
    elif kind == 8 and array.size:
        arrays[name] = array.ravel()[: random.randrange(array.size)]
    else:
        arrays[f"{name}2"] = array.copy()


def _header_changed(content: bytes, random: Random) -> bytes:
    """What the arrays announce of themselves: types, shapes and places in the file that do not fit."""
    members = _members(content)
    part = random.choice([name for name in members if name != MANIFEST])
    raw = members[part]
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    if header:
        entry = header[random.choice(list(header))]
        entry[random.choice(("dtype", "shape", "data_offsets"))] = random.choice(
            (
                "BF16",
                "F8_E4M3",
                "C64",
                "I4",
                "F32",
                [2**40],
                [2**63, 2**63],
                [0],
                [0, 2**62],
                [],
                [-1],
                [0, 10**9],
                None,
                {},
            )
        )
    text = json.dumps(header).encode()
    length = random.choice((len(text),) * 5 + (0, 2**63, 2**31))
    members[part] = length.to_bytes(8, "little") + text + raw[8 + size :]
    return _packed(list(members.items()))


MUTATIONS: tuple[Mutation, ...] = (
    _described, _arrays_changed, _text_changed, _header_changed, _parts_changed, _flipped, _cut, _spliced,
)  # fmt: skip
WEIGHTS = (55, 15, 8, 5, 5, 5, 3, 4)
