"""Döll, Müller, Ulmann (2025): equilibrium propagation through memristors, and how wide their range has to be.

Six models of memristors drive the updates of networks of the EBANA framework on two classification tasks. What the
abstract states is what this run is held to: learning converges under nonlinear updates where the range of resistance is
at least one order of magnitude. The paper's models and data are not published as code; here six models of
:mod:`ebana.learning.programming` train two networks of this project.

Source: M. Döll, A. Müller, B. Ulmann, Learning dynamics in memristor-based equilibrium propagation, arXiv:2512.12428.
"""

from ebana.reproductions.doell2025.comparison import run
from ebana.reproductions.doell2025.networks import DATA
from ebana.reproductions.doell2025.threshold import MARGIN, Threshold, threshold

__all__ = ["DATA", "MARGIN", "Threshold", "run", "threshold"]
