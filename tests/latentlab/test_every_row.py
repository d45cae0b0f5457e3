"""Every model, network, likelihood and objective: trained by the one loop, kept, decoded."""

import numpy as np
import pandas as pd
import pytest
import torch

from latentlab import config as configs
from latentlab.artifacts import latent_columns
from latentlab.checkpoints import load_model, save_model
from latentlab.data.batches import Pictures
from latentlab.decoding import decode, draw_pixels, places_of, prior_places
from latentlab.encoding import encode_images
from latentlab.errors import ConfigError
from latentlab.models import MODELS, build_model
from latentlab.models.likelihoods import LIKELIHOODS
from latentlab.models.networks import NETWORKS
from latentlab.objectives import OBJECTIVES
from latentlab.training import Recipe, fit
from latentlab.traversals import traverse

SIDE = 28
CODES = {"width": 8, "codes": 8}
# What some models need beside their name.
MODEL_ROWS = {
    "conditional_vae": {"model": {"name": "conditional_vae", "conditions": ["dark"]}},
    **{
        name: {"model": {"name": name, **CODES}, "objective": {"name": "vector_quantized"}}
        for name in ("vq_vae", "vq_vae_2")
    },
}
ROWS = [
    *[MODEL_ROWS.get(name, {"model": {"name": name}}) for name in MODELS],
    *[{"model": {"network": name}} for name in NETWORKS],
    *[{"model": {"likelihood": name}} for name in LIKELIHOODS],
    *[{"objective": {"name": name}} for name in OBJECTIVES if name != "vector_quantized"],
    {"objective": {"anneal": "linear", "anneal_steps": 5, "free_bits": 0.1, "samples": 2}},
    {"objective": {"anneal": "cyclic", "anneal_steps": 6, "cycles": 2, "beta": 4.0}},
    {"model": {"name": "autoencoder"}, "objective": {"name": "denoising"}},
    {"model": {"name": "flow_vae", "flow": "planar"}, "objective": {"name": "iwae", "samples": 2}},
    {"model": {"masked": True}, "source": {"name": "celeba_mask_hq", "root": "."}},
    {**MODEL_ROWS["vq_vae"], "encode": {"features": "histogram"}},
    {"encode": {"likelihood_samples": 3}},
    {"train": {"precision": "bfloat16", "average": 0.9, "clip": 1.0, "patience": 1}},
]


@pytest.fixture(scope="module")
def pictures():
    shades = np.random.default_rng(0).integers(0, 256, (40, 1, 1, 1))
    images = np.broadcast_to(shades, (40, SIDE, SIDE, 1)).astype(np.uint8)
    masks = np.zeros((40, SIDE, SIDE), np.uint8)
    masks[:, 7:21, 7:21] = 255
    return Pictures(images, masks, np.where(shades[:, 0, 0] < 128, 1, -1).astype(np.float32))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_row_trains_two_epochs_and_gives_latents_and_pictures(row, pictures, tmp_path):
    config = configs.build(
        {
            "data": {"side": SIDE},
            **row,
            "model": {"latents": 4, **row.get("model", {})},
            "train": {"epochs": 2, "batch_size": 8, **row.get("train", {})},
        }
    )
    settings, facts = config.model.settings, {"channels": 1, "side": SIDE}
    model = build_model(config.model.name, settings, **facts, seed=0)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    states = []
    history = fit(
        model,
        OBJECTIVES[config.objective.name](**config.objective.settings),
        pictures,
        train=np.arange(32),
        valid=np.arange(32, 40),
        recipe=Recipe(**config.train.model_dump(exclude={"device"})),
        seed=0,
        device=torch.device("cpu"),
        on_epoch=lambda state, best, kept: states.append(kept),
    )
    assert [entry["epoch"] for entry in history] == [1, 2]
    for name, _ in model.named_parameters():
        assert not torch.equal(model.state_dict()[name], before[name]), name

    plain = {key: value for key, value in config.plain()["model"].items() if key != "name"}
    save_model(
        tmp_path / "model", model, {"name": config.model.name, "settings": plain, **facts}, ""
    )
    loaded = load_model(tmp_path / "model")
    samples = pd.DataFrame({"image_id": [f"i{n}" for n in range(40)], "split": "test"})
    tables = [
        pd.concat(
            encode_images(
                one,
                pictures,
                samples,
                device=torch.device("cpu"),
                **config.encode.model_dump() | {"batch_size": 16},
            )
        )
        for one in (model, loaded)
    ]
    pd.testing.assert_frame_equal(*tables)
    table = tables[0]
    assert np.isfinite(table.drop(columns=["image_id", "split"]).to_numpy()).all()
    counted = config.encode.features == "histogram"
    assert len(latent_columns(table)) == (CODES["codes"] if counted else model.latents)
    assert ("log_likelihood" in table) == bool(config.encode.likelihood_samples)
    place = places_of(loaded, pictures, np.array([3]))
    if not counted:
        np.testing.assert_allclose(
            table[latent_columns(table)].to_numpy()[3], place.z[0], atol=1e-5
        )
    strip = traverse(loaded, place, np.eye(model.latents, dtype=np.float32)[0], steps=3)
    assert strip.images.shape == (3, SIDE, SIDE, 1)
    told = np.ones((2, 1), np.float32) if loaded.conditions else None
    drawn = prior_places(loaded, 2, 0, told)
    assert decode(loaded, drawn).shape == (2, SIDE, SIDE, 1)
    assert draw_pixels(loaded, drawn, 0).shape == (2, SIDE, SIDE, 1)


@pytest.mark.parametrize("objective", ["iwae", "beta_tcvae", "dip_vae"])
def test_an_objective_that_the_model_cannot_serve_is_refused_with_the_config(objective):
    with pytest.raises(ConfigError, match=rf"{objective}.*model\.name=vae"):
        configs.build({"model": {"name": "autoencoder"}, "objective": {"name": objective}})
