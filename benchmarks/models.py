"""Every row of the models page, one modest run each on the same data: what comes out of it.

    python -m benchmarks.models faces
    python -m benchmarks.models cut_faces
    python -m benchmarks.models celeba --root CELEBA --images 10000
    python -m benchmarks.models mnist --root MNIST

Rows that stand in the results file already are left alone; `--fresh` makes them again, `--only`
makes some. Then `python -m benchmarks.models page` writes the tables of docs/models_measured.md
from the results. Seconds are of one thread on a machine that may be doing other things.
"""

import argparse
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks import measuring
from latentlab import config as configs
from latentlab import files, pictures
from latentlab.artifacts import DataFolder
from latentlab.data import SOURCES
from latentlab.data.prepared import prepare
from latentlab.decoding import decode, draw_pixels, prior_places
from latentlab.feeding import pictures_for
from latentlab.models import build_model
from latentlab.objectives import OBJECTIVES
from latentlab.training import Recipe, fit

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "models_measured.md"
SHOWN = 12  # draws from the prior in a row's picture
BATCH = 64

# Row name -> what its config has beside the defaults (`vae`, `conv`, 32 latents, `bernoulli`,
# `beta_vae` of beta 1).
ROWS: dict[str, dict[str, dict[str, Any]]] = {
    "vae": {},
    "autoencoder": {"model": {"name": "autoencoder"}},
    "denoising autoencoder": {
        "model": {"name": "autoencoder"}, "objective": {"name": "denoising"},
    },
    "mlp 400": {"model": {"network": "mlp", "latents": 20}},
    "mlp 512-256": {"model": {"network": "mlp", "widths": [512, 256], "latents": 20}},
    "deep conv": {"model": {"network": "deep_conv", "latents": 128}},
    "burgess": {"model": {"network": "burgess", "latents": 10}},
    "residual": {"model": {"network": "residual"}},
    "beta 0.5": {"objective": {"beta": 0.5}},
    "beta 4": {"objective": {"beta": 4.0}},
    "capacity": {"objective": {"name": "capacity", "gamma": 10.0, "steps": 200}},
    "linear annealing": {"objective": {"anneal": "linear", "anneal_steps": 200}},
    "cyclic annealing": {"objective": {"anneal": "cyclic", "anneal_steps": 200}},
    "free bits": {"objective": {"free_bits": 0.5}},
    "L = 5 draws": {"objective": {"samples": 5}},
    "iwae": {"objective": {"name": "iwae"}},
    "beta-tcvae": {"objective": {"name": "beta_tcvae"}},
    "factor vae": {"objective": {"name": "factor_vae"}},
    "dip-vae i": {"objective": {"name": "dip_vae", "kind": "i"}},
    "dip-vae ii": {"objective": {"name": "dip_vae"}},
    "info vae": {"objective": {"name": "info_vae", "alpha": 0.5}},
    "wae-mmd": {
        "model": {"name": "autoencoder"}, "objective": {"name": "info_vae", "lambda_mmd": 1000.0},
    },
    "planar flow": {"model": {"name": "flow_vae", "flow": "planar"}},
    "inverse autoregressive flow": {"model": {"name": "flow_vae"}},
    "hierarchical": {"model": {"name": "hierarchical_vae"}},
    "conditional": {"model": {"name": "conditional_vae"}},
    "vq-vae": {"model": {"name": "vq_vae"}, "objective": {"name": "vector_quantized"}},
    "vq-vae-2": {"model": {"name": "vq_vae_2"}, "objective": {"name": "vector_quantized"}},
    "continuous bernoulli": {"model": {"likelihood": "continuous_bernoulli"}},
    "gaussian": {"model": {"likelihood": "gaussian"}},
    "gaussian, learned variance": {"model": {"likelihood": "gaussian_scalar"}},
    "gaussian, variance a pixel": {"model": {"likelihood": "gaussian_pixel"}},
    "logistic mixture": {"model": {"likelihood": "logistic_mixture"}},
    "autoregressive": {"model": {"likelihood": "autoregressive"}},
    "recipe": {
        "train": {
            "decoder_learning_rate": 5e-4, "clip": 100.0, "average": 0.99, "patience": 3,
            "precision": "bfloat16",
        },
    },
    "masked": {"model": {"masked": True}, "source": {"cut": True}},
}  # fmt: skip
# Data -> (side, epochs, what the conditional row is told).
DATA: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "mnist": (28, 3, tuple(f"digit_{digit}" for digit in range(10))),
    "faces": (64, 3, ("Smiling", "Eyeglasses")),
    "cut_faces": (64, 3, ("Smiling", "Eyeglasses")),
    "celeba": (64, 1, ("Smiling", "Eyeglasses", "Male")),
}
WITH_MASKS = ("vae", "masked")  # of cut_faces
COLUMNS = {
    "valid_reconstruction": "reconstruction", "valid_kl": "KL", "valid_elbo": "ELBO",
    "active": "active", "parameters": "parameters", "seconds": "seconds",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", choices=[*DATA, "page"])
    parser.add_argument("--root", type=Path, help="where the source's files are")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", action="append", choices=list(ROWS))
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("data/benchmarks"))
    asked = parser.parse_args()
    if asked.data == "page":
        files.write_text(PAGE, page())
        return
    torch.set_num_threads(1)
    folder = _prepared(asked)
    known = _results(asked.data)
    for row in asked.only or rows_of(asked.data):
        if row in known and not asked.fresh:
            continue
        known[row] = measured(row, asked.data, folder, asked.epochs or DATA[asked.data][1])
        print(row, {key: known[row][key] for key in COLUMNS}, flush=True)
        ordered = [known[name] for name in rows_of(asked.data) if name in known]
        files.write_json(_path(asked.data), ordered)
    print(f"{_path(asked.data)}: {len(known)} of {len(rows_of(asked.data))} rows")


def rows_of(data: str) -> list[str]:
    """The rows that these data can be used for: masks are of generated faces alone."""
    return [row for row in ROWS if (row in WITH_MASKS if data == "cut_faces" else row != "masked")]


def measured(row: str, data: str, folder: DataFolder, epochs: int) -> dict[str, Any]:
    """Train one row and say what came out; its draws from the prior become a picture."""
    side, content = DATA[data][0], settings(row, data, epochs)
    config = configs.build(content)
    channels = folder.description["channels"]
    model = build_model(
        config.model.name, config.model.settings, channels=channels, side=side, seed=0
    )
    given, split = pictures_for(model, folder), folder.samples()["split"].to_numpy()
    best: dict[str, Any] = {}

    def on_epoch(state: dict[str, Any], better: bool, kept: torch.nn.Module) -> None:
        if better:
            weights = {name: value.clone() for name, value in kept.state_dict().items()}
            best.update(weights=weights, epoch=state["history"][-1])

    began = time.monotonic()
    fit(
        model,
        OBJECTIVES[config.objective.name](**config.objective.settings),
        given,
        train=np.flatnonzero(split == "train"),
        valid=np.flatnonzero(split == "valid"),
        recipe=Recipe(**config.train.model_dump(exclude={"device"})),
        seed=0,
        device=torch.device("cpu"),
        on_epoch=on_epoch,
    )
    seconds = time.monotonic() - began
    model.load_state_dict(best["weights"])
    told = None if given.conditions is None else given.conditions[:SHOWN]
    places = prior_places(model, SHOWN, 0, told)
    # Expectations given expectations, which is what this likelihood decodes to, wash out.
    drawn = ROWS[row].get("model", {}).get("likelihood") == "autoregressive"
    made = draw_pixels(model, places, 0) if drawn else decode(model, places)
    files.write_bytes(_strip(data, row), _webp(pictures.tile([made])))
    return {
        "name": f"models.{row}",
        "data": data,
        "config": {key: value for key, value in content.items() if key != "data"},
        "pixels_drawn": drawn,
        "images": int((split == "train").sum()),
        "epochs": epochs,
        **{key: best["epoch"][key] for key in best["epoch"] if key.startswith("valid_")},
        "active": best["epoch"]["active_units"],
        "latents": model.latents,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "seconds": round(seconds, 1),
        **measuring.circumstances(),
    }


def settings(row: str, data: str, epochs: int) -> dict[str, Any]:
    """A row's config, as nested plain values."""
    content: dict[str, Any] = {"data": {"side": DATA[data][0]}, **ROWS[row]}
    content["train"] = {"epochs": epochs, "batch_size": BATCH, **content.get("train", {})}
    if row == "conditional":
        content["model"] = {**content["model"], "conditions": list(DATA[data][2])}
    return content


def page() -> str:
    """The measured tables, as Markdown."""
    parts = [
        "# Models, measured",
        "One modest run of each row of the [models page](models.md) on the same images: seed 0,"
        f" batch {BATCH}, Adam at 0.001, one thread of a shared machine. The epoch with the best"
        " validation loss counts. Reconstruction, KL and ELBO are of the validation images, in nats"
        " an image. **Nats compare only within one likelihood**; rows above the likelihoods are all"
        " `bernoulli`. Of `vq-vae` and `vq-vae-2` the KL is the price of the codes under their"
        " prior. One run has no error bar: differences of a few nats between neighbours mean"
        " nothing. Runs as short as these leave draws from the prior rough; nothing was tuned. The"
        " pictures are mean images, except where they are said to be drawn pixel by pixel."
        " Made by `python -m benchmarks.models`.",
    ]
    for data in DATA:
        known = _results(data)
        if not known:
            parts.append(f"## {data}\n\n**Not measured yet.**")
            continue
        first = next(iter(known.values()))
        parts.append(
            f"## {data}\n\n{first['images']:,} training images, {first['epochs']} epochs."
            f" {_missing(data, known)}\n\n"
            "| row | settings | " + " | ".join(COLUMNS.values()) + " | draws from the prior |\n"
            + "|---" * (len(COLUMNS) + 3) + "|"
        )  # fmt: skip
        parts[-1] += "".join(f"\n{_line(row, one)}" for row, one in known.items())
    return "\n\n".join([*parts, *_literature()]) + "\n"


def _missing(data: str, known: dict[str, Any]) -> str:
    """Which rows were not measured, in words."""
    rows = rows_of(data)
    lacking = [row for row in rows if row not in known]
    if not lacking:
        return f"All {len(rows)} rows."
    return f"{len(known)} of {len(rows)} rows; **not measured yet**: {', '.join(lacking)}."


def _literature() -> list[str]:
    """What `benchmarks.literature` found, if it was run."""
    path = measuring.RESULTS / "literature.json"
    if not path.is_file():
        return []
    lines = [
        f"| {one['name'].removeprefix('literature.')} | {one['epochs']} |"
        f" {one['test_reconstruction']:.2f} | {one['test_kl']:.2f} | {-one['test_elbo']:.2f} |"
        f" {one['test_loss']:.2f} | {one['test_nats']:.2f} |"
        for one in json.loads(path.read_text())
    ]
    return [
        "## Against the literature",
        "The dense network 784-400-20 on all of MNIST, batch 128, one run each, nats of the 10,000"
        " test images; the last column is -log p(x) from 100 weighed draws, of the first 1,000."
        " The loss of `iwae` is its own bound with 5 draws."
        " Made by `python -m benchmarks.literature`.",
        "| row | epochs | reconstruction | KL | -ELBO | loss | -log p(x) |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(lines),
    ]


def _line(row: str, one: dict[str, Any]) -> str:
    settings = " ".join(
        f"`{section}.{key}={value}`"
        for section, values in one["config"].items()
        for key, value in values.items()
        if (section, key) not in (("train", "epochs"), ("train", "batch_size"))
    )
    numbers = [f"{one[key]:,.1f}" for key in ("valid_reconstruction", "valid_kl", "valid_elbo")]
    numbers += [f"{one['active']:.0f} of {one['latents']}", f"{one['parameters']:,}"]
    strip = _strip(one["data"], row).relative_to(DOCS)
    shown = f"![12 draws from the prior of {row}]({strip.as_posix()})"
    shown += " drawn pixel by pixel" if one.get("pixels_drawn") else ""
    return f"| {row} | {settings} | {' | '.join(numbers)} | {one['seconds']:.0f} | {shown} |"


def _prepared(asked: argparse.Namespace) -> DataFolder:
    """The data folder of these images, made if it is not there."""
    side = DATA[asked.data][0]
    folder = asked.folder / asked.data
    if not (folder / "data.yaml").is_file():
        root = {} if asked.root is None else {"root": asked.root}
        cut = {"cut": True} if asked.data == "cut_faces" else {}
        name = asked.data.removeprefix("cut_")
        prepare(SOURCES[name](limit=asked.images, **root, **cut), name, folder, side=side)
    return DataFolder.open(folder)


def _results(data: str) -> dict[str, dict[str, Any]]:
    """Row name -> its result, in the order of ROWS."""
    path = _path(data)
    stored = json.loads(path.read_text()) if path.is_file() else []
    return {one["name"].removeprefix("models."): one for one in stored}


def _path(data: str) -> Path:
    return measuring.RESULTS / f"models_{data}.json"


def _webp(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    colour = np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))
    Image.fromarray(colour).save(buffer, "WEBP", quality=85)
    return buffer.getvalue()


def _strip(data: str, row: str) -> Path:
    plain = "".join(letter if letter.isalnum() else "_" for letter in row)
    return DOCS / "images" / "models" / f"{data}_{plain}.webp"


if __name__ == "__main__":
    main()
