"""The command line: one module a command, gathered here. torch is imported inside commands only."""

import sys
from collections.abc import Callable
from typing import Any

import typer

from latentlab.errors import LatentlabError
from pipelines import config, console, data, sweep, sweep_status
from pipelines.analyze import analyze
from pipelines.anomalies import anomalies
from pipelines.codes import codes
from pipelines.compare import compare
from pipelines.demo import demo
from pipelines.doctor import doctor
from pipelines.encode import encode
from pipelines.gallery import gallery
from pipelines.intervene import intervene
from pipelines.landmarks import landmarks
from pipelines.memory import threads_heard
from pipelines.metrics import metrics
from pipelines.morph import morph
from pipelines.prepare import prepare
from pipelines.probe import probe
from pipelines.reconstruct import reconstruct
from pipelines.report import report
from pipelines.run import run
from pipelines.sample import sample
from pipelines.status import status
from pipelines.stopping import Interrupted, ended, interruptible
from pipelines.train import train
from pipelines.traverse import traverse
from pipelines.usage import Command, Group
from pipelines.which import which

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Which latent dimension controls this attribute, how sure are we,"
    " and does moving it change that and nothing else?",
    epilog="Example: latentlab demo",
    pretty_exceptions_enable=False,
)
settings = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Show, check and describe settings.",
    epilog="Example: latentlab config show configs/celeba.yaml",
)

prepared = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Look at prepared data.",
    epilog="Example: latentlab data show data/celeba",
)


class Starting(Group):
    """`latentlab sweep CONFIG` is `latentlab sweep start CONFIG`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        known = not args or args[0] in self.commands
        return super().parse_args(ctx, args if known else ["start", *args])


sweeps = typer.Typer(
    cls=Starting,
    no_args_is_help=True,
    help="Run a config with many settings and seeds.",
    epilog="Example: latentlab sweep configs/demo.yaml --set objective.beta=1,4 --seeds 3",
)

COMMANDS: list[tuple[typer.Typer, Callable[..., Any], str]] = [
    (app, demo, "latentlab demo"),
    (app, run, "latentlab run configs/celeba.yaml --set objective.beta=4"),
    (app, prepare, "latentlab prepare celeba --root ~/celeba --out data/celeba"),
    (app, landmarks, "latentlab landmarks data/celeba"),
    (app, train, "latentlab train runs/demo --resume"),
    (app, encode, "latentlab encode runs/demo"),
    (app, probe, "latentlab probe runs/demo"),
    (app, intervene, "latentlab intervene runs/demo"),
    (app, metrics, "latentlab metrics runs/demo"),
    (app, report, "latentlab report runs/demo"),
    (app, analyze, "latentlab analyze latents.parquet labels.csv --out analysis"),
    (app, compare, "latentlab compare runs/sweep"),
    (app, gallery, "latentlab gallery runs"),
    (app, which, "latentlab which Smiling runs/demo"),
    (app, traverse, "latentlab traverse runs/demo --target Smiling"),
    (app, morph, "latentlab morph runs/demo --out morph.gif"),
    (app, codes, "latentlab codes runs/demo runs/other --color-by Smiling"),
    (app, sample, "latentlab sample runs/demo --count 64"),
    (app, reconstruct, "latentlab reconstruct runs/demo"),
    (app, anomalies, "latentlab anomalies runs/demo --count 40"),
    (app, status, "latentlab status runs/demo"),
    (app, doctor, "latentlab doctor"),
    (
        sweeps,
        sweep.start,
        "latentlab sweep configs/demo.yaml --set objective.beta=1,4 --seeds 3",
    ),
    (sweeps, sweep_status.status, "latentlab sweep status runs/demo"),
    (prepared, data.show, "latentlab data show data/celeba --target Smiling"),
    (settings, config.show, "latentlab config show configs/celeba.yaml"),
    (settings, config.validate, "latentlab config validate configs/celeba.yaml"),
    (settings, config.schema, "latentlab config schema"),
]
for group, command, example in COMMANDS:
    group.command(cls=Command, epilog=f"Example: {example}")(console.with_manner(command))
app.add_typer(sweeps, name="sweep")
app.add_typer(prepared, name="data")
app.add_typer(settings, name="config")


@app.callback(invoke_without_command=True)
def version(
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        import latentlab

        typer.echo(latentlab.__version__)
        raise typer.Exit


def main(words: list[str] | None = None) -> None:
    """Run a command; what a user can mend ends in one line and an exit code, not in a traceback.

    Args:
        words: Of the command line, without the program's name; those of this process if not given.
    """
    try:
        with interruptible() as raised, threads_heard():
            app(words)
    except SystemExit:
        for stop in raised:
            if not stop.told:  # it came before the command itself had begun
                console.tell_interrupted(stop)
                sys.exit(stop.exit_code)
        raise
    except Interrupted as stop:  # or before typer had
        if not stop.told:
            console.tell_interrupted(stop)
        sys.exit(stop.exit_code)
    except LatentlabError as error:
        if console.manner.debug:
            raise
        typer.echo(f"latentlab: {error}", err=True)
        sys.exit(error.exit_code)
    finally:
        if words is None:  # the process ends here
            ended()
