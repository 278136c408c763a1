"""Scellier, Ernoult, Kendall, Kumar (2023): seven energy-based learning rules compared on equal footing, here on a
resistive and on a Hopfield network with 100 hidden units, beside two rules that only software has.

The paper compares them on deep convolutional Hopfield networks. Its findings, not its figures, are what this run is
held to: negative perturbations train better than positive ones, and centered equilibrium propagation best of all.

Source: B. Scellier, M. Ernoult, J. Kendall, S. Kumar, Energy-based learning algorithms for analog computing: a
comparative study, NeurIPS 2023, arXiv:2312.15103.
"""

from ebana.reproductions.scellier2023.comparison import run
from ebana.reproductions.scellier2023.settings import CHOSEN, DATA, NETWORKS, PHYSICAL, RULES, Choice, Setup
from ebana.reproductions.scellier2023.single import Trained, train

__all__ = ["CHOSEN", "DATA", "NETWORKS", "PHYSICAL", "RULES", "Choice", "Setup", "Trained", "run", "train"]
