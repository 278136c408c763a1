"""What layers of trained conductances have in common: rules of learning, and what no file can hold."""

from __future__ import annotations

from typing import Any

from ebana.local_rule import LocalRule

REBUILD = "save the values with model.save_values() and rebuild the model in Python."


def rule_of(layer: Any, shape: tuple[int, ...]) -> LocalRule | None:
    """The learning rule of a layer with ``grad_func``, for conductances of that shape; None for the gradient."""
    if layer.grad_func is None:
        return None
    if not callable(layer.grad_func):
        raise TypeError(
            f"{layer.kind_label} layer {layer.name!r}: grad_func={layer.grad_func!r}. Expected a function "
            "f(free, nudged) of two arrays of voltage drops, or None for the gradient."
        )
    return LocalRule(layer.grad_func, shape, f"{layer.kind_label} layer {layer.name!r}")


def expected(initializer: Any, n_in: int, n_out: int) -> float | None:
    """The conductance to expect of a crossbar, whatever is drawn; None where its initializer does not tell."""
    return initializer.mean(n_in, n_out) if hasattr(initializer, "mean") else None


def require_stored_form(layer: Any) -> None:
    """Raise TypeError for a layer that a file cannot hold."""
    named = f"{layer.kind_label} layer {layer.name!r}"
    if not hasattr(layer.initializer, "to_config"):
        raise TypeError(
            f"{named} starts from an initializer of class {type(layer.initializer).__name__}, which has no "
            f"to_config() and so no stored form. Add it, or {REBUILD}"
        )
    if layer.grad_func is not None:
        raise TypeError(f"{named} has a grad_func, and a function has no stored form. Instead, {REBUILD}")
