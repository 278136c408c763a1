"""Ctrl-C and SIGTERM: kept as a flag while a run lasts, and acted on where it is safe to stop.

Python turns Ctrl-C into KeyboardInterrupt wherever it happens to be. Inside a callback of JAX, of ngspice or of the
garbage collector such an exception is swallowed or becomes another one, and the run goes on. So while a run lasts

- :func:`watched` has handlers of ours in place of Python's, and gives the caller's back at its end;
- within :func:`deferred` they only note that a signal has come, elsewhere they raise at once;
- :func:`check` raises for a signal that has come and stopped nothing yet. So does the end of :func:`watched`:
  none is lost, wherever its exception was swallowed;
- an exception that Python reports as ignored (``sys.unraisablehook``) is raised again a moment later.

A second signal raises at once. Ctrl-C is KeyboardInterrupt, SIGTERM is :class:`Terminated`. A handler of the
caller's own is called in place of that, as late; signals that are ignored, or that the caller lets end the process
at once on Ctrl-C, are left as they are. Python has handlers in the main thread only: elsewhere nothing is changed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

AGAIN = 0.05
"""Seconds until an exception that was ignored is raised again, outside of what ignored it."""

Handler = Callable[[int, FrameType | None], Any]


class Terminated(SystemExit):
    """SIGTERM has come. Where nobody catches it the process ends with exit code 143, as if the signal had ended it.

    Example:
        >>> Terminated().code
        143
    """

    def __init__(self) -> None:
        super().__init__(128 + signal.SIGTERM)


@dataclass
class _Watch:
    """What came while handlers of ours are in place.

    Args:
        process: the process that they are in place in; one that it forks inherits them.
        previous: the caller's handlers by signal.
        ours: the handlers in their place.
        came: the signal that has stopped nothing yet.
        signals: how many have come.
        deferring: how many :func:`deferred` there are around.
        previous_hook, hook: what is told of ignored exceptions, the caller's and ours.
    """

    process: int
    previous: dict[int, Any] = field(default_factory=dict)
    ours: dict[int, Handler] = field(default_factory=dict)
    came: int | None = None
    signals: int = 0
    deferring: int = 0
    previous_hook: Any = None
    hook: Any = None


_watch: _Watch | None = None


@contextmanager
def watched() -> Iterator[None]:
    """Catch Ctrl-C and SIGTERM while this lasts; a signal that has stopped nothing by its end does so there.

    Within another :func:`watched`, handlers stay as they are. Outside the main thread nothing is done.

    Raises:
        KeyboardInterrupt: for Ctrl-C.
        Terminated: for SIGTERM.

    Example:
        >>> with watched():
        ...     check()
    """
    global _watch
    if not _in_main_thread():
        yield
        return
    if _watch is not None:
        with _outcome(_watch):
            yield
        return
    watch = _Watch(os.getpid())
    with _outcome(watch):
        try:
            _watch = watch
            _install(watch)
            yield
        finally:
            watch.deferring += 1  # until all is as it was
            _watch = None
            _hand_back(watch)
            if sys.unraisablehook is watch.hook:
                sys.unraisablehook = watch.previous_hook


@contextmanager
def _outcome(watch: _Watch) -> Iterator[None]:
    """Let a signal that waits have its effect at the end, whatever the end is."""
    try:
        yield
    except (KeyboardInterrupt, Terminated):
        watch.came = None  # delivered
        raise
    except Exception:
        _act(watch)  # an exception of ours may have become this one on its way
        raise
    _act(watch)


@contextmanager
def deferred() -> Iterator[None]:
    """While this lasts a first signal waits for :func:`check`, so that what is under way is brought to its end."""
    watch = _watch if _in_main_thread() else None
    if watch is None:
        yield
        return
    watch.deferring += 1
    try:
        yield
    finally:
        watch.deferring -= 1


def check() -> None:
    """Stop here if a signal has come that has stopped nothing yet.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        Terminated: after SIGTERM.
    """
    if _watch is not None and _watch.came is not None and _in_main_thread():
        _act(_watch)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _install(watch: _Watch) -> None:
    """Our handlers in place of Python's and of the caller's own ones."""
    for number, leaves in ((signal.SIGINT, signal.SIG_DFL), (signal.SIGTERM, signal.SIG_IGN)):
        previous = signal.getsignal(number)
        if previous in (
            signal.SIG_IGN,
            leaves,
            None,
        ):  # None: not one of Python's, which cannot be brought back
            continue
        watch.previous[number], watch.ours[number] = previous, _handler(watch)
        signal.signal(number, watch.ours[number])
    watch.previous_hook, watch.hook = sys.unraisablehook, _hook(watch, sys.unraisablehook)
    sys.unraisablehook = watch.hook


def _hook(watch: _Watch, previous: Callable[[Any], Any]) -> Callable[[Any], None]:
    """Told of exceptions that nobody can catch: one of ours is raised again, when its place has been left."""

    def again() -> None:
        if _watch is watch and watch.came is not None:
            interrupt_main(signal.Signals(watch.came))

    def hook(unraisable: Any) -> None:
        if watch.came is None or not isinstance(unraisable.exc_value, KeyboardInterrupt | Terminated):
            previous(unraisable)
            return
        timer = threading.Timer(AGAIN, again)
        timer.daemon = True
        timer.start()

    return hook


def _handler(watch: _Watch) -> Handler:
    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() != watch.process:  # a process that was forked from the run
            _hand_back(watch)
            os.kill(os.getpid(), number)
            return
        watch.signals += 1
        watch.came = watch.came or number
        if watch.signals > 1 or not watch.deferring:
            _raise(watch, watch.came)

    return handle


def _act(watch: _Watch) -> None:
    """Raise for a signal that waits; from then on it counts as delivered."""
    if watch.came is not None:
        number, watch.came = watch.came, None
        _raise(watch, number)


def _raise(watch: _Watch, number: int) -> None:
    """What the signal would have done without us."""
    previous = watch.previous[number]
    if callable(previous) and previous is not signal.default_int_handler:
        watch.came, watch.signals = None, 0
        previous(number, None)
        return
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _hand_back(watch: _Watch) -> None:
    """The caller's handlers, where ours are still in place."""
    for number, previous in watch.previous.items():
        if signal.getsignal(number) is watch.ours.get(number):
            signal.signal(number, previous)
