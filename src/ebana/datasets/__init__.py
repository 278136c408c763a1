"""Named data sets, split into a training and a test part and scaled to volts."""

from ebana.datasets.catalogue import load, names
from ebana.datasets.files import CorruptData, DownloadFailed
from ebana.datasets.idx import read_idx
from ebana.datasets.split import Split
from ebana.datasets.validation import hold_out, inner_split

__all__ = ["CorruptData", "DownloadFailed", "Split", "hold_out", "inner_split", "load", "names", "read_idx"]
