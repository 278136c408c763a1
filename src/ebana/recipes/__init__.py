"""Ready-made networks with the settings that train them, and circuits made for checks."""

from ebana.recipes.catalogue import PROBES, get, names, probe
from ebana.recipes.probe import Probe
from ebana.recipes.recipe import Recipe
from ebana.recipes.table import RECIPES

__all__ = ["PROBES", "RECIPES", "Probe", "Recipe", "get", "names", "probe"]
