"""Memory that runs out is told in one line, wherever the error comes from."""

import errno
import resource
import signal
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch

from latentlab import checkpoints
from latentlab.artifacts import RunFolder
from latentlab.errors import DataError
from latentlab.memory import ran_out
from pipelines import cli, compared, gallery, memory


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
    assert ran_out(error) is None


def test_every_hint_is_of_a_command():
    commands = {command.__name__ for _, command, _ in cli.COMMANDS}
    assert set(memory.LOWER) <= commands


def alone(code):
    """What a process of its own does; it must not wait for ever."""
    words = [sys.executable, "-c", textwrap.dedent(code)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("what", ["_bootstrap", "run"])
def test_a_thread_that_does_not_start_or_ends_is_not_waited_for(what):
    """The waiting is that for an answer of the thread, which nobody gives."""
    done = alone(f"""
        import threading
        from pipelines import cli, console, doctor

        def show(*given):
            answer = threading.Event()
            threading.Thread(target=answer.set).start()
            answer.wait()

        def fail(thread):
            raise MemoryError

        doctor.CHECKS.clear()
        console.result = show
        threading.Thread.{what} = fail
        cli.main(["doctor"])
    """)
    assert done.returncode == DataError.exit_code, done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("latentlab: not enough memory") and "Lower " in line


def test_other_errors_of_threads_are_shown_as_before(monkeypatch):
    def fail():
        raise ValueError("something else")

    shown = []
    monkeypatch.setattr(threading, "excepthook", shown.append)
    with memory.threads_heard():
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert [one.exc_type for one in shown] == [ValueError]


def test_hooks_are_those_of_before_afterwards():
    def hooks():
        return signal.getsignal(signal.SIGURG), sys.unraisablehook, threading.excepthook

    before = hooks()
    with memory.threads_heard():
        assert all(one is not other for one, other in zip(hooks(), before, strict=True))
    assert hooks() == before


def test_memory_for_products_is_claimed_before_a_library_ends_the_process():
    """Short by little: OpenBLAS would end the process with a code of its own."""
    done = alone("""
        import resource
        import numpy as np
        from scipy.linalg.blas import dgemm
        from pipelines import memory

        pages = int(open("/proc/self/statm").read().split()[0])
        most = pages * resource.getpagesize() + memory.PRODUCTS // 2
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        try:
            memory.claim_for_products()
        except OSError:
            print("refused")
    """)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_products_take_no_more_than_is_claimed():
    done = alone("""
        import numpy as np
        from scipy.linalg.blas import dgemm
        from pipelines import memory

        def pages():
            return int(open("/proc/self/statm").read().split()[0])

        memory.claim_for_products()
        before = pages()
        square = np.zeros((2048, 256))
        square @ square.T
        dgemm(1.0, square, square.T)
        print(pages() - before)
    """)
    grown = int(done.stdout) * resource.getpagesize()
    assert grown < memory.PRODUCTS / 4, done.stderr


def test_a_state_that_memory_cannot_hold_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    for step in (1, 2):
        checkpoints.save_state(tmp_path, step, {"step": step}, best=False)
    monkeypatch.setattr(torch, "load", lambda *given, **named: asking_too_much_of_torch())
    passed_over = []
    with pytest.raises(DataError) as caught:
        checkpoints.load_state(tmp_path, passed_over.append)
    assert ran_out(caught.value) and not passed_over


@pytest.mark.parametrize("kind", ["compare", "gallery"])
def test_no_run_is_left_out_for_want_of_memory(tmp_path, monkeypatch, kind):
    def refuse(*given, **named):
        try:
            asking_too_much_of_numpy()
        except MemoryError as error:
            raise DataError("a table is damaged. Make it again.") from error

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(RunFolder, "open", refuse)
    monkeypatch.setattr(gallery, "_half", refuse)
    with pytest.raises(DataError) as caught:
        if kind == "compare":
            compared.candidates(compared.Asked(None, {"run": tmp_path / "run"}, {}))
        else:
            gallery._run(tmp_path / "run", tmp_path, faces=False)
    assert ran_out(caught.value)
