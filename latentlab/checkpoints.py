"""Models and resume states on disk. Nothing here can run code from a file: weights are safetensors,
states are read with `weights_only=True`.
"""

import contextlib
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from latentlab import files
from latentlab.errors import DataError, MissingArtifactError
from latentlab.models import MODELS
from latentlab.models.vae import VAE
from latentlab.settings import settings_model

KEPT = 2  # resume states that stay: the newest, and one before it in case that is damaged


def save_model(folder: Path, model: VAE, description: dict[str, Any], card: str) -> None:
    """Write `model.safetensors`, `config.json` and `README.md`: enough to rebuild the model.

    Args:
        description: `name`, `settings`, `channels` and `side`, as `build_model` takes them.
        card: The model card, in Markdown.
    """
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    with files.whole_folder(folder) as building:
        safetensors.torch.save_file(weights, building / "model.safetensors")
        files.write_json(building / "config.json", description)
        files.write_text(building / "README.md", card)


def load_model(folder: Path) -> VAE:
    """The model that `save_model` wrote, on the CPU, in evaluation mode."""
    path = folder / "model.safetensors"
    if not path.is_file():
        run = folder.parent
        raise MissingArtifactError(
            f"{run} has no trained model yet. Train it with `latentlab train {run}`."
        )
    description = files.read_json(folder / "config.json")
    entry = MODELS[description["name"]]
    settings = settings_model(entry, frozenset({"channels", "side"})).model_validate(
        description["settings"]
    )
    with torch.random.fork_rng(devices=[]):
        model = entry(channels=description["channels"], side=description["side"], **dict(settings))
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or of another model: {reason}.") from error
    return model.to(memory_format=torch.channels_last).eval()


def state_path(folder: Path, step: int) -> Path:
    return folder / f"state_{step:09d}.pt"


def save_state(folder: Path, step: int, state: dict[str, Any], *, best: bool) -> None:
    """Write the resume state of a step, and again as `best.pt` if it is the best so far."""
    for path in [state_path(folder, step), *([folder / "best.pt"] if best else [])]:
        with files.whole_file(path) as temporary:
            torch.save(state, temporary)
    for old in sorted(folder.glob("state_*.pt"))[:-KEPT]:
        old.unlink()


def load_state(folder: Path) -> dict[str, Any] | None:
    """The newest resume state that can be read; None where there is none."""
    for path in sorted(folder.glob("state_*.pt"), reverse=True):
        with contextlib.suppress(DataError):
            return read_state(path)
    return None


def best_state(folder: Path) -> dict[str, Any]:
    return read_state(folder / "best.pt")


def read_state(path: Path) -> dict[str, Any]:
    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a torn file can break the reader in any way
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged: {reason}. Remove it to go on without it.") from error


def clear_states(folder: Path) -> None:
    """Forget every state, for a training that begins anew."""
    for path in folder.glob("*.pt"):
        path.unlink()
