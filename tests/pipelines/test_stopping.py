"""A signal ends a command in one line, whenever it comes."""

import os
import signal

import pytest

from pipelines import cli
from pipelines.stopping import Interrupted, interruptible, stop_requests


@pytest.fixture(autouse=True)
def hearing():
    """A shell that starts pytest in the background has it ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_before_the_command_line_was_read(monkeypatch, capsys, number, code):
    monkeypatch.setattr(cli, "app", lambda words: os.kill(os.getpid(), number))
    with pytest.raises(SystemExit) as end:
        cli.main([])
    assert end.value.code == code
    said = capsys.readouterr().err
    assert said == "latentlab: interrupted. Repeat the command to go on.\n"


def test_the_first_raises_and_leaves_signals_as_they_were():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted) as raised, interruptible() as noted:
        os.kill(os.getpid(), signal.SIGTERM)
    assert noted == [raised.value] and raised.value.exit_code == 75
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_request_is_noted_and_the_second_raises():
    with stop_requests() as stop:
        assert not stop.made
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.made and stop.exit_code == 130
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
    assert stop.exit_code == 130
