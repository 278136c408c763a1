"""The built-in solver."""

from ebana.engines.native.engine import NativeEngine
from ebana.engines.native.swept import SweepEngine

__all__ = ["NativeEngine", "SweepEngine"]
