"""The worked examples of CONTRIBUTING.md are true of the code: they are taken from it and run."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from latentlab import config as configs
from latentlab import data, metrics, objectives
from latentlab.artifacts import Targets
from latentlab.data.batches import Batch
from latentlab.data.prepared import originals, prepare
from latentlab.models import build_model
from latentlab.objectives.terms import Step
from latentlab.randomness import torch_generator

PAGE = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text()

# What the top of a module beside the example would import.
IMPORTS = """
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar
import numpy as np
import pandas as pd
import torch
from annotated_types import Ge
from torch import Tensor, nn
from latentlab.data.batches import Batch
from latentlab.data.images import central_square, decoded_original, read_pictures
from latentlab.data.source import Block, Listing
from latentlab.alignment import check_factors
from latentlab.models.vae import VAE
from latentlab.objectives.terms import Step, Terms, one_draw, terms
"""


def example(title):
    """The names that the code block under `**A new TITLE**` defines, and the whole passage."""
    passage = PAGE.split(f"**A new {title}**", 1)[1].split("\n**A new", 1)[0]
    block = re.search(r"```python\n(.*?)```", passage, re.DOTALL)
    names = {}
    exec(IMPORTS + textwrap.dedent("   " + block.group(1).lstrip()), names)
    return names, passage


def test_the_metric(monkeypatch):
    names, passage = example("metric")
    assert '`"active_share": active_share,` in `METRICS`' in passage
    monkeypatch.setitem(metrics.METRICS, "active_share", names["active_share"])
    rng = np.random.default_rng(0)
    latents = pd.DataFrame({"image_id": [f"i{n}" for n in range(60)], "split": "train"})
    latents["mu_000"], latents["mu_001"] = rng.normal(size=60), 0.0
    values = pd.DataFrame({"yaw": rng.normal(size=60)}, index=latents["image_id"])
    table = metrics.evaluate(latents, Targets(values, {"yaw": "factor"}), seed=0)
    assert table.set_index("metric")["value"]["active_share"] == 0.5


def test_the_objective(monkeypatch):
    names, passage = example("objective")
    assert '`"target_kl": TargetKL,` in `OBJECTIVES`' in passage
    monkeypatch.setitem(objectives.OBJECTIVES, "target_kl", names["TargetKL"])
    config = configs.build({"objective": {"name": "target_kl", "target": 20}})
    assert config.objective.settings == {"beta": 100.0, "target": 20.0}
    with pytest.raises(configs.ConfigError, match=r"objective\.target"):
        configs.build({"objective": {"name": "target_kl", "targt": 20}})
    model = build_model("vae", {"latents": 4, "widths": (8,)}, channels=3, side=32, seed=0)
    objective = objectives.OBJECTIVES["target_kl"](**config.objective.settings)
    terms = objective(model, Batch(torch.rand(3, 3, 32, 32)), Step(torch_generator(0, "noise")))
    kl = terms.kl.sum(dim=1).mean()
    expected = terms.reconstruction.mean() + 100 * (kl - 20).abs()
    torch.testing.assert_close(terms.loss.detach(), expected)


def test_the_source(monkeypatch, tmp_path):
    names, passage = example("source")
    assert '`"plain_folder": PlainFolder,` in `SOURCES`' in passage
    monkeypatch.setitem(data.SOURCES, "plain_folder", names["PlainFolder"])
    rng = np.random.default_rng(0)
    for number in range(20):
        picture = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / f"{number:02d}.jpg")
    config = configs.build({"source": {"name": "plain_folder", "root": str(tmp_path)}})
    source = data.SOURCES["plain_folder"](**config.source.settings)
    folder = prepare(source, "plain_folder", tmp_path / "data", side=32)
    assert folder.images().shape == (20, 32, 32, 3)
    assert folder.description["splits"] == {"train": 16, "valid": 2, "test": 2}
    assert np.array_equal(originals(folder).original(3), source.original(3))


def test_every_entry_of_a_dict_has_its_line_of_docs():
    from latentlab.landmarks.statistics import STATISTICS
    from latentlab.metrics import METRICS
    from latentlab.models import MODELS
    from latentlab.models.likelihoods import LIKELIHOODS
    from latentlab.models.networks import NETWORKS
    from latentlab.probes import PROBES

    docs = Path(__file__).parents[1] / "docs"
    for page, entries in {
        "data.md": data.SOURCES,
        "objectives.md": objectives.OBJECTIVES,
        "models.md": {**MODELS, **NETWORKS},
        "metrics.md": METRICS,
        "probes.md": PROBES,
        "landmarks.md": STATISTICS,
        "likelihoods.md": LIKELIHOODS,
    }.items():
        text = (docs / page).read_text()
        assert [name for name in entries if f"`{name}`" not in text] == [], page
