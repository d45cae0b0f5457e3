"""The networks that are trained, their optimisers and their moving average."""

from itertools import chain
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from latentlab.fitting.adam import Adam, Group
from latentlab.fitting.recipe import Recipe
from latentlab.models.vae import VAE
from latentlab.objectives import Objective, Terms
from latentlab.randomness import stream


class Weights:
    """All that training changes, as one state.

    Attributes:
        critic: The objective's own network, if it has one.
        averages: Steps that the moving average has seen.
    """

    def __init__(
        self, model: VAE, objective: Objective, recipe: Recipe, seed: int, device: torch.device
    ):
        self.recipe = recipe
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.critic = _critic(objective, model.latents, seed, device)
        fused = one_kernel(device)
        self.optimizers = [Adam(_groups(model, recipe), fused=fused)]
        if self.critic is not None:
            group = Group(tuple(self.critic.parameters()), recipe.critic_learning_rate)
            # The momentum of the FactorVAE paper, section 4.
            self.optimizers.append(Adam([group], betas=(0.5, 0.9), fused=fused))
        self.averaged: AveragedModel | None = None
        self.averages = 0
        if recipe.average:
            self.averaged = AveragedModel(model, use_buffers=True)
        if recipe.compile:
            model.encoder.compile()
            model.decoder.compile()

    @property
    def kept(self) -> VAE:
        """The model that is evaluated and kept."""
        return self.model if self.averaged is None else cast(VAE, self.averaged.module)

    def update(self, terms: Terms) -> None:
        """One step of every optimiser. Nothing is read back from the device."""
        for optimizer in self.optimizers:
            optimizer.clear_gradients()
        terms.loss.backward()
        if self.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizers[0].step()
        if terms.critic_loss is not None:
            # What the model's loss left in the critic is not the critic's to follow.
            self.optimizers[1].clear_gradients()
            terms.critic_loss.backward()
            self.optimizers[1].step()
        if self.averaged is not None:
            self._average(self.averaged.module)

    def count(self) -> None:
        """To be called after each `update`, also one that was recorded and replayed."""
        self.averages += 1

    @torch.no_grad()
    def _average(self, averaged: nn.Module) -> None:
        """What `AveragedModel.update_parameters` does, without looking at a number on the way."""
        pairs = list(
            zip(
                chain(averaged.parameters(), averaged.buffers()),
                chain(self.model.parameters(), self.model.buffers()),
                strict=True,
            )
        )
        if not self.averages:
            for mine, now in pairs:
                mine.copy_(now)
            return
        move = get_ema_multi_avg_fn(self.recipe.average)
        for kind in {mine.dtype for mine, _ in pairs}:
            alike = [(mine.detach(), now.detach()) for mine, now in pairs if mine.dtype == kind]
            move([mine for mine, _ in alike], [now for _, now in alike], None)

    def state(self) -> dict[str, Any]:
        """The tensors themselves, which go on changing."""
        if self.averaged is not None:
            self.averaged.n_averaged.fill_(self.averages)
        modules = {"model": self.model, "critic": self.critic, "averaged": self.averaged}
        found = {name: one.state_dict() for name, one in modules.items() if one is not None}
        return {**found, "optimizers": [one.state_dict() for one in self.optimizers]}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
            self.averages = int(self.averaged.n_averaged)
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)


def one_kernel(device: torch.device) -> bool:
    """Whether a single kernel updates all weights."""
    return device.type == "cuda"


def kept_weights(state: dict[str, Any]) -> dict[str, Tensor]:
    """The weights in a state of `fit` that are evaluated and kept."""
    if "averaged" not in state:
        return dict(state["model"])
    return {
        name.removeprefix("module."): value
        for name, value in state["averaged"].items()
        if name.startswith("module.")
    }


def _groups(model: VAE, recipe: Recipe) -> list[Group]:
    """The weights by their learning rate."""
    if recipe.decoder_learning_rate is None:
        return [Group(tuple(model.parameters()), recipe.learning_rate)]
    later = {id(weight) for weight in model.decoder.parameters()}
    later |= {id(weight) for weight in model.likelihood.parameters()}
    if model.mask_decoder is not None:
        later |= {id(weight) for weight in model.mask_decoder.parameters()}
    parts: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for weight in model.parameters():
        parts[id(weight) in later].append(weight)
    rates = (recipe.learning_rate, recipe.decoder_learning_rate)
    return [Group(tuple(part), rate) for part, rate in zip(parts, rates, strict=True)]


def _critic(
    objective: Objective, latents: int, seed: int, device: torch.device
) -> nn.Module | None:
    build = getattr(objective, "build_critic", None)
    if build is None:
        return None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream(seed, "critic"))
        return cast(nn.Module, build(latents)).to(device)
