"""What the literature says must come out, on all of MNIST: the dense VAE, the tighter bound, beta.

    python -m benchmarks.literature --root MNIST

1. The 784-400-20 network at batch 128 reaches a test negative ELBO of at most 107 nats within 10
   epochs (`bernoulli` on grey pixels).
2. The IWAE with 5 draws beats it, by its own bound and by the likelihood from 100 draws.
3. As beta rises, the reconstruction error rises and the KL falls (fewer epochs).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import measuring
from latentlab import files
from latentlab.artifacts import DataFolder
from latentlab.data import SOURCES
from latentlab.data.batches import Pictures, row_blocks
from latentlab.data.prepared import prepare
from latentlab.models import build_model
from latentlab.models.importance import log_likelihood
from latentlab.models.vae import VAE
from latentlab.objectives import OBJECTIVES
from latentlab.randomness import torch_generator
from latentlab.training import Recipe, evaluate, fit

BETAS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
DRAWS = 100
SCORED = 1000  # test images whose likelihood is estimated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="holds MNIST/raw")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks/mnist_all"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if not (asked.folder / "data.yaml").is_file():
        prepare(SOURCES["mnist"](root=asked.root), "mnist", asked.folder, side=28)
    data = DataFolder.open(asked.folder)
    results = [
        trained(data, "vae", "beta_vae", {}, epochs=10),
        trained(data, "iwae", "iwae", {"samples": 5}, epochs=10),
        *(trained(data, f"beta_{beta:g}", "beta_vae", {"beta": beta}, epochs=3) for beta in BETAS),
    ]
    files.write_json(measuring.RESULTS / "literature.json", results)


def trained(
    data: DataFolder, name: str, objective: str, settings: dict[str, Any], *, epochs: int
) -> dict[str, Any]:
    """Nats of the test images after training, by the objective and by weighed draws."""
    split = data.samples()["split"].to_numpy()
    given = Pictures(data.images())
    network = {"network": "mlp", "latents": 20}
    model = build_model("vae", network, channels=1, side=28, seed=0)
    goal = OBJECTIVES[objective](**settings)
    fit(
        model,
        goal,
        given,
        train=np.flatnonzero(split == "train"),
        valid=np.flatnonzero(split == "valid"),
        recipe=Recipe(epochs=epochs, batch_size=128, learning_rate=1e-3),
        seed=0,
        device=torch.device("cpu"),
        on_epoch=lambda state, best, kept: None,
    )
    test = np.flatnonzero(split == "test")
    sums = evaluate(model, goal, given, test, batch_size=500, seed=0)
    found = {
        "name": f"literature.{name}",
        "objective": objective,
        **settings,
        "epochs": epochs,
        **sums.means("test"),
        "test_nats": _nats(model, given, test[:SCORED]),
        **measuring.circumstances(),
    }
    print({key: found[key] for key in found if key.startswith(("name", "test"))}, flush=True)
    return found


def _nats(model: VAE, given: Pictures, rows: np.ndarray) -> float:
    """Mean -log p(x) from DRAWS weighed draws an image."""
    sums = [
        log_likelihood(
            model, given.batch(block, "cpu"), DRAWS, torch_generator(0, "benchmark", number)
        ).sum()
        for number, block in enumerate(row_blocks(rows, 250))
    ]
    return -float(torch.stack(sums).sum()) / len(rows)


if __name__ == "__main__":
    main()
