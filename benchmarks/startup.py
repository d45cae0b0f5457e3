"""How soon a command answers, and how soon training begins.

    python -m benchmarks.startup [--rounds N] [--images N]

`startup.help`: seconds of `latentlab --help`, against `python -c "import torch"`, which is what a
command costs that imports what it might need. `startup.first_step`: seconds from the command
`latentlab train RUN --config CONFIG` to the end of its first training step, on generated faces that
are prepared before, on the CPU; against the shortest script that does a step of the same network on
the same array. The command runs as it is: the first step is when its progress bar is told of one,
and then the process ends.

Python compiles each module when it is first imported; that is done before, as pip does it on
installing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import measuring

ROOT = Path(__file__).parents[1]
LIMITS = {"startup.help": 0.5, "startup.first_step": 5.0}  # seconds

# Torch and nothing else: one step of the same network on the prepared array.
SCRIPT = """
import sys
import numpy as np
import torch
from torch import nn

def down(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())

def up(a, b):
    return nn.ConvTranspose2d(a, b, 4, 2, 1)

encoder = nn.Sequential(down(3, 32), down(32, 64), down(64, 128), nn.Flatten(), nn.LazyLinear(64))
decoder = nn.Sequential(nn.LazyLinear(8192), nn.Unflatten(1, (128, 8, 8)), nn.ReLU(), up(128, 64),
                        nn.ReLU(), up(64, 32), nn.ReLU(), up(32, 3))
x = np.array(np.load(sys.argv[1], mmap_mode="r")[:32], "float32").transpose(0, 3, 1, 2) / 255
x = torch.from_numpy(x)
mu, logvar = encoder(x).chunk(2, 1)
logits = decoder(mu + torch.randn_like(mu) * (logvar / 2).exp())
nats = nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2, 3))
kl = 0.5 * (mu.square() + logvar.exp() - logvar - 1).sum(1)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()])
(nats + kl).mean().backward()
optimizer.step()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--images", type=int, default=6000, help="that are prepared")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        data, config = Path(place) / "data", Path(place) / "config.yaml"
        latentlab("prepare", "faces", "--limit", given.images, "--out", data, "--quiet")
        config.write_text(f"name: startup\nsource: {{name: faces, limit: {given.images}}}\n"
                          f"data: {{folder: {data}}}\n")  # fmt: skip
        runs = iter(range(10**6))

        def train() -> None:
            run = Path(place) / f"run{next(runs)}"
            first_step("train", run, "--config", config, "--device", "cpu")

        pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
            "startup.help": (lambda: latentlab("--help"), lambda: python("-c", "import torch")),
            "startup.first_step": (train, lambda: python("-c", SCRIPT, data / "images.npy")),
        }
        results = []
        for name, (ours, instead) in pairs.items():
            ours()
            instead()
            seconds = measuring.side_by_side(ours, instead, rounds=given.rounds)
            made = measuring.result(name, *seconds, n=1, unit="seconds", limit=LIMITS[name],
                                    images=given.images)  # fmt: skip
            results.append(made)
    measuring.write("startup", results)


def python(*words: object) -> None:
    subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, check=True, capture_output=True)


def latentlab(*words: object) -> None:
    python("-m", "pipelines", *words)


def first_step(*words: object) -> None:
    """Run a command until its first training step has ended.

    Raises:
        CalledProcessError: it ended without one.
    """
    code = "from benchmarks.startup import until_first_step; until_first_step()"
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode != STEPPED:
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)


STEPPED = 47  # exit code


def until_first_step() -> None:
    """`latentlab` with the words of this process, which ends with the first step of training."""
    from pipelines import cli, console

    @contextmanager
    def watched(what: str, total: int, unit: str = "images") -> Iterator[Callable[..., None]]:
        def advance(*given: object) -> None:
            if what == "train":
                os._exit(STEPPED)

        yield advance

    console.progress = watched  # type: ignore[assignment]
    cli.main()


if __name__ == "__main__":
    main()
