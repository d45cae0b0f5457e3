"""A judge that is a small convolutional network trained on pictures, never on latents."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from latentlab import files, processes
from latentlab.artifacts import LARGEST
from latentlab.checkpoints import UNREADABLE, read_weights, save_weights
from latentlab.data.batches import epoch_batches, row_blocks, to_tensor
from latentlab.errors import DataError, MissingArtifactError
from latentlab.judges.distortions import distorted
from latentlab.judges.pixel_network import PixelNetwork
from latentlab.randomness import stream, torch_generator

BATCH = 512  # pictures measured at a time
MIN_KNOWN = 20  # images of train with a known value
MIN_CLASS = 5  # positives, and negatives, in train
WEIGHT_DECAY = 0.05
LEAST_STEPS = 10  # an epoch, where there are few images: batches are made smaller


@dataclass(frozen=True)
class Scale:
    """What an answer of the network means.

    Attributes:
        role: One of `artifacts.ROLES`.
        mean, deviation: Of the target in train; 0 and 1 for an attribute, whose answer is its
            log-odds.
    """

    role: str
    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class PixelJudge:
    """Attributes as log-odds, statistics and factors in their own unit, read off the pixels.

    Made by `train_pixel_judge`.

    Attributes:
        network: In evaluation mode.
        scales: Target -> what the network's answer means, in the order of its answers.
        unlearned: Targets that could not be learned -> why, in a sentence. Their column is NaN.
        losses: Mean loss a known value after every epoch, `train` and `valid`; None where no value
            of valid is known.
    """

    network: PixelNetwork
    scales: Mapping[str, Scale]
    unlearned: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[dict[str, float | None], ...] = ()
    name: str = "pixels"
    circular: bool = field(default=False, init=False)

    def measure(self, images: np.ndarray) -> pd.DataFrame:
        """One row a picture, one column a target; see `judge.Judge`.

        Args:
            images: uint8 (n, side, side, channels), with the channels of the training pictures.
        """
        answers = self._batches(images, self.network, len(self.scales))
        mean = np.array([scale.mean for scale in self.scales.values()])
        deviation = np.array([scale.deviation for scale in self.scales.values()])
        table = pd.DataFrame(answers * deviation + mean, columns=list(self.scales))
        return table.assign(**dict.fromkeys(self.unlearned, np.nan))

    def embed(self, images: np.ndarray) -> np.ndarray:
        """The features that the answers are read off, (n, features), float64.

        Two pictures that show the same have features that point the same way; used for how much
        the person in the picture changes.
        """
        return self._batches(images, self.network.embed, self.network.head.in_features)

    @torch.no_grad()
    def _batches(
        self, images: np.ndarray, read: Callable[[Tensor], Tensor], width: int
    ) -> np.ndarray:
        if images.ndim != 4 or images.shape[-1] != self.network.channels:
            raise DataError(
                f"The judge {self.name} was trained on pictures with {self.network.channels}"
                f" channels and is asked about an array of shape {images.shape}. Give it pictures"
                " (images, side, side, channels) like those of its data folder, or train another."
            )
        device = next(self.network.parameters()).device
        rows = np.empty((len(images), width))
        for block in row_blocks(np.arange(len(images)), BATCH):
            rows[block] = read(to_tensor(images[block], device)).double().cpu().numpy()
        return rows

    def to(self, device: torch.device | str) -> "PixelJudge":
        """The same judge with its network on this device."""
        return replace(self, network=deepcopy(self.network).to(device))

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and `judge.json`: nothing to unpickle."""
        with files.whole_folder(folder) as building:
            description = {
                "name": self.name,
                "channels": self.network.channels,
                "side": self.network.side,
                "scales": {target: vars(scale) for target, scale in self.scales.items()},
                "unlearned": dict(self.unlearned),
                "losses": list(self.losses),
            }
            save_weights(building, self.network, "judge.json", description)

    @classmethod
    def load(cls, folder: Path) -> "PixelJudge":
        """The judge that `save` wrote, on the CPU.

        Raises:
            MissingArtifactError: there is none.
            DataError: it is damaged.
        """
        path = folder / "judge.json"
        if not path.is_file():
            raise MissingArtifactError(f"{folder} holds no judge. Train it first.")
        try:
            described, weights = read_weights(folder, "judge.json")
            scales = {target: Scale(**scale) for target, scale in described["scales"].items()}
            network = _network(described["channels"], described["side"], len(scales), seed=0)
            network.load_state_dict(weights)
        except UNREADABLE as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"The judge in {folder} is damaged: {reason}. Remove it and train it again."
            ) from error
        return cls(
            network.eval(),
            scales,
            described["unlearned"],
            tuple(described["losses"]),
            described["name"],
        )


def train_pixel_judge(
    images: np.ndarray,
    values: np.ndarray,
    roles: Mapping[str, str],
    train_rows: np.ndarray,
    valid_rows: np.ndarray,
    *,
    seed: int,
    name: str = "pixels",
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 4e-3,
    patience: int = 4,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] = lambda images: None,
) -> PixelJudge:
    """Learn all targets at once from the images of train; keep the epoch that is best on valid.

    Minimises, over the known values, the mean of the cross-entropy of an attribute and of half the
    squared error of a statistic or factor, in standard deviations of train: both are negative
    log-likelihoods in nats. An unknown value has no gradient. Adam with decoupled weight decay; the
    learning rate rises for a quarter of the steps and falls to almost 0 at the end.

    Args:
        images: uint8 (images, side, side, 1 or 3), side 28 or more, memory-mapped or not.
        values: float64 (images, targets); attributes are 0 and 1, NaN where unknown.
        roles: Target -> one of `artifacts.ROLES`, in the order of the columns.
        train_rows, valid_rows: Row numbers, (n,).
        seed: Decides the weights, the order and the distortions.
        patience: Stop after so many epochs without a better loss on valid; 0 never does.
        progress: Called with the number of images just trained on.

    Raises:
        DataError: a target is infinite, or none of them can be learned.
    """
    roles = dict(roles)
    if values.shape != (len(images), len(roles)):
        raise ValueError(
            f"values has shape {values.shape}; there are {len(images)} images and"
            f" {len(roles)} targets"
        )
    scales, unlearned = _scales(values[train_rows], roles)
    if not scales:
        because = f": {next(iter(unlearned))}: {next(iter(unlearned.values()))}" if roles else ""
        raise DataError(
            f"The judge {name} has nothing to learn{because}. Label more images of the data folder,"
            " or leave this judge out."
        )
    lesson = _Lesson.of(images, values, roles, scales)
    train = train_rows[lesson.known[train_rows].any(axis=1)]
    valid = valid_rows[lesson.known[valid_rows].any(axis=1)]
    batch_size = min(batch_size, max(2, len(train) // LEAST_STEPS))
    network = _network(images.shape[-1], images.shape[1], len(scales), seed).to(device)
    network.to(memory_format=torch.channels_last)
    with torch.no_grad():
        network.head.bias.copy_(lesson.base(train))
    # A last batch with few images would give the normalisation a poor mean: it is left out, and as
    # the order is drawn anew every epoch, no image always is.
    steps = len(train) // batch_size
    with processes.interrupts_held():  # it loads torch's compiler, and no exception may fly through
        optimizer = torch.optim.AdamW(
            network.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY
        )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * steps, pct_start=0.25
    )
    losses: list[dict[str, float | None]] = []
    best, best_loss, waited = network.state_dict(), np.inf, 0
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for step, rows in enumerate(
            epoch_batches(train, batch_size=batch_size, seed=seed, epoch=epoch)
        ):
            if step == steps:
                break
            chance = torch_generator(seed, "judge distortions", epoch * steps + step)
            loss = lesson.loss(network, rows, device, chance)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) / steps
            progress(len(rows))
        judged = _valid_loss(network.eval(), lesson, valid, device)
        losses.append({"train": total, "valid": judged})
        if judged is None or judged < best_loss:
            best = {key: tensor.clone() for key, tensor in network.state_dict().items()}
            best_loss, waited = np.inf if judged is None else judged, 0
        else:
            waited += 1
            if waited == patience:
                break
    network.load_state_dict(best)
    return PixelJudge(network.eval(), scales, unlearned, tuple(losses), name)


@dataclass(frozen=True)
class _Lesson:
    """What is learned: pictures and, for every learnable target, what the network should answer.

    Attributes:
        answers: Attributes 0 or 1, others standardised, 0 where unknown, float32 (images, targets).
        known: bool, (images, targets).
        attribute: bool, (targets,).
    """

    images: np.ndarray
    answers: np.ndarray
    known: np.ndarray
    attribute: np.ndarray

    @classmethod
    def of(
        cls,
        images: np.ndarray,
        values: np.ndarray,
        roles: Mapping[str, str],
        scales: Mapping[str, Scale],
    ) -> "_Lesson":
        learned = values[:, [at for at, target in enumerate(roles) if target in scales]]
        known = np.isfinite(learned)
        mean = np.array([scale.mean for scale in scales.values()])
        deviation = np.array([scale.deviation for scale in scales.values()])
        return cls(
            images,
            np.where(known, (learned - mean) / deviation, 0.0).astype(np.float32),
            known,
            np.array([scale.role == "attribute" for scale in scales.values()]),
        )

    def base(self, train: np.ndarray) -> Tensor:
        """The best answer that is the same for every picture, (targets,)."""
        known = self.known[train]
        mean = (self.answers[train] * known).sum(axis=0) / known.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            odds = np.log(mean) - np.log1p(-mean)
        return torch.from_numpy(np.where(self.attribute, odds, mean).astype(np.float32))

    def loss(
        self,
        network: PixelNetwork,
        rows: np.ndarray,
        device: torch.device | str,
        chance: torch.Generator | None,
    ) -> Tensor:
        """Nats a known value, a scalar; from distorted pictures if chance is given."""
        x, known = to_tensor(self.images[rows], device), self.known[rows]
        if chance is not None:
            x = distorted(network.resized(x), chance)
        answers = torch.from_numpy(self.answers[rows]).to(device)
        return masked_loss(
            network(x),
            answers,
            torch.from_numpy(known).to(device),
            torch.from_numpy(self.attribute).to(device),
        )


def masked_loss(given: Tensor, answers: Tensor, known: Tensor, attribute: Tensor) -> Tensor:
    """Negative log-likelihood in nats, averaged over the known values, a scalar; 0 if none is.

    Cross-entropy for attributes, half the squared error for standardised numbers.

    Args:
        given, answers: (batch, targets).
        known: bool, (batch, targets). What is given for an unknown value has no gradient.
        attribute: bool, (targets,).
    """
    entropy = functional.binary_cross_entropy_with_logits(
        given, answers.clamp(0, 1), reduction="none"
    )
    nats = torch.where(attribute, entropy, (given - answers).square() / 2)
    return (nats * known).sum() / known.sum().clamp(min=1)


@torch.no_grad()
def _valid_loss(
    network: PixelNetwork, lesson: _Lesson, valid: np.ndarray, device: torch.device | str
) -> float | None:
    if not len(valid):
        return None
    total = 0.0
    for rows in row_blocks(valid, BATCH):
        total += float(lesson.loss(network, rows, device, None)) * lesson.known[rows].sum()
    return float(total / lesson.known[valid].sum())


def _network(channels: int, side: int, targets: int, seed: int) -> PixelNetwork:
    with torch.random.fork_rng(devices=[]):  # layers draw from the global generator: give it back
        torch.manual_seed(stream(seed, "judge weights"))
        return PixelNetwork(channels, side, targets)


def _scales(train: np.ndarray, roles: Mapping[str, str]) -> tuple[dict[str, Scale], dict[str, str]]:
    """How each target is scaled, or why it cannot be learned; values of train, (n, targets)."""
    scales: dict[str, Scale] = {}
    unlearned: dict[str, str] = {}
    for (target, role), column in zip(roles.items(), train.T, strict=True):
        if (np.abs(column) > LARGEST).any():
            raise DataError(
                f"The target {target} is infinite or nearly so for an image of train. Correct the"
                " label file and prepare again."
            )
        y = column[np.isfinite(column)]
        if len(y) < MIN_KNOWN:
            unlearned[target] = (
                f"only {len(y)} images of train have a known value; at least {MIN_KNOWN} are needed"
            )
        elif role == "attribute" and min(y.sum(), len(y) - y.sum()) < MIN_CLASS:
            unlearned[target] = (
                f"{int(y.sum())} of {len(y)} images of train are positive; at least {MIN_CLASS} of"
                " each kind are needed"
            )
        elif np.ptp(y) == 0:
            unlearned[target] = f"the value is {y[0]:g} in every image of train"
        elif role == "attribute":
            scales[target] = Scale(role)
        else:
            scales[target] = Scale(role, float(y.mean()), float(y.std()))
    return scales, unlearned
