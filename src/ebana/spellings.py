"""Names of other libraries: what they call differently is taken, or answered with the name it has here.

The tables stand where the functions do; this module makes the errors.
"""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def also(
    renamed: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
    needless: Mapping[str, str] | None = None,
):
    """Let a function take the argument names of another library.

    Args:
        renamed: names that mean an argument of the function, ``{theirs: ours}``.
        refused: names that mean nothing here, ``{theirs: what to do}``.
        needless: names that ask for what is the case anyhow, ``{theirs: why}``; their values are not looked at.

    Example:
        >>> @also({"beta_1": "b1"}, {"amsgrad": "There is no AMSGrad; give optax.amsgrad as transform=."})
        ... def rule(b1=0.9):
        ...     return b1
        >>> rule(beta_1=0.5)
        0.5
        >>> rule(amsgrad=True)
        Traceback (most recent call last):
        ...
        TypeError: rule has no argument 'amsgrad'. There is no AMSGrad; give optax.amsgrad as transform=.
    """
    renamed, refused, needless = dict(renamed or {}), dict(refused or {}), dict(needless or {})

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        named = function.__qualname__.removesuffix(".__init__")
        known = inspect.signature(function).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in known.values())

        @functools.wraps(function)
        def call(*args: P.args, **options: P.kwargs) -> R:
            for theirs in options.keys() & needless.keys():
                del options[theirs]
            for theirs in [name for name in options if name in renamed or name in refused]:
                if theirs in refused:
                    raise TypeError(f"{named} has no argument {theirs!r}. {refused[theirs]}")
                ours = renamed[theirs]
                if ours in options:
                    raise TypeError(f"{named} got both {theirs}= and {ours}=, which mean the same. Give one.")
                options[ours] = options.pop(theirs)
            for name in () if open_ended else options.keys() - known.keys():
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
                if near:
                    raise TypeError(f"{named} has no argument {name!r}. Did you mean {near[0]}=?")
            return function(*args, **options)

        return call

    return decorate


def unknown(thing: object, name: str, answers: Mapping[str, str]) -> AttributeError:
    """The error of an attribute that a thing does not have, with the way that it has instead.

    Example:
        >>> print(unknown("text", "compile", {"compile": "Give optimizer= and loss_fn= to fit."}))
        'str' object has no attribute 'compile'. Give optimizer= and loss_fn= to fit.
    """
    more = f". {answers[name]}" if name in answers else ""
    return AttributeError(
        f"{type(thing).__name__!r} object has no attribute {name!r}{more}", name=name, obj=thing
    )


HOOK = "The update is the optimizer's: give a transform= to optimizers.Optimizer, or a rule of learning as grad_func=."
SAVED = "Metrics(save_phase_data=True) records all layers."
EBANA_HOOKS = {"weight_upata_func": HOOK, "weight_update_func": HOOK}
"""Arguments of the EBANA framework's layers that have another form here."""
EBANA_SAVED = {"save_sim_data": SAVED, "save_currents": SAVED}
"""Arguments of the EBANA framework's layers that ask for what is recorded anyhow."""
