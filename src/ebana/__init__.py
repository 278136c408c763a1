"""ebana: design, train and validate analog neural networks.

Circuits of programmable conductances, diodes and amplifiers settle into the state of least energy;
equilibrium propagation trains them from two such states, with local measurements only.

The public names are listed in ``__init__.pyi``, and imported at their first use: what needs only a part of
the package (worker processes of simulators, the command line's help) starts without the rest.
"""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

try:
    __version__ = version("ebana")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0.0.0"
