"""`latentlab train`: a data folder to a model."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines import console

if TYPE_CHECKING:
    import numpy as np
    import torch

    from latentlab.background import Background
    from latentlab.config import Config
    from latentlab.data.batches import Pictures
    from latentlab.models.vae import VAE
    from latentlab.ranks import Ranks
    from pipelines.stages import Stage, Workspace

WAYS = ("device", "compile", "capture")  # settings of `train` that change no number but by rounding


def train_stage(work: "Workspace") -> "Stage":
    from pipelines.stages import Stage

    run, config = work.run, work.config
    settings = config.plain()
    return Stage(
        run,
        "train",
        {
            "data": work.data.digest,
            **{key: settings[key] for key in ("seed", "model", "objective")},
            # Where and how it is computed does not decide what is computed.
            "train": {key: value for key, value in settings["train"].items() if key not in WAYS},
        },
        (
            run.model_folder / "model.safetensors",
            run.model_folder / "config.json",
            run.history_path,
        ),
    )


def ensure_trained(
    work: "Workspace",
    *,
    resume: bool = False,
    fresh: bool = False,
    ranks: "Ranks | None" = None,
) -> None:
    """Train the run's model unless that is done; interrupted training goes on where it stopped.

    Args:
        resume: Insist on going on: without a state to go on from, refuse to start.
        fresh: Forget finished and half-finished training.
        ranks: The processes that train together; the first of them alone writes.
    """
    from latentlab.ranks import ALONE

    ranks, stage = ranks or ALONE, train_stage(work)
    todo = ranks.any(fresh or not stage.current)
    if todo:
        nowhere: AbstractContextManager[dict[str, float]] = nullcontext({})
        with stage.recorded() if ranks.leads else nowhere as measured:
            rate = _train(work, ranks, resume=resume, fresh=fresh)
            if rate is not None:
                measured["images_per_second"] = rate


def _train(work: "Workspace", ranks: "Ranks", *, resume: bool, fresh: bool) -> float | None:
    """
    Returns:
        Images a second, with all that was done in between; None where there was nothing to train.
    """
    import time

    import numpy as np
    import pandas as pd

    from latentlab import checkpoints, files
    from latentlab.background import Background
    from latentlab.errors import StoppedError
    from latentlab.feeding import pictures_for
    from latentlab.models import build_model
    from latentlab.objectives import OBJECTIVES
    from latentlab.training import Progress, Recipe, choose_device, concerns, fit, kept_weights
    from pipelines.model_card import model_card
    from pipelines.stopping import stop_requests

    run, config, data = work.run, work.config, work.data
    facts = data.description
    plain = config.plain()["model"]
    description = {
        "name": plain.pop("name"),
        "channels": facts["channels"],
        "side": facts["side"],
        "settings": plain,
    }
    model = build_model(
        config.model.name,
        config.model.settings,
        channels=facts["channels"],
        side=facts["side"],
        seed=config.seed,
    )
    given = pictures_for(model, data)
    split = data.splits()
    _require_space(work, model)
    state = _state_to_resume(work, resume=resume, fresh=fresh) if ranks.leads else None
    ranks.wait()  # until the first has removed the states of other trainings
    if not ranks.leads:
        state = checkpoints.load_state(run.checkpoints_folder)
    images, size = int((split == "train").sum()), config.train.batch_size
    steps = -(-images // size) * config.train.epochs
    device = choose_device(config.train.device)
    began = time.monotonic()

    with (
        stop_requests() as stop,
        work.arithmetic(),
        console.progress("train", steps, "steps") as advance,
        Background(threaded=_writes_aside(device)) as background,
    ):
        keeper = _Keeper(work, given, background)
        if state is not None:
            advance(state["step"], f"resumed after epoch {state['epoch']}")

        def on_step(progress: Progress) -> None:
            loss = "" if progress.loss is None else f", loss {progress.loss:,.1f}"
            note = f"epoch {progress.epoch}/{progress.epochs}{loss}"
            advance(1, note if loss else None)
            background.check()

        try:
            history = fit(
                model,
                OBJECTIVES[config.objective.name](**config.objective.settings),
                given,
                train=np.flatnonzero(split == "train"),
                valid=np.flatnonzero(split == "valid"),
                recipe=Recipe(**config.train.model_dump(exclude={"device"})),
                seed=config.seed,
                device=device,
                state=state,
                on_epoch=keeper.keep if ranks.leads else lambda state, best, model: None,
                on_step=on_step,
                should_stop=lambda: stop.made,
                ranks=ranks,
                tell=lambda line: console.say(f"Note: {line}.") if ranks.leads else None,
            )
        except StoppedError as error:
            error.exit_code = stop.exit_code
            error.args = (f"{error}. Go on with `latentlab train {run.path} --resume`.",)
            raise
    seconds = time.monotonic() - began
    if not ranks.leads:
        return None
    model.load_state_dict(kept_weights(checkpoints.best_state(run.checkpoints_folder)))
    run.write_history(pd.DataFrame(history))
    checkpoints.save_model(run.model_folder, model, description, model_card(work, history))
    for concern in concerns(history, model.latents):
        console.say(f"Note: {concern}")
    last = history[-1]
    console.say(
        f"valid reconstruction {last['valid_reconstruction']:,.1f} nats, KL {last['valid_kl']:,.1f}"
        f" nats, {last['active_units']} of {model.latents} dimensions active"
        f" ({files.digest(run.model_folder / 'model.safetensors')[:12]})"
    )
    before = (state or {}).get("epoch", 0) * images + (state or {}).get("batch", 0) * size
    trained = len(history) * images - before
    return round(trained / seconds, 1) if trained else None


def _writes_aside(device: "torch.device") -> bool:
    """Whether to write states and pictures in a thread while training goes on.

    Where it is the processor that trains there is nothing to gain, and a training that is killed
    loses no more than the epoch under way.
    """
    return device.type == "cuda"


def _require_space(work: "Workspace", model: "VAE") -> None:
    """Refuse to train where the states would not fit on the disk."""
    from latentlab import checkpoints, files

    config = work.config.train
    weights = sum(weight.numel() * weight.element_size() for weight in model.state_dict().values())
    copies = 3 + bool(config.average)  # the weights, Adam's two moments, and their average
    states = checkpoints.KEPT + 2  # the best, and one that is being written
    needed = weights * (copies * states + 1)  # and the model itself
    files.require_space(work.run.path, needed, "the states of training")


def _key(work: "Workspace") -> str:
    """What a resume state must agree on; more epochs are welcome."""
    from latentlab import files

    inputs = train_stage(work).inputs
    settings = {key: value for key, value in inputs["train"].items() if key != "epochs"}
    return files.digest_of({**inputs, "train": settings})


def _state_to_resume(work: "Workspace", *, resume: bool, fresh: bool) -> dict[str, Any] | None:
    from latentlab import checkpoints
    from latentlab.errors import MissingArtifactError

    folder = work.run.checkpoints_folder
    state = None
    if not fresh:
        state = checkpoints.load_state(
            folder, lambda error: console.say(f"Warning: {error} Going on from the state before.")
        )
    if state is not None and state["key"] != _key(work):
        if resume:
            raise MissingArtifactError(
                f"{folder} holds states of other settings, so training cannot go on from them."
                " Take back the change, or start over without --resume."
            )
        state = None
    if state is not None and state["epoch"] > work.config.train.epochs:
        state = None  # fewer epochs than were trained: start over
    if state is None:
        if resume:
            raise MissingArtifactError(
                f"{folder} holds no state to resume from. Start without --resume."
            )
        checkpoints.clear_states(folder)
        for grid in work.run.grids_folder.glob("epoch_*.png"):
            grid.unlink()  # of epochs that this training may never reach
    return state


class _Keeper:
    """Writes down what training has come to."""

    def __init__(self, work: "Workspace", given: "Pictures", background: "Background") -> None:
        self.run, self.key, self.background = work.run, _key(work), background
        self.grid = _Grid(work, given)

    def keep(self, state: dict[str, Any], best: bool, model: "VAE") -> None:
        """History, picture and state after an epoch; in the middle of one the state alone."""
        import pandas as pd

        from latentlab import checkpoints

        kept, arrived = checkpoints.copied(state | {"key": self.key})
        picture = self.grid.picture(model) if state["batch"] == 0 else None

        def write() -> None:
            # The state comes last: who is killed before it does the epoch again, and all of this.
            if picture is not None:
                self.run.write_history(pd.DataFrame(kept["history"]))
                self.grid.write(picture, kept["epoch"])
            arrived()
            checkpoints.save_state(self.run.checkpoints_folder, kept["step"], kept, best=best)

        self.background.do(write)


class _Grid:
    """Reconstructions of one fixed batch of validation images, as a picture after every epoch."""

    COLUMNS = 10

    def __init__(self, work: "Workspace", given: "Pictures") -> None:
        import numpy as np

        split = work.data.splits()
        self.run = work.run
        self.given = given
        self.rows = np.flatnonzero(split == "valid")[: 2 * self.COLUMNS]

    def picture(self, model: "VAE") -> "np.ndarray":
        """uint8, (height, width, channels)"""
        from latentlab import pictures
        from latentlab.decoding import reconstruct

        shown = self.given.images[self.rows]
        again = reconstruct(model, self.given, self.rows)
        rows = []
        for start in range(0, len(shown), self.COLUMNS):
            stop = start + self.COLUMNS
            if stop <= len(shown) or start == 0:
                rows += [shown[start:stop], again[start:stop]]
        return pictures.tile(rows)

    def write(self, picture: "np.ndarray", epoch: int) -> None:
        from latentlab import files, pictures

        files.write_bytes(self.run.grids_folder / f"epoch_{epoch:04d}.png", pictures.png(picture))


def train(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    config: Annotated[
        Path | None, typer.Option(help="Make RUN a run folder with this config first.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="With --config: a setting, key.key=value.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint, or refuse.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train anew, even where training is done.")
    ] = False,
) -> None:
    """Train the model of a run.

    On several processes or GPUs: torchrun --nproc-per-node 2 -m pipelines train RUN.
    """
    from latentlab import config as configs
    from latentlab.ranks import several
    from pipelines.stages import device_override, open_workspace

    wanted = None if config is None else configs.load(config, tuple(set_ or []))
    if several():
        _train_together(run, wanted, device, resume=resume, fresh=fresh)
        return
    with _held(run, wanted):
        work = open_workspace(run, device_override(device))
        ensure_trained(work, resume=resume, fresh=fresh)
    _tell(work)


def _held(run: Path, wanted: "Config | None") -> "AbstractContextManager[Any]":
    """Hold the run folder, which becomes that of a config if one is given."""
    from latentlab import files
    from latentlab.artifacts import RunFolder
    from pipelines.prepare import ensure_data
    from pipelines.stages import started_run

    if wanted is None:
        return files.sole_writer(RunFolder.open(run).path)
    ensure_data(wanted)
    return started_run(run, wanted)


def _train_together(
    run: Path, wanted: "Config | None", device: str | None, *, resume: bool, fresh: bool
) -> None:
    """The part of one process in training by several; the first of them holds the run folder."""
    from latentlab import config as configs
    from latentlab.artifacts import RunFolder
    from latentlab.ranks import joined
    from latentlab.training import choose_device
    from pipelines.stages import device_override, open_workspace

    settings = wanted or configs.load_saved(RunFolder.open(run).config_path)
    with joined(choose_device(device or settings.train.device)) as ranks:
        console.manner.quiet |= not ranks.leads
        with _held(run, wanted) if ranks.leads else nullcontext():
            ranks.wait()  # until the first has made what the others read
            work = open_workspace(run, device_override(device))
            ensure_trained(work, resume=resume, fresh=fresh, ranks=ranks)
            if ranks.leads:
                _tell(work)


def _tell(work: "Workspace") -> None:
    last = work.run.history().iloc[-1]
    console.result(
        {"model": str(work.run.model_folder), "valid_loss": float(last["valid_loss"])},
        f"{work.run.model_folder}: {int(last['epoch'])} epochs,"
        f" valid loss {last['valid_loss']:,.1f} nats per image",
    )
