"""Workers share a job; those that die or hang are replaced, and no bit of the result changes."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time

import numpy as np
import pytest
from programs import DECK, expected, job, program

from ebana.spice.simulators.errors import SpiceError, WorkerLost
from ebana.spice.simulators.pool import WorkerPool
from ebana.spice.simulators.session import available, solve

FOUND, WHY = available("ngspice")
pytestmark = pytest.mark.skipif(not FOUND, reason=WHY)

VOLTS = np.linspace(-5, 30, 41)
MANY = np.tile(VOLTS, 300)


@pytest.fixture
def pool():
    pool = WorkerPool("ngspice", 2, timeout=5.0)
    yield pool
    pool.close()


def test_workers_give_the_bits_of_this_process(pool: WorkerPool) -> None:
    assert np.array_equal(pool.run(job(VOLTS)).v, solve("ngspice", job(VOLTS)).v)
    assert len(set(pool.pids)) == 2
    assert os.getpid() not in pool.pids


def test_there_may_be_more_workers_than_samples_and_no_samples() -> None:
    pool = WorkerPool("ngspice", 3)
    try:
        np.testing.assert_allclose(pool.run(job(VOLTS[:1])).v, expected(VOLTS[:1]), rtol=1e-9)
        assert pool.run(job(VOLTS[:0])).v.shape == (0, 2)
    finally:
        pool.close()


def test_a_pool_starts_in_two_seconds(pool: WorkerPool) -> None:
    start = time.perf_counter()
    pool.start()
    assert time.perf_counter() - start < 2.0


def test_a_worker_that_was_idle_when_it_died_is_replaced(pool: WorkerPool) -> None:
    pool.start()
    before = pool.pids
    os.kill(before[0], signal.SIGKILL)
    time.sleep(0.1)
    assert np.array_equal(pool.run(job(VOLTS)).v, solve("ngspice", job(VOLTS)).v)
    assert pool.replaced == 1
    assert len(set(before) & set(pool.pids)) == 1


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_lost_in_the_middle_of_a_batch_changes_no_bit(stop: signal.Signals) -> None:
    right = solve("ngspice", job(MANY))
    pool = WorkerPool("ngspice", 2, timeout=1.0)
    try:
        pool.start()
        victim = pool.pids[1]
        assassin = threading.Thread(target=_signal_when_at_work, args=(pool, 1, stop))
        assassin.start()
        outcome = pool.run(job(MANY))
        assassin.join()
        assert np.array_equal(outcome.v, right.v)
        assert not outcome.messages
        assert pool.replaced == 1
        assert victim not in pool.pids
        assert not _exists(victim)
    finally:
        pool.close()


def _signal_when_at_work(pool: WorkerPool, number: int, stop: signal.Signals) -> None:
    worker = pool._workers[number]
    while worker.task is None:  # a fixed delay is too long on a quiet machine and too short on a busy one
        time.sleep(1e-4)
    os.kill(worker.process.pid, stop)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_sample_that_kills_its_worker_is_found_and_the_others_are_solved(monkeypatch) -> None:
    volts = np.array([1.0, 2.0, 13.0, 3.0, 4.0])
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    )
    pool = WorkerPool("ngspice", 2, timeout=5.0, command=("-m", "deadly_worker"))
    try:
        outcome = pool.run(job(volts))
    finally:
        pool.close()
    np.testing.assert_allclose(outcome.v[[0, 1, 3, 4]], expected(volts[[0, 1, 3, 4]]), rtol=1e-9)
    assert np.isnan(outcome.v[2]).all()
    assert list(outcome.messages) == [2]
    assert "died or hung" in outcome.messages[2]


def test_a_refused_program_raises_here_and_the_pool_goes_on(pool: WorkerPool) -> None:
    with pytest.raises(SpiceError, match=r"line 15 of the deck: 'D0 y 0 nomodel'"):
        pool.run(job(VOLTS, program((*DECK[:-1], "D0 y 0 nomodel", ".end"))))
    np.testing.assert_allclose(pool.run(job(VOLTS)).v, expected(VOLTS), rtol=1e-9, atol=1e-12)


def test_workers_end_with_their_pool_and_come_back_when_needed(pool: WorkerPool) -> None:
    pool.run(job(VOLTS))
    pids = pool.pids
    pool.close()
    assert not any(map(_exists, pids))
    np.testing.assert_allclose(pool.run(job(VOLTS)).v, expected(VOLTS), rtol=1e-9, atol=1e-12)


def test_workers_end_when_their_pool_is_forgotten() -> None:
    pool = WorkerPool("ngspice", 1)
    pool.start()
    pid = pool.pids[0]
    del pool
    assert not _exists(pid)


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGSTOP])
def test_a_replacement_that_is_lost_while_it_starts_is_replaced_too(stop, monkeypatch) -> None:
    monkeypatch.setattr("ebana.spice.simulators.pool.START_TIMEOUT", 2.0)
    pool = WorkerPool("ngspice", 2, timeout=5.0)
    try:
        pool.start()
        before = set(pool.pids)
        os.kill(pool.pids[0], signal.SIGKILL)

        def strike() -> None:
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                for pid in set(pool.pids) - before:
                    os.kill(pid, stop)
                    return

        thread = threading.Thread(target=strike)
        thread.start()
        outcome = pool.run(job(MANY))
        thread.join()
        assert np.array_equal(outcome.v, solve("ngspice", job(MANY)).v)
    finally:
        pool.close()


def test_workers_that_never_start_are_given_up(monkeypatch) -> None:
    pool = WorkerPool("ngspice", 1, command=("-c", "raise SystemExit(3)"))
    with pytest.raises(WorkerLost, match=r"3 worker processes for ngspice did not start \(exit code 3\)"):
        pool.run(job(VOLTS))
    pool.close()


def test_faults_in_a_worker_are_told_in_the_parent(monkeypatch) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")])
    )
    pool = WorkerPool("ngspice", 2, command=("-m", "faulty_worker"))
    try:
        with pytest.raises(SpiceError, match=r"ZeroDivisionError in a worker: thirteen"):
            pool.run(job(VOLTS))
    finally:
        pool.close()


def test_batch_runs_in_workers_count_as_alive_and_leave_nothing(tmp_path, monkeypatch) -> None:
    found, why = available("ngspice-batch")
    if not found:
        pytest.skip(why)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pool = WorkerPool("ngspice-batch", 2, timeout=1.0)
    outcome = pool.run(job(np.tile(VOLTS, 40)))
    np.testing.assert_allclose(outcome.v, expected(np.tile(VOLTS, 40)), rtol=1e-9, atol=1e-12)
    assert pool.replaced == 0
    pool.close()
    del pool
    assert list(tmp_path.iterdir()) == []
