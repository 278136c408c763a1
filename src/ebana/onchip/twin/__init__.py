"""Twin networks that train themselves by coupled learning: a free and a clamped one, with common gates."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
