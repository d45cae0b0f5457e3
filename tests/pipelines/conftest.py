"""One small finished run on generated faces, shared by the tests that only read it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SMALL = (
    "source.limit=260",
    "data.side=32",
    "model.latents=6",
    "model.widths=[8,16]",
    "train.epochs=3",
    "train.batch_size=8",
    "train.learning_rate=0.003",
    "objective.beta=0.1",
    "probe.resamples=100",
    "probe.min_positives=10",
    "intervene.anchors=10",
    "intervene.steps=3",
    "intervene.random=2",
    "intervene.references=26",
    "intervene.judge_epochs=1",
)


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Terminal:
    """Runs `latentlab` as a user would, in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, *words, timeout=300, **environment) -> Done:
        import os

        done = subprocess.run(
            [sys.executable, "-m", "pipelines", *map(str, words)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **environment},
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def small(self, *settings, run="runs/small"):
        """The words of a `demo` command that takes seconds."""
        words = ["demo", "--run", run]
        for setting in (*SMALL, "data.folder=data/small", *settings):
            words += ["--set", setting]
        return words


@pytest.fixture
def terminal(tmp_path):
    return Terminal(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A terminal in a folder with the finished run `runs/small` (without face statistics)."""
    terminal = Terminal(tmp_path_factory.mktemp("finished"))
    done = terminal(*terminal.small("landmarks.enabled=false"))
    assert done.code == 0, done.err
    return terminal
