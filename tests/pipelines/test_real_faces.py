"""The whole way of the data on real faces, MediaPipe included."""

from pathlib import Path

import pandas as pd
import pytest

CONFIG = Path(__file__).parents[2] / "configs" / "celeba.yaml"


@pytest.mark.real
def test_celeba_from_pictures_to_report(shared_data, terminal):
    words = ["run", CONFIG, "--run", "runs/celeba"]
    for setting in (
        f"source.root={shared_data / 'celeba'}",
        "source.limit=600",
        "train.epochs=2",
        "model.latents=8",
        "probe.resamples=100",
        "intervene.anchors=10",
        "intervene.steps=3",
        "intervene.random=2",
        "intervene.references=60",
        "intervene.judge_epochs=2",
    ):
        words += ["--set", setting]
    done = terminal(*words, timeout=600)
    assert done.code == 0, done.err
    run, data = terminal.folder / "runs" / "celeba", terminal.folder / "data" / "celeba"

    landmarks = pd.read_parquet(data / "landmarks.parquet")
    assert len(landmarks) == 600
    assert landmarks["detected"].mean() >= 0.98

    probes = pd.read_parquet(run / "tables" / "probes.parquet")
    assert (probes.drop_duplicates("target")["role"] == "attribute").sum() == 40
    assert (probes["role"] == "statistic").any()
    bald = probes[probes["target"] == "Bald"]  # about 11 of 480
    assert bald["value"].isna().all()
    assert bald["reason"].str.contains("positive").all()
    auc = probes[probes["metric"] == "auc"].set_index("target")["value"]
    assert auc["Male"] > 0.6

    judges = pd.read_parquet(run / "tables" / "judges.parquet")
    seen = judges[(judges["judge"] == "landmarks") & (judges["pictures"] == "originals")]
    assert seen["detected"].min() > 0.9
    verdicts = pd.read_parquet(run / "tables" / "verdicts.parquet").set_index("target")["verdict"]
    assert len(verdicts) == 51 and verdicts["Bald"] == "cannot measure"

    page = (run / "report.html").read_text()
    assert "Smiling" in page
    assert len(page) < 6_000_000
    for name in ("provenance.json", "report.html", "claims.json"):
        text = (run / name).read_text()
        assert str(shared_data) not in text
        assert str(terminal.folder) not in text
    assert not Path(
        terminal("config", "show", run / "config.yaml", "--json").json["source"]["root"]
    ).is_absolute()
