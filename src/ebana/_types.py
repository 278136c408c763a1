"""Names of the types that many rooms share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array | np.ndarray
"""An array of JAX or NumPy; traced ones count as JAX's."""

Values: TypeAlias = Mapping[str, Array]
"""Arrays by name: parameter values in SI units, inputs ``(B, columns)``, targets ``(B, units)``."""
