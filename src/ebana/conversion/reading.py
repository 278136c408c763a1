"""Which library a network is of, and its chain; no library is imported but the one that the object brings."""

from __future__ import annotations

from ebana.conversion.chain import SUPPORTED, Chain


def read(network: object) -> Chain:
    """The chain of a network.

    Args:
        network: a :class:`~ebana.conversion.chain.Chain`, or a network of PyTorch, Keras or scikit-learn.

    Raises:
        TypeError: for what is none of them.
        ValueError: for layers that cannot be converted, named.
    """
    if isinstance(network, Chain):
        return network
    libraries = {cls.__module__.split(".")[0] for cls in type(network).__mro__}
    if "torch" in libraries:
        from ebana.conversion import from_torch

        return from_torch.read(network)
    if "keras" in libraries:
        from ebana.conversion import from_keras

        return from_keras.read(network)
    if "sklearn" in libraries:
        from ebana.conversion import from_sklearn

        return from_sklearn.read(network)
    raise TypeError(
        f"convert() got {type(network).__module__}.{type(network).__qualname__}. Expected a torch.nn.Sequential, a "
        "keras.Sequential or functional model, or an MLPClassifier or MLPRegressor of scikit-learn, made of "
        f"{SUPPORTED}."
    )
