"""Analog blocks in digital models: energy-based blocks as functions, and models made of both."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
