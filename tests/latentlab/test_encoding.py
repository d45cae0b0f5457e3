"""The latents table is the model's posterior, whatever the size of the batches."""

import numpy as np
import pandas as pd
import pytest
import torch

from latentlab.data.batches import Pictures, epoch_batches, to_pictures, to_tensor
from latentlab.encoding import encode_images
from latentlab.models import build_model


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_table_is_the_posterior_of_every_image_in_order(batch_size):
    model = build_model("vae", {"latents": 3, "widths": (8,)}, channels=3, side=32, seed=0)
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    samples = pd.DataFrame({"image_id": [f"i{n}" for n in range(20)], "split": ["train"] * 20})
    device = torch.device("cpu")
    frames = list(
        encode_images(model, Pictures(images), samples, batch_size=batch_size, device=device)
    )
    table = pd.concat(frames, ignore_index=True)
    assert table["image_id"].tolist() == samples["image_id"].tolist()
    with torch.no_grad():
        posterior = model.encode(to_tensor(images))
    np.testing.assert_allclose(table[["mu_000", "mu_001", "mu_002"]], posterior.mu, atol=1e-5)
    np.testing.assert_allclose(table["logvar_002"], posterior.logvar[:, 2], atol=1e-5)
    np.testing.assert_allclose(table["kl"], posterior.kl().sum(1), rtol=1e-4)
    assert table.dtypes[2:].eq(np.float32).all()


def test_pictures_survive_the_way_to_tensors_and_back():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
    assert np.array_equal(to_pictures(to_tensor(images)), images)


def test_an_epoch_visits_every_image_once_and_can_begin_in_the_middle():
    rows = np.arange(100, 150)
    whole = list(epoch_batches(rows, batch_size=16, seed=0, epoch=2))
    assert sorted(np.concatenate(whole)) == rows.tolist()
    rest = list(epoch_batches(rows, batch_size=16, seed=0, epoch=2, first=2))
    assert all(np.array_equal(a, b) for a, b in zip(whole[2:], rest, strict=True))
    other = np.concatenate(list(epoch_batches(rows, batch_size=16, seed=0, epoch=3)))
    assert not np.array_equal(np.concatenate(whole), other)
