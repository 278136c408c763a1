"""Nest and Ernoult (2024): feedforward-tied energy-based models, trained end to end.

Source: T. Nest, M. Ernoult, "Towards training digitally-tied analog blocks via hybrid gradient computation", NeurIPS
2024, arXiv 2409.03306.
"""

from ebana.reproductions.nest2024.at_rest import run as gradients
from ebana.reproductions.nest2024.data import DATA
from ebana.reproductions.nest2024.networks import MODELS, Network, network
from ebana.reproductions.nest2024.published import PUBLISHED
from ebana.reproductions.nest2024.table import run

__all__ = ["DATA", "MODELS", "PUBLISHED", "Network", "gradients", "network", "run"]
