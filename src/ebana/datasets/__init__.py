"""Named data sets, split into a training and a test part and scaled to volts."""

from ebana.datasets.catalogue import load, names
from ebana.datasets.split import Split
from ebana.datasets.validation import inner_split

__all__ = ["Split", "inner_split", "load", "names"]
