"""Ctrl-C and SIGTERM while a run lasts: none is lost, and the caller's handlers come back."""

# ruff: noqa: PT012 - what is not reached after a signal is what these tests are about

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import weakref

import pytest

from ebana.interruption import Terminated, check, deferred, watched

STOPS = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}


@pytest.fixture(autouse=True)
def handlers():
    """The handlers of an ordinary process, which every test has to leave as they were."""
    before = [signal.getsignal(number) for number in STOPS]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) == before[1]
    signal.signal(signal.SIGINT, before[0])


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_stops_at_once_where_nothing_defers_it(number):
    reached = False
    with pytest.raises(STOPS[number]), watched():
        signal.raise_signal(number)
        reached = True
    assert not reached


@pytest.mark.parametrize("number", STOPS)
def test_a_deferred_signal_waits_for_the_next_check(number):
    done = []
    with pytest.raises(STOPS[number]), watched(), deferred():
        for step in range(3):
            check()
            signal.raise_signal(number)
            done.append(step)
    assert done == [0]


@pytest.mark.parametrize("number", STOPS)
def test_a_second_signal_does_not_wait(number):
    done = []
    with pytest.raises(STOPS[number]), watched(), deferred():
        signal.raise_signal(number)
        done.append("after the first")
        signal.raise_signal(number)
        done.append("after the second")
    assert done == ["after the first"]


def test_a_signal_whose_exception_is_swallowed_stops_at_the_next_check():
    reached = []
    with pytest.raises(KeyboardInterrupt), watched():
        _in_a_callback_of_the_garbage_collector(lambda: signal.raise_signal(signal.SIGINT))
        reached.append("after the callback")
        check()
        reached.append("after the check")
    assert reached == ["after the callback"]


def test_an_exception_that_was_ignored_is_raised_again_a_moment_later():
    reached = []
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), watched():
        _in_a_callback_of_the_garbage_collector(lambda: signal.raise_signal(signal.SIGINT), hidden=False)
        reached.append("after the callback")
        while time.monotonic() - started < 20:
            pass
        reached.append("after the loop")
    assert reached == ["after the callback"]


def test_other_ignored_exceptions_are_told_as_ever():
    told, before = [], sys.unraisablehook
    sys.unraisablehook = told.append
    try:
        with watched():
            _in_a_callback_of_the_garbage_collector(lambda: 1 / 0, hidden=False)
        assert [unraisable.exc_type for unraisable in told] == [ZeroDivisionError]
        told.clear()
        assert sys.unraisablehook == told.append
    finally:
        sys.unraisablehook = before


def test_a_signal_whose_exception_becomes_another_one_stops_all_the_same():
    with pytest.raises(KeyboardInterrupt), watched():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("a callback failed") from None


def test_a_signal_that_nothing_checks_stops_at_the_end():
    reached = []
    with pytest.raises(KeyboardInterrupt), watched():
        _in_a_callback_of_the_garbage_collector(lambda: signal.raise_signal(signal.SIGINT))
        reached.append("after the callback")
    assert reached


def _in_a_callback_of_the_garbage_collector(act, hidden: bool = True) -> None:
    """Python reports what is raised there as ignored, where that is not hidden, and goes on."""

    class Thing:
        pass

    thing, hook = Thing(), sys.unraisablehook
    watch = weakref.ref(thing, lambda _: act())
    if hidden:
        sys.unraisablehook = lambda _: None
    try:
        del thing
    finally:
        sys.unraisablehook = hook
    assert watch() is None


def test_a_signal_counts_once():
    with pytest.raises(KeyboardInterrupt), watched(), deferred():
        signal.raise_signal(signal.SIGINT)
        try:
            check()
        finally:
            check()  # delivered already


def test_a_handler_of_the_callers_own_is_called_later_and_may_go_on():
    came = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with watched(), deferred():
            signal.raise_signal(signal.SIGTERM)
            assert came == []
            check()
            assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("left", [signal.SIG_IGN, signal.SIG_DFL])
def test_what_the_caller_set_for_ctrl_c_stays(left):
    before = signal.signal(signal.SIGINT, left)
    try:
        with watched():
            assert signal.getsignal(signal.SIGINT) == left
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_handler_that_is_set_in_between_stays():
    def own(*_):
        return None

    before = signal.getsignal(signal.SIGINT)
    with watched():
        signal.signal(signal.SIGINT, own)
    assert signal.getsignal(signal.SIGINT) is own
    signal.signal(signal.SIGINT, before)


def test_inner_watches_leave_the_handlers_to_the_outer_one():
    with watched():
        ours = signal.getsignal(signal.SIGINT)
        assert ours is not signal.default_int_handler
        with watched():
            assert signal.getsignal(signal.SIGINT) is ours
        assert signal.getsignal(signal.SIGINT) is ours


def test_other_threads_change_nothing():
    seen = []

    def run():
        with watched(), deferred():
            check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_a_forked_process_ends_by_its_signals_as_ever():
    script = """
import os, signal, time
from ebana.interruption import deferred, watched
with watched(), deferred():
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    time.sleep(0.2)
    os.kill(child, signal.SIGTERM)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == str(-signal.SIGTERM)


def test_sigterm_ends_a_script_with_143():
    script = """
import os, signal
from ebana.interruption import check, deferred, watched
with watched(), deferred():
    os.kill(os.getpid(), signal.SIGTERM)
    check()
print("not reached")
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.SIGTERM, "", "")
