"""States written in a thread while training goes on, as on a GPU, are those written at once."""

import pytest

from latentlab import checkpoints
from latentlab import config as configs
from latentlab.errors import DataError
from pipelines import train
from pipelines.prepare import ensure_data
from pipelines.stages import open_workspace, start_run


@pytest.fixture
def trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {
        "source": {"name": "faces", "limit": 100},
        "data": {"folder": "data", "side": 28},
        "landmarks": {"enabled": False},
        "model": {"latents": 3, "widths": [4, 4]},
        "train": {"epochs": 4, "batch_size": 16, "device": "cpu", "average": 0.9},
    }
    config = configs.build(settings)
    ensure_data(config)

    def run(name, aside, **given):
        monkeypatch.setattr(train, "_writes_aside", lambda device: aside)
        start_run(tmp_path / name, config)
        work = open_workspace(tmp_path / name)
        train.ensure_trained(work, **given)
        return work.run

    return run


def contents(run, states=True):
    folders = [run.model_folder, run.grids_folder]
    if states:  # in which tensors that were read from a file are laid out otherwise
        folders.append(run.checkpoints_folder)
    paths = [run.history_path, *(path for folder in folders for path in folder.iterdir())]
    return {path.relative_to(run.path): path.read_bytes() for path in paths}


def test_what_is_written_aside_is_what_is_written_at_once(trained):
    at_once, aside = trained("at once", False), trained("aside", True)
    assert contents(aside) == contents(at_once)
    assert len(list(aside.grids_folder.iterdir())) == 4
    stage = aside.provenance()["stages"]["train"]
    assert stage["images_per_second"] > 0
    assert "images_per_second" not in aside.history()


def test_a_write_that_fails_aside_ends_training_and_leaves_what_was_kept(trained, monkeypatch):
    save, saved = checkpoints.save_state, []

    def failing(folder, step, state, *, best):
        if len(saved) == 2:
            raise DataError("no space left")
        saved.append(state["epoch"])
        save(folder, step, state, best=best)

    monkeypatch.setattr(checkpoints, "save_state", failing)
    with pytest.raises(DataError, match="no space left"):
        trained("full", True)
    assert saved == [1, 2]
    monkeypatch.setattr(checkpoints, "save_state", save)
    resumed, whole = trained("full", True, resume=True), trained("whole", False)
    assert contents(resumed, states=False) == contents(whole, states=False)
