"""Models and resume states on disk. Nothing here can run code from a file: weights are safetensors,
states are read with `weights_only=True`.
"""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from latentlab import files, integrity, memory
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
    with files.whole_folder(folder) as building:
        save_weights(building, model, "config.json", description)
        files.write_text(building / "README.md", card)


def trained_weights(folder: Path) -> Path:
    """The file of a model's weights.

    Raises:
        MissingArtifactError: there is none yet.
    """
    path = folder / "model.safetensors"
    if not path.is_file():
        run = folder.parent
        raise MissingArtifactError(
            f"{run} has no trained model yet. Train it with `latentlab train {run}`."
        )
    return path


def load_model(folder: Path) -> VAE:
    """The model that `save_model` wrote, on the CPU, in evaluation mode."""
    path = trained_weights(folder)
    try:
        description, weights = read_weights(folder, "config.json")
        entry = MODELS[description["name"]]
        settings = settings_model(entry, frozenset({"channels", "side"})).model_validate(
            description["settings"]
        )
        about = {"channels": description["channels"], "side": description["side"]}
        with torch.random.fork_rng(devices=[]):
            model = entry(**about, **dict(settings))
        model.load_state_dict(weights)
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(
            f"{path} is damaged or of another model: {reason}. Train again with"
            f" `latentlab train {folder.parent}`."
        ) from error
    return model.to(memory_format=torch.channels_last).eval()


# What a reader may make of a damaged or crafted file; of JSON and its values, of weights, of sizes.
UNREADABLE = (
    safetensors.SafetensorError, OSError, RuntimeError, ValueError, KeyError, TypeError,
    AttributeError, MemoryError, OverflowError,
)  # fmt: skip


def save_weights(building: Path, network: nn.Module, name: str, about: dict[str, Any]) -> None:
    """Write `model.safetensors` and, as the JSON file `name`, what it is; each holds the digest of
    the other, so that neither can be changed or exchanged unnoticed."""
    about = {key: value for key, value in about.items() if key != "sha256"}  # of other weights
    weights = {key: tensor.cpu().contiguous() for key, tensor in network.state_dict().items()}
    content = safetensors.torch.save(weights, {"description": files.digest_of(about)})
    files.write_bytes(building / "model.safetensors", content)
    described = {**about, "sha256": hashlib.sha256(content).hexdigest()}
    files.write_json(building / name, described)


def read_weights(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `save_weights` wrote: the description and the tensors, on the CPU.

    Raises:
        DataError: the description cannot be read.
        ValueError, OSError, safetensors.SafetensorError: one of the two is not as it was written.
    """
    described = files.read_json(folder / name)
    path = folder / "model.safetensors"
    content = path.read_bytes()
    weights = safetensors.torch.load(content)
    with safetensors.safe_open(path, "pt") as opened:
        stated = (opened.metadata() or {}).get("description")
    digest = described.pop("sha256", None)
    if stated is not None or digest is not None:  # weights of another making have neither
        if stated != files.digest_of(described):
            raise ValueError(f"{name} is not what was written (SHA-256)")
        if digest != hashlib.sha256(content).hexdigest():
            raise ValueError(f"{path.name} is not the one that {name} describes (SHA-256)")
    return described, weights


def state_path(folder: Path, step: int) -> Path:
    return folder / f"state_{step:09d}.pt"


def save_state(folder: Path, step: int, state: dict[str, Any], *, best: bool) -> None:
    """Write the resume state of a step, and before it as `best.pt` if it is the best so far.

    In this order: who is killed between the two goes on from the state before, and comes by the
    best again; the other way round it would be lost.
    """
    written = io.BytesIO()
    torch.save(state, written)
    content = integrity.with_trailer(written.getvalue())
    for path in [*([folder / "best.pt"] if best else []), state_path(folder, step)]:
        files.write_bytes(path, content)
    for old in sorted(folder.glob("state_*.pt"))[:-KEPT]:
        old.unlink()


def copied(state: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], None]]:
    """A copy of a state that training does not change, on its way to the CPU.

    Returns:
        The copy, and what to call before it is read: it waits until the copy has arrived.
    """

    def copy(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: copy(item) for key, item in value.items()}
        if isinstance(value, list):
            return [copy(item) for item in value]
        if not isinstance(value, Tensor):
            return value
        if value.device.type != "cuda":
            return value.detach().clone()
        there = torch.empty_like(value, device="cpu", pin_memory=True)
        return there.copy_(value.detach(), non_blocking=True)

    made = {key: copy(value) for key, value in state.items()}
    if not torch.cuda.is_initialized():
        return made, lambda: None
    arrived = torch.cuda.Event()
    arrived.record()
    return made, arrived.synchronize


def load_state(
    folder: Path, on_damaged: Callable[[DataError], None] = lambda error: None
) -> dict[str, Any] | None:
    """The newest resume state that is whole; None where there is none.

    Args:
        on_damaged: Called for each newer one that is not.

    Raises:
        DataError: One could not be read for want of memory.
    """
    for path in sorted(folder.glob("state_*.pt"), reverse=True):
        try:
            return read_state(path)
        except DataError as error:
            if memory.ran_out(error):
                raise
            on_damaged(error)
    return None


def best_state(folder: Path) -> dict[str, Any]:
    """The state with the lowest validation loss.

    Raises:
        DataError: it is damaged, or lost.
    """
    try:
        return read_state(folder / "best.pt")
    except DataError as error:
        run = folder.parent
        raise DataError(f"{error} Train again with `latentlab train {run} --fresh`.") from error


def read_state(path: Path) -> dict[str, Any]:
    """A state that `save_state` wrote, every byte of it as it was.

    Raises:
        DataError: it is not.
    """
    try:
        content = io.BytesIO(integrity.without_trailer(path.read_bytes()))
        return dict(torch.load(content, map_location="cpu", weights_only=True))
    except Exception as error:  # what others made can break the reader in any way
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path} cannot be read: {reason}.") from error


def clear_states(folder: Path) -> None:
    """Forget every state, for a training that begins anew."""
    for path in folder.glob("*.pt"):
        path.unlink()
