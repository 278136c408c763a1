"""Circuits that train themselves: crossbars of transistors, weights that are charges, and what updates them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
