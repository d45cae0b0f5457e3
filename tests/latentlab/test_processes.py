"""Workers end with those who started them, and leave nothing half-written."""

import multiprocessing
import os
import signal
import time

import pytest

from latentlab import processes


def work(begun, unwound):
    processes.serve()
    try:
        begun.touch()
        time.sleep(60)
    finally:
        unwound.touch()


def deaf(begun):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    begun.touch()
    time.sleep(60)


def started(target, *given):
    process = multiprocessing.get_context("spawn").Process(target=target, args=given)
    with processes.interrupts_held():
        process.start()
    deadline = time.monotonic() + 60
    while not given[0].exists():
        assert time.monotonic() < deadline, "the worker did not start"
        time.sleep(0.01)
    return process


def test_a_worker_that_is_told_to_end_unwinds(tmp_path):
    worker = started(work, tmp_path / "begun", tmp_path / "unwound")
    processes.end([worker])
    assert not worker.is_alive() and worker.exitcode == 1
    assert (tmp_path / "unwound").exists()


def test_one_that_does_not_hear_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0.2)
    worker = started(deaf, tmp_path / "begun")
    processes.end([worker])
    assert worker.exitcode == -signal.SIGKILL


@pytest.fixture
def heard():
    """Signals that came through, the first of which raises as Ctrl-C does."""
    found = []

    def note(number, frame):
        found.append(number)
        if len(found) == 1:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_heard_once_it_is_no_longer_held(heard, number):
    with pytest.raises(KeyboardInterrupt), processes.interrupts_held():
        os.kill(os.getpid(), number)
        time.sleep(0.1)
        held = not heard
    assert held and heard == [number]


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_is_heard_at_once(heard, first, second):
    with processes.interrupts_held():
        for number in (first, second):
            assert not heard
            os.kill(os.getpid(), number)
            time.sleep(0.1)
        assert heard == [first, second]
    assert heard == [first, second]


def test_what_is_ignored_stays_ignored():
    """A shell that starts a program in the background has it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with processes.interrupts_held():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)
    assert signal.signal(signal.SIGINT, before) == signal.SIG_IGN


def test_what_is_started_meanwhile_hears_no_ctrl_c(tmp_path):
    worker = started(work, tmp_path / "begun", tmp_path / "unwound")
    os.kill(worker.pid, signal.SIGINT)
    time.sleep(0.3)
    assert worker.is_alive()
    processes.end([worker])
