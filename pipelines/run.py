"""`latentlab run`: every stage in order; those whose inputs have not changed are skipped."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import console

if TYPE_CHECKING:
    from latentlab.config import Config


def run_all(config: "Config", path: Path, *, resume: bool = False, fresh: bool = False) -> None:
    """From pictures to report in the run folder `path`."""
    from latentlab.landmarks.model_file import find_model
    from pipelines.encode import ensure_encoded
    from pipelines.intervene import ensure_intervened
    from pipelines.landmarks import ensure_landmarks
    from pipelines.metrics import ensure_metrics
    from pipelines.prepare import ensure_data
    from pipelines.probe import ensure_probed
    from pipelines.report import ensure_report
    from pipelines.stages import open_workspace, started_run
    from pipelines.train import ensure_trained
    from pipelines.verdicts import ensure_verdicts

    if config.landmarks.enabled:
        find_model(config.landmarks.model)  # a missing model is better known before the long work
    data = ensure_data(config)
    if config.landmarks.enabled:
        ensure_landmarks(data, model=config.landmarks.model, workers=config.landmarks.workers)
    with started_run(path, config) as run:
        work = open_workspace(path)
        ensure_trained(work, resume=resume, fresh=fresh)
        ensure_encoded(work)
        ensure_probed(work)
        ensure_intervened(work)
        ensure_verdicts(work)
        ensure_metrics(work)
        ensure_report(work)
    console.result(
        {"run": str(path), "report": str(run.report_path)},
        f"\nThe report: {run.report_path.resolve()}",
    )


def run(
    config: Annotated[
        Path,
        typer.Argument(help="A YAML config, e.g. configs/celeba.yaml; or a run folder to go on."),
    ],
    run: Annotated[
        Path | None, typer.Option("--run", help="The run folder; runs/NAME if not given.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, e.g. objective.beta=4.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint, or refuse.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Train anew, even if trained.")] = False,
) -> None:
    """Do the whole job: prepare, landmarks, train, encode, probe, intervene, metrics, report."""
    from latentlab import config as configs
    from latentlab.artifacts import RunFolder
    from pipelines.stages import device_override

    overrides = (*(set_ or []), *device_override(device))
    if config.is_dir():
        wanted = configs.load_saved(RunFolder.open(config).config_path, overrides)
        path = run or config
    else:
        wanted = configs.load(config, overrides)
        path = run or Path("runs") / wanted.name
    run_all(wanted, path, resume=resume, fresh=fresh)
