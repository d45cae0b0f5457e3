"""What the docs show as code does what they say."""

import re
from pathlib import Path

import pandas as pd
import torch

from latentlab.config import load
from latentlab.models import build_model
from latentlab.models.networks import NETWORKS

DOCS = Path(__file__).parents[1] / "docs"


def test_a_model_of_somebody_else_is_examined_as_the_page_says(capsys):
    page = (DOCS / "any_model.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code, changed = re.subn(
        r"FACES, LATENTS, EPOCHS = .*", "FACES, LATENTS, EPOCHS = 400, 8, 2", code
    )
    assert changed == 1
    names = {}
    exec(code, names)
    verdicts = names["verdicts"]
    assert isinstance(verdicts, pd.DataFrame)
    assert verdicts["target"].tolist() == names["names"]
    assert verdicts["rule"].str.len().min() > 10
    assert "verdict" in capsys.readouterr().out
    interventions = names["found"].interventions
    assert interventions["slope"].notna().any()
    still = interventions.loc[interventions["kind"] == "zero", "slope"].dropna()
    assert len(still) and still.abs().max() < 1e-3  # sums of a network depend on its company


def test_the_network_of_the_tutorial_can_be_built_and_its_config_is_valid(tmp_path):
    page = (DOCS / "tutorial_own.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    try:
        exec(code, {})
        model = build_model("vae", {"network": "mine", "latents": 5}, channels=3, side=28, seed=0)
    finally:
        NETWORKS.pop("mine", None)  # other tests go over them all
    picture = torch.zeros(2, 3, 28, 28)
    assert model.encode(picture).mu.shape == (2, 5) and model(picture).shape == picture.shape
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "photos.yaml").write_text(text)
    config = load(tmp_path / "photos.yaml")
    assert config.source.settings["columns"] == {"person": "identity"}
