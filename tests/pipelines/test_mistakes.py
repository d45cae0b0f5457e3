"""A user's mistakes get one line that names the thing and the remedy, and leave nothing behind."""

import shutil

import numpy as np
import pytest
from PIL import Image

from latentlab.files import TEMPORARY

ATTRIBUTES = ["Smiling", "Male"]


@pytest.fixture
def celeba(tmp_path):
    """A tiny folder in CelebA's published layout."""
    root = tmp_path / "celeba"
    pictures = root / "img_align_celeba"
    pictures.mkdir(parents=True)
    rng = np.random.default_rng(0)
    ids = [f"{number:06d}.jpg" for number in range(1, 13)]
    for name in ids:
        Image.fromarray(rng.integers(0, 255, (218, 178, 3), dtype=np.uint8)).save(pictures / name)
    rows = [f"{name}  {1 if n % 2 else -1} {-1 if n % 3 else 1}" for n, name in enumerate(ids)]
    (root / "list_attr_celeba.txt").write_text(
        "\n".join([str(len(ids)), " ".join(ATTRIBUTES), *rows]) + "\n"
    )
    splits = [f"{name} {n % 3}" for n, name in enumerate(ids)]
    (root / "list_eval_partition.txt").write_text("\n".join(splits) + "\n")
    return root


def refused(done, code, *parts):
    """The command failed with one line that holds all the parts, and without a traceback."""
    assert done.code == code, done.err
    last = done.err.strip().splitlines()[-1]
    assert last.startswith("latentlab: "), done.err
    assert "Traceback" not in done.err
    for part in parts:
        assert part in last, last


def nothing_half_written(folder, *names):
    assert list(folder.rglob(f"{TEMPORARY}*")) == []
    for name in names:
        assert not (folder / name).exists()


def prepare(terminal, root):
    return terminal("prepare", "celeba", "--root", root, "--out", "data/faces")


def test_a_small_celeba_is_prepared(terminal, celeba):
    done = prepare(terminal, celeba)
    assert done.code == 0, done.err
    assert "12 images" in done.out


def test_a_wrong_folder(terminal, tmp_path):
    refused(prepare(terminal, tmp_path / "nowhere"), 3, "nowhere")
    nothing_half_written(terminal.folder, "data/faces")


def test_a_missing_label_file(terminal, celeba):
    (celeba / "list_attr_celeba.txt").unlink()
    refused(prepare(terminal, celeba), 3, "list_attr_celeba.txt")
    nothing_half_written(terminal.folder, "data/faces")


def test_a_truncated_picture_is_named(terminal, celeba):
    path = celeba / "img_align_celeba" / "000007.jpg"
    path.write_bytes(path.read_bytes()[:2000])
    refused(prepare(terminal, celeba), 3, "000007.jpg")
    nothing_half_written(terminal.folder, "data/faces")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("objective: {bta: 4}", ["objective.bta", "did you mean `objective.beta`"]),
        ("trian: {epochs: 2}", ["trian", "did you mean `train`"]),
        ("train: {epoch: 2}", ["train.epoch", "did you mean `train.epochs`"]),
        ("model: {name: vea}", ["vea", "did you mean `vae`"]),
        ("objective: {beta: -1}", ["objective", "beta", "greater than or equal to 0"]),
        ("model: {widths: [8, 8, 8, 8, 8, 8, 8]}", ["side of 64", "at most 6"]),
        ("model: {network: dense}", ["model.network", "unknown name `dense`"]),
        ("train: [", ["cannot be read as YAML"]),
        ("just words", ["mapping"]),
    ],
)
def test_a_wrong_config(terminal, text, parts):
    (terminal.folder / "mine.yaml").write_text(text)
    code = 3 if "YAML" in parts[0] else 2
    refused(terminal("run", "mine.yaml"), code, *parts)
    nothing_half_written(terminal.folder, "runs", "data")


def test_a_wrong_override(terminal):
    refused(terminal("demo", "--set", "objective.bta=4"), 2, "objective.beta")
    refused(terminal("demo", "--set", "objective"), 2, "key=value")


def test_a_config_that_is_not_there(terminal):
    refused(terminal("run", "nowhere.yaml"), 2, "nowhere.yaml", "latentlab config show")


def test_a_run_that_is_not_trained_yet(finished, terminal):
    shutil.copytree(finished.folder / "data", terminal.folder / "data")
    run = terminal.folder / "runs" / "small"
    run.mkdir(parents=True)
    shutil.copy(finished.folder / "runs" / "small" / "config.yaml", run)
    refused(terminal("encode", "runs/small"), 3, "no trained model", "latentlab train runs/small")
    refused(terminal("probe", "runs/small"), 3, "latents.parquet", "latentlab encode runs/small")
    refused(terminal("which", "Smiling", "runs/small"), 3, "latentlab probe runs/small")
    refused(terminal("train", "runs/small", "--resume"), 3, "no state to resume from")


def test_no_run_folder_and_no_data_folder(terminal):
    refused(terminal("report", "runs/none"), 3, "runs/none does not exist", "latentlab run")
    refused(terminal("landmarks", "data/none"), 3, "data/none does not exist", "latentlab prepare")


def test_an_unknown_target_names_the_nearest(finished):
    refused(finished("which", "Smilling", "runs/small"), 2, "Did you mean Smiling?")


def test_a_landmark_model_that_is_not_there(terminal):
    words = terminal.small("landmarks.model=nowhere.task")
    refused(terminal(*words), 3, "nowhere.task")
    nothing_half_written(terminal.folder, "runs", "data")


def test_data_prepared_otherwise_are_not_taken_for_these(finished):
    words = finished.small("landmarks.enabled=false", "source.limit=200", run="runs/other")
    refused(finished(*words), 2, "data/small was prepared with", "data.folder")


def test_debug_shows_the_traceback(terminal):
    done = terminal("run", "nowhere.yaml", "--debug")
    assert done.code != 0
    assert "Traceback" in done.err


def test_two_writers_of_one_run(finished):
    from latentlab import files

    with files.sole_writer(finished.folder / "runs" / "small"):
        refused(finished("probe", "runs/small"), 3, "another process")
