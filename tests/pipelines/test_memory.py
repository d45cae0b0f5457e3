"""Memory that runs out is told in one line, wherever the error comes from."""

import errno

import numpy as np
import pytest
import torch

from latentlab.errors import DataError
from pipelines import cli, memory


def asking_too_much_of_numpy():
    np.empty(1 << 60, np.uint8)


def asking_too_much_of_torch():
    torch.empty(1 << 60, dtype=torch.uint8)


def asking_the_system():
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def a_reader_that_takes_it_for_damage():
    try:
        asking_too_much_of_torch()
    except RuntimeError as error:
        raise DataError("model is damaged. Train again.") from error


@pytest.mark.parametrize(
    "ask",
    [
        asking_too_much_of_numpy,
        asking_too_much_of_torch,
        asking_the_system,
        a_reader_that_takes_it_for_damage,
    ],
)
def test_a_command_without_memory_says_what_to_lower(monkeypatch, capsys, ask):
    monkeypatch.setattr("pipelines.doctor.CHECKS", {})
    monkeypatch.setattr("pipelines.console.result", lambda *given: ask())
    with pytest.raises(SystemExit) as end:
        cli.main(["doctor"])
    assert end.value.code == DataError.exit_code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("latentlab: not enough memory") and "Lower " in line
    assert ("Train again." in line) == (ask is a_reader_that_takes_it_for_damage)


def test_the_amount_is_told_where_it_is_known():
    with pytest.raises(MemoryError) as caught:
        asking_too_much_of_numpy()
    told = memory.told(caught.value, caught.value, "encode")
    assert "1.00 EiB more" in str(told) and "encode.batch_size" in str(told)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("shapes differ"),
        OSError(errno.ENOSPC, "No space left on device"),
        DataError("a process was killed. If it was out of memory use fewer --workers."),
    ],
)
def test_other_errors_are_left_alone(error):
    assert memory.ran_out(error) is None


def test_every_hint_is_of_a_command():
    commands = {command.__name__ for _, command, _ in cli.COMMANDS}
    assert set(memory.LOWER) <= commands
