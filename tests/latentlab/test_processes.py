"""Workers end with those who started them, and leave nothing half-written."""

import multiprocessing
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


def test_interrupts_are_heard_once_they_are_no_longer_held():
    # A shell that starts pytest in the background has it ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), processes.interrupts_held():
        signal.raise_signal(signal.SIGINT)
        held = True
    signal.signal(signal.SIGINT, before)
    assert held
