"""The noise of a circuit's branches at its operating points, as densities of what stands in their equations.

A branch that states a current adds one of ``S`` A^2/Hz beside it, a branch that holds a voltage adds volts. Small ones
move the unknowns by ``dx = -J^-1 E w`` with the entries ``E`` of the branches in the equations, so that::

    S_x = J^-1 (E diag(S) E^T) J^-T
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ebana.circuit.relations import Linear, Nonlinear
from ebana.devices.noise import thermal
from ebana.equations.mna.laws import families
from ebana.equations.mna.system import System


@dataclass(frozen=True)
class BranchNoise:
    """Densities of all branches.

    Args:
        white, flicker: in A^2/Hz, or V^2/Hz of branches that hold; flicker at 1 Hz; ``(branches, B)``.
        stated: mask of the branches whose element states its noise, ``(branches,)``.
    """

    white: np.ndarray
    flicker: np.ndarray
    stated: np.ndarray


def branch_noise(
    system: System, parameters: Mapping[str, Any], x: np.ndarray, slopes: np.ndarray, kelvin: float
) -> BranchNoise:
    """Densities of all branches of a batch.

    Args:
        system: the equations.
        parameters: values by name, SI units.
        x: unknowns, ``(n, B)``.
        slopes: of all controls there, ``(controls, B)``.
        kelvin: temperature of conductances.
    """
    places = system.layout
    white, flicker = (np.zeros((len(places.held), system.batch)) for _ in range(2))
    stated = np.zeros(len(places.held), bool)
    laws, spots = [], []
    bent = iter(system.bent(system.controls(system.full(x))))
    for relation, spans, (start, stop) in zip(
        system.relations, places.controls, places.branches, strict=True
    ):
        law = relation.law
        if isinstance(law, Linear):
            if law.thermal:
                white[start:stop] = thermal(slopes[slice(*spans[0])], kelvin)
                stated[start:stop] = True
            continue
        controls = next(bent)
        if isinstance(law, Nonlinear) and law.model.states_noise:
            laws.append((law.model.noise_law, law.own(parameters), stop - start))
            spots.append((slice(start, stop), controls))
    for family in families(laws):
        at = [spots[k] for k in family.members]
        found = family.noise([controls for _, controls in at], kelvin)
        for (rows, _), (even, falling) in zip(at, found, strict=True):
            white[rows], flicker[rows], stated[rows] = even.T, falling.T, True
    return BranchNoise(white, flicker, stated)


def spectrum(entries: Any, densities: np.ndarray) -> csr_array:
    """``E diag(S) E^T``, ``(n, n)``.

    Args:
        entries: columns of some branches in the equations, E, ``(n, k)``, sparse.
        densities: of them, ``(k,)``.
    """
    scaled = csr_array(entries.multiply(np.sqrt(densities)[None, :]))
    return csr_array(scaled @ scaled.T)
