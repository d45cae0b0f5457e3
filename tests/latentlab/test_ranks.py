"""Training on several processes is training on one, but for rounding."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from latentlab.errors import ConfigError
from latentlab.models import build_model
from latentlab.noise import SharedGenerator, normal, uniform
from latentlab.objectives import OBJECTIVES, BetaVAE, Denoising
from latentlab.randomness import torch_generator
from latentlab.ranks import ALONE, Ranks, several

sys.path.insert(0, str(Path(__file__).parent))
import train_on_ranks


def on_ranks(size, folder, *words):
    """What the first rank leaves."""
    command = (
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={size}",
        train_on_ranks.__file__, str(folder), *map(str, words),
    )  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(folder / "found.pt", weights_only=True)


def near(found, expected):
    for name, weights in expected.items():
        torch.testing.assert_close(found[name], weights, rtol=2e-4, atol=2e-5, msg=name)


def same_history(found, expected):
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            assert one[key] == pytest.approx(other[key], rel=1e-4, abs=1e-5), key


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("total", [1, 2, 6, 7, 20])
def test_the_shares_of_a_batch_are_the_batch(size, total):
    batch = np.random.default_rng(total).permutation(50)[:total]
    shares = [Ranks(rank, size).share(batch) for rank in range(size)]
    counted = np.concatenate([share.rows[: share.count] for share in shares])
    np.testing.assert_array_equal(counted, np.sort(batch))
    starts = np.cumsum([0, *(share.count for share in shares)])[:-1]
    assert all(s.start == start for s, start in zip(shares, starts, strict=True) if s.count)
    assert shares[0].count and all(len(share.rows) for share in shares)


@pytest.mark.parametrize("draw", [normal, uniform])
def test_ranks_draw_what_one_process_draws(draw):
    whole = torch_generator(0, "posterior", 3)
    first, second = draw((23, 2), whole), draw((23, 4, 5), whole)
    for start, stop in ((0, 8), (8, 23), (5, 5)):
        mine = SharedGenerator.of(torch_generator(0, "posterior", 3), start, 23)
        assert torch.equal(draw((stop - start, 2), mine), first[start:stop])
        assert torch.equal(draw((stop - start, 4, 5), mine), second[start:stop])


def test_losses_of_whole_batches_are_not_shared():
    plain = build_model("vae", {"latents": 3, "widths": (8,)}, channels=3, side=16, seed=0)
    two = Ranks(0, 2)
    shared = set()
    for name, objective in OBJECTIVES.items():
        try:
            two.check(plain, objective())
            shared.add(name)
        except ConfigError as error:
            assert "whole batch" in str(error)
        ALONE.check(plain, objective())
    assert shared == {"beta_vae", "iwae", "denoising"}
    with pytest.raises(ConfigError, match="whole batch"):
        two.check(plain, BetaVAE(free_bits=0.1))
    normalised = build_model(
        "vae", {"latents": 3, "network": "deep_conv", "widths": (8,)}, channels=3, side=16, seed=0
    )
    with pytest.raises(ConfigError, match="batch normalisation"):
        two.check(normalised, BetaVAE())


def test_a_process_that_torchrun_did_not_start_is_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some clusters set it
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert not several()


@pytest.mark.slow
def test_two_and_three_ranks_train_as_one_and_take_over_from_each_other(tmp_path):
    whole, history = train_on_ranks.train(ALONE)
    damaged, _ = train_on_ranks.train(ALONE, objective=Denoising(masked=0.2))
    together = on_ranks(2, tmp_path)
    assert together["size"] == 2
    near(together["model"], whole.state_dict())
    near(together["damaged"], damaged.state_dict())
    same_history(together["history"], history)
    # Stopped on two ranks in the second epoch (an epoch asks once more), and taken up by three.
    broken = on_ranks(2, tmp_path, 9)
    assert broken["history"] is None and broken["state"]["batch"] == 2
    torch.save(broken["state"], tmp_path / "state.pt")
    resumed = on_ranks(3, tmp_path)
    near(resumed["model"], whole.state_dict())
    same_history(resumed["history"], history)
    # And by one.
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    alone, again = train_on_ranks.train(ALONE, state=state)
    near(alone.state_dict(), whole.state_dict())
    same_history(again, history)
