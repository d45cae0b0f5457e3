"""Tables made in parts, on one machine and on several, are those made in one piece."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from latentlab.artifacts import DataFolder
from pipelines.encode import Encoding
from pipelines.intervene import TABLES
from pipelines.stages import open_workspace


@pytest.fixture
def copied(finished, tmp_path):
    """A terminal beside a copy of the finished run."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    return type(finished)(tmp_path)


def test_encoding_by_shards_is_encoding(copied):
    run = copied.folder / "runs" / "small"
    whole = pd.read_parquet(run / "latents.parquet")
    (run / "latents.parquet").unlink()
    done = copied("encode", "runs/small", "--join")
    assert done.code != 0
    assert "--shard" in done.err
    for shard in ("2/2", "1/2"):
        assert copied("encode", "runs/small", "--shard", shard).code == 0
    part = run / "parts" / "latents" / "part-00001-of-00002.parquet"
    before = part.stat().st_mtime_ns
    again = copied("encode", "runs/small", "--shard", "1/2")
    assert "there already" in again.err
    assert part.stat().st_mtime_ns == before
    assert not (run / "latents.parquet").exists()
    assert copied("encode", "runs/small", "--join").code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(run / "latents.parquet"), whole)
    # The stage counts as done, and parts are tables for `analyze`.
    assert "encode" not in copied("run", "runs/small").err
    done = copied(
        "analyze", "runs/small/parts/latents", "data/small/samples.parquet", "--out", "analysis",
        "--resamples", "100", "--min-positives", "10",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (copied.folder / "analysis" / "report.html").stat().st_size > 0
    probes = pd.read_parquet(copied.folder / "analysis" / "tables" / "probes.parquet")
    own = pd.read_parquet(run / "tables" / "probes.parquet").set_index(["target", "metric"])
    found = probes.dropna(subset=["value"]).set_index(["target", "metric"])["value"]
    own = own["value"].reindex(found.index)
    assert len(found) > 5
    assert (found - own).abs().max() < 1e-4


def test_names_are_read_a_block_at_a_time(finished, monkeypatch):
    work = open_workspace(finished.folder / "runs" / "small")
    whole = pd.read_parquet(work.run.latents_path)
    monkeypatch.setattr("pipelines.encode.NAMED", 150)  # two batches of 64
    asked = []
    read = DataFolder.samples_of
    monkeypatch.setattr(
        DataFolder,
        "samples_of",
        lambda data, rows, *more: asked.append(rows) or read(data, rows, *more),
    )
    found = pd.concat(Encoding(work).frames(), ignore_index=True)
    assert asked == [range(128), range(128, 256), range(256, 260)]
    pd.testing.assert_frame_equal(found, whole, check_dtype=False)


def test_intervening_by_shards_is_intervening(copied):
    """Bit for bit; a part that is lost is asked for by name."""
    run = copied.folder / "runs" / "small"
    tables = [*(run / "tables" / f"{name}.parquet" for name in (*TABLES, "verdicts"))]
    whole = {path: path.read_bytes() for path in tables}
    for path in tables:
        path.unlink()
    for shard in ("3/3", "1/3"):
        done = copied("intervene", "runs/small", "--shard", shard)
        assert done.code == 0, done.err
    lacking = copied("intervene", "runs/small", "--join")
    assert lacking.code == 3 and "lacks 1 of 3 parts: 2/3" in lacking.err
    assert not any(path.exists() for path in tables)
    done = copied("intervene", "runs/small", "--engine", "processes", "--parts", "3", "--json")
    assert done.code == 0 and "2 of 3 parts are there already" in done.err, done.err
    assert {path: path.read_bytes() for path in tables} == whole
    assert "intervene" not in copied("run", "runs/small").err  # it counts as done
    # Parts of another experiment are not taken for these.
    other = copied("intervene", "runs/small", "--anchors", "11", "--join")
    assert other.code == 3 and "made from other data or settings" in other.err
    assert {path: path.read_bytes() for path in tables} == whole


def test_options_that_exclude_one_another(copied):
    for words in (("--shard", "1/2", "--join"), ("--address", "auto"), ("--engine", "spark")):
        done = copied("encode", "runs/small", *words)
        assert done.code == 2, done.err
        assert "Traceback" not in done.err


@pytest.mark.slow
def test_encoding_in_processes_is_encoding(copied):
    run = copied.folder / "runs" / "small"
    whole = pd.read_parquet(run / "latents.parquet")
    (run / "latents.parquet").unlink()
    words = ("--engine", "processes", "--workers", "2", "--parts", "2")
    done = copied("encode", "runs/small", *words)
    assert done.code == 0, done.err
    pd.testing.assert_frame_equal(pd.read_parquet(run / "latents.parquet"), whole)


@pytest.mark.slow
def test_training_on_two_processes_goes_on_when_one_was_killed(copied):
    """The model is that of an unbroken training on one process, but for rounding."""
    settings = (copied.folder / "runs" / "small" / "config.yaml").read_text()
    for name in ("one", "two"):
        folder = copied.folder / "runs" / name
        folder.mkdir()
        (folder / "config.yaml").write_text(settings.replace("epochs: 3", "epochs: 8"))
    assert copied("train", "runs/one").code == 0
    command = (
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "pipelines", "train", "runs/two",
    )  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    started = subprocess.Popen(
        command, cwd=copied.folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    states = copied.folder / "runs" / "two" / "checkpoints"
    deadline = time.monotonic() + 300
    while not list(states.glob("state_*.pt")):
        assert started.poll() is None, started.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    workers = children(started.pid)
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    _, said = started.communicate(timeout=300)
    assert started.returncode != 0
    assert not (copied.folder / "runs" / "two" / "model").exists(), said
    done = subprocess.run(
        command, cwd=copied.folder, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    one, two = (
        pd.read_parquet(copied.folder / "runs" / name / "history.parquet")
        for name in ("one", "two")
    )
    assert one["epoch"].tolist() == two["epoch"].tolist() == list(range(1, 9))
    # Rounding grows from step to step, in the smaller of the two terms soonest.
    for column, within in (("train_loss", 1e-4), ("valid_loss", 1e-4), ("train_kl", 1e-2)):
        assert two[column].to_numpy() == pytest.approx(one[column].to_numpy(), rel=within)


def children(pid):
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in words]


@pytest.mark.slow
def test_landmarks_by_shards_are_those_of_one_process(copied, face_model):
    data = copied.folder / "data" / "small"
    words = ("landmarks", "data/small", "--model", face_model, "--workers", "1")
    for shard in ("3/3", "1/3", "2/3"):
        done = copied(*words, "--shard", shard)
        assert done.code == 0, done.err
    assert copied(*words, "--join").code == 0
    joined = pd.read_parquet(data / "landmarks.parquet")
    (data / "landmarks.parquet").unlink()
    assert copied(*words).code == 0
    whole = pd.read_parquet(data / "landmarks.parquet")
    pd.testing.assert_frame_equal(joined, whole)
    assert joined["image_id"].is_unique and len(joined) == 260


def test_preparing_by_shards_is_preparing(terminal):
    words = ("prepare", "faces", "--limit", "150", "--side", "28", "--out")
    assert terminal(*words, "whole").code == 0
    done = terminal(*words, "data/faces", "--shard", "1/3")
    assert done.code == 0, done.err
    assert not (terminal.folder / "data" / "faces").exists()
    assert "there already" in terminal(*words, "data/faces", "--shard", "1/3").err
    done = terminal(*words, "data/faces", "--join")
    assert done.code == 3
    assert "lacks 2 of 3 parts: 2/3, 3/3" in done.err
    done = terminal(*words, "data/faces", "--engine", "here", "--parts", "3")
    assert done.code == 0, done.err
    assert "1 of 3 parts are there already" in done.err
    assert "150 images of 28x28" in done.out
    made, whole = (
        {path.name: path.read_bytes() for path in (terminal.folder / name).iterdir()}
        for name in ("data/faces", "whole")
    )
    assert made == whole
    left = [path.name for path in (terminal.folder / "data").iterdir()]
    assert set(left) <= {"faces", ".faces.lock"}
    done = terminal(*words, "data/faces", "--shard", "2/3")
    assert done.code == 0 and "there already" in done.err
