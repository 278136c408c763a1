"""How the conductances of a crossbar start, and the bounds they keep while they are trained.

Each rule draws from an interval [low, high] and clips to [g_min, g_max], all in siemens:

    uniform, log_uniform    [L, U]
    glorot, glorot_log      [L, U / sqrt(n_in + n_out + 1)]
    he                      [L, U / sqrt(n_in)]
    rectified               [-U / sqrt(n_in), U / sqrt(n_in)], so that half of them start at g_min

A ``log`` rule draws the logarithm uniformly, which suits conductances that span decades. A crossbar of
many rows draws more current into each column, so the last three lower the upper end as it grows.

Conductances start at microsiemens, as those of devices that learn do: a volt across one costs microwatts. The
published EBANA code starts at tens of millisiemens; a rule that is named by its argument ``init_type=`` does too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from ebana.frozen import FrozenMapping
from ebana.layers.base import either
from ebana.storage.described import by_type, number, record, text
from ebana.units import quantity

ALIASES = {
    "uniform": "uniform",
    "random_uniform": "uniform",
    "log_uniform": "log_uniform",
    "glorot": "glorot",
    "glorot_uniform": "glorot",
    "glorot_log": "glorot_log",
    "glorot_log_uniform": "glorot_log",
    "he": "he",
    "he_uniform": "he",
    "rectified": "rectified",
}
"""Accepted names of the rules."""

KEYS = {
    "L": "L",
    "U": "U",
    "g_min": "g_min",
    "g_max": "g_max",
    "init_low": "L",
    "init_high": "U",
    "clip_low": "g_min",
    "clip_high": "g_max",
}
"""Accepted keys of ``params``: two families that mean the same."""

OHMS = {"r_min": "g_max", "r_max": "g_min", "init_r_min": "U", "init_r_max": "L"}
"""Keys of ``params`` in ohms, and the conductances that are their inverses."""

UNIFORM = ("uniform", "log_uniform")
"""Rules whose interval does not shrink as the crossbar grows."""

UNIFORM_INTERVAL = (1e-7, 1e-5)
"""Default L and U of the uniform rules, siemens."""

SCALED_INTERVAL = (1e-7, 4e-5)
"""Default L and U of the rules that scale with the size of the crossbar, siemens."""

BOUNDS = (1e-7, 1e-4)
"""Default g_min and g_max in siemens, where no interval is given."""

PUBLISHED: Mapping[str, Mapping[str, float]] = FrozenMapping(
    {
        **dict.fromkeys(UNIFORM, FrozenMapping({"L": 1e-4, "U": 1e-1})),
        **dict.fromkeys(("glorot", "glorot_log", "he"), FrozenMapping({"L": 1e-7, "U": 0.08})),
        "rectified": FrozenMapping({"L": 1e-7, "U": 1.0}),
    }
)
"""Intervals of the published EBANA code."""

STORED = by_type(str=text, dict=record({"init_type": text, "params": record(dict.fromkeys(KEYS, number))}))
"""Check of a stored initializer."""

WIDEST_BOUNDS = (1e-7, 1.0)
"""Default g_min and g_max in siemens where L or U is given; they give way where L lies below or U above."""


@dataclass(frozen=True)
class Initializers:
    """How conductances start, and their bounds.

    Args:
        init_type: ``"uniform"`` (default), ``"log_uniform"``, ``"glorot"``, ``"glorot_log"``, ``"he"`` or
            ``"rectified"`` (which has no ``L``);
            ``"random_uniform"``, ``"glorot_uniform"`` and ``"he_uniform"`` are accepted too.
        params: siemens, all above zero. ``L`` and ``U`` (also spelled ``init_low``, ``init_high``): the
            interval to draw from, 1e-7 to 1e-5 for the uniform rules and 1e-7 to 4e-5 for the others.
            ``g_min`` and ``g_max`` (also ``clip_low``, ``clip_high``): bounds of the start values and of
            training: 1e-7 to 1e-4; where L or U is given 1e-7 to 1, unless L lies below or U above.
            In their places resistances, in ohms or as text such as ``"4.7k"``: ``init_r_min`` and ``init_r_max`` of the
            interval, ``r_min`` and ``r_max`` of the bounds.

    Raises:
        ValueError: for an unknown rule or key, or values that are not positive and in order.

    Example:
        >>> glorot = Initializers(init_type="glorot", params={"L": 1e-7, "U": 8e-6, "g_max": 2e-5})
        >>> glorot.bounds
        (1e-07, 2e-05)
        >>> g = glorot.sample((9, 10), 9, 10, np.random.default_rng(0))
        >>> g.shape, bool(g.min() >= 1e-7), bool(g.max() <= 8e-6 / 20**0.5)
        ((9, 10), True, True)
        >>> Initializers("uniform", {"r_min": "10k", "r_max": "1Meg"}).bounds
        (1e-06, 0.0001)
    """

    init_type: str = "uniform"
    params: Mapping[str, Any] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        rule = ALIASES.get(self.init_type) if isinstance(self.init_type, str) else None
        if rule is None:
            raise ValueError(f"unknown initializer {self.init_type!r}. Expected one of {_listed(ALIASES)}.")
        object.__setattr__(self, "init_type", rule)
        interval = UNIFORM_INTERVAL if rule in UNIFORM else SCALED_INTERVAL
        params = _complete(_canonical(self.params or {}), interval)
        _check(params)
        object.__setattr__(self, "params", FrozenMapping(params))

    @property
    def bounds(self) -> tuple[float, float]:
        """``(g_min, g_max)`` in siemens: what projection keeps the conductances within."""
        params = self.params or {}
        return params["g_min"], params["g_max"]

    def interval(self, n_in: int, n_out: int) -> tuple[float, float]:
        """The interval to draw from before clipping, in siemens, for a crossbar of that size."""
        params = self.params or {}
        high = params["U"] * _shrink(self.init_type, n_in, n_out)
        low = -high if self.init_type == "rectified" else params["L"]
        if low > high:
            raise ValueError(
                f"initializer {self.init_type!r} on a crossbar of {n_in} x {n_out}: its upper limit is "
                f"{high:.3g} S (U={params['U']:g} S, scaled by the size), below L={low:g} S. "
                "Lower L or raise U."
            )
        return low, high

    def sample(self, shape: tuple[int, ...], n_in: int, n_out: int, rng: np.random.Generator) -> np.ndarray:
        """Draw conductances.

        Args:
            shape: shape of the result.
            n_in, n_out: number of rows and columns of the crossbar, which scale the interval.
            rng: source of randomness; the same generator state gives the same values.

        Returns:
            Conductances in siemens, float64, within :attr:`bounds`.

        Raises:
            ValueError: if the scaled interval is empty.
        """
        low, high = self.interval(n_in, n_out)
        if self.init_type in ("log_uniform", "glorot_log"):
            drawn = np.exp(rng.uniform(math.log(low), math.log(high), shape))
        else:
            drawn = rng.uniform(low, high, shape)
        return np.clip(drawn, *self.bounds)

    def mean(self, n_in: int, n_out: int) -> float:
        """The conductance to expect of a crossbar of that size, siemens.

        Example:
            >>> Initializers("uniform", {"L": 1e-6, "U": 3e-6}).mean(4, 4)
            2e-06
        """
        low, high = self.interval(n_in, n_out)
        if self.init_type == "rectified":
            return max(high / 4.0, self.bounds[0])
        if self.init_type in ("log_uniform", "glorot_log") and low < high:
            return (high - low) / math.log(high / low)
        return (low + high) / 2.0

    def to_config(self) -> dict[str, Any]:
        """JSON-compatible description; :func:`get` and :meth:`from_config` read it back."""
        return {"init_type": self.init_type, "params": dict(self.params or {})}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Initializers:
        """The inverse of :meth:`to_config`."""
        unknown = sorted(set(config) - {"init_type", "params"})
        if unknown:
            raise ValueError(
                f"initializer description has the keys {unknown}. Expected 'init_type' and 'params'."
            )
        return cls(**config)


def get(spec: Any = None) -> Initializers:
    """Resolve an initializer: a name, an object with ``sample`` and ``bounds``, its description, or None.

    Example:
        >>> get("glorot").init_type
        'glorot'
        >>> get(None).params["U"]
        1e-05
    """
    if spec is None:
        return Initializers()
    if isinstance(spec, str):
        return Initializers(spec)
    if isinstance(spec, Mapping):
        return Initializers.from_config(spec)
    if not isinstance(spec, type) and hasattr(spec, "sample") and hasattr(spec, "bounds"):
        return spec
    raise ValueError(
        f"cannot make an initializer of {spec!r}. Expected one of {_listed(ALIASES)}, "
        "or an Initializers object."
    )


def spelled(layer_name: str, init_type: object, initializer: object) -> Any:
    """The initializer of a layer by its two arguments, of which ``init_type`` is the published one.

    A rule that ``init_type`` names has the published intervals; a rule that ``initializer`` names, and the
    default, has ours. Objects are the same in both.

    Example:
        >>> spelled("d1", "glorot", None).params["U"], spelled("d1", None, "glorot").params["U"]
        (0.08, 4e-05)
    """
    given = either(layer_name, None, init_type=init_type, initializer=initializer)
    if isinstance(init_type, str) and init_type in ALIASES:
        return Initializers(init_type, PUBLISHED[ALIASES[init_type]])
    return get(given)


def _listed(names: Mapping[str, str]) -> str:
    return ", ".join(map(repr, names))


def _canonical(params: Mapping[str, Any]) -> dict[str, float]:
    """Both families of keys to one, each value checked to be a positive number."""
    found: dict[str, float] = {}
    for key, value in params.items():
        if key in OHMS:
            key, value = OHMS[key], 1.0 / _resistance(key, value)
        if key not in KEYS:
            raise ValueError(
                f"initializer has no parameter {key!r}. Expected some of {_listed(KEYS | OHMS)}."
            )
        if KEYS[key] in found:
            raise ValueError(f"initializer got {KEYS[key]!r} in two spellings, {sorted(params)}. Give one.")
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
            raise ValueError(
                f"initializer parameter {key}={value!r}. Expected a conductance above zero, in siemens."
            )
        found[KEYS[key]] = float(value)
    return found


def _resistance(key: str, value: Any) -> float:
    """Ohms, checked to be a positive number."""
    ohms = quantity(value, "Ω", f"initializer parameter {key}") if isinstance(value, str | Real) else math.nan
    if isinstance(value, bool) or not 0 < ohms < math.inf:
        raise ValueError(
            f"initializer parameter {key}={value!r}. Expected a resistance above zero, in ohms or as text."
        )
    return ohms


def _complete(given: dict[str, float], interval: tuple[float, float]) -> dict[str, float]:
    """Fill in what was not given."""
    low, high = given.get("L", interval[0]), given.get("U", interval[1])
    if "L" not in given:  # a narrower wish for the rest must not fail on a default
        low = min(low, high, given.get("g_max", math.inf))
    if "U" not in given:
        high = max(high, low)
    least, most = WIDEST_BOUNDS if {"L", "U"} & set(given) else BOUNDS
    return {
        "L": low,
        "U": high,
        "g_min": given.get("g_min", min(least, low)),
        "g_max": given.get("g_max", max(most, high)),
    }


def _check(params: Mapping[str, float]) -> None:
    low, high, g_min, g_max = (params[key] for key in ("L", "U", "g_min", "g_max"))
    if low > high:
        raise ValueError(f"initializer interval L={low:g} S, U={high:g} S. Expected L at most U.")
    if not g_min < g_max:
        raise ValueError(
            f"initializer bounds g_min={g_min:g} S, g_max={g_max:g} S. Expected g_min below g_max."
        )
    if low > g_max or high < g_min:
        raise ValueError(
            f"initializer draws from {low:g} to {high:g} S, all outside its bounds {g_min:g} to {g_max:g} S. "
            "Let the interval overlap the bounds."
        )


def _shrink(rule: str, n_in: int, n_out: int) -> float:
    if rule.startswith("glorot"):
        return 1.0 / math.sqrt(n_in + n_out + 1)
    return 1.0 / math.sqrt(max(n_in, 1)) if rule in ("he", "rectified") else 1.0
