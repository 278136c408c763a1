"""The built-in solver."""

from ebana.engines.native.engine import NativeEngine

__all__ = ["NativeEngine"]
