"""`latentlab sweep`: many runs of one config, each in a process of its own."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.parts import AddressOption
from pipelines.sweep_plan import asked_for, enter
from pipelines.sweep_status import tell_plan
from pipelines.sweep_work import do_runs, ready_data, run_command, shares


def start(
    config: Annotated[Path, typer.Argument(help="A YAML config, with or without `sweep`.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting with its values, e.g. objective.beta=1,2,4."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Runs of each, with different seeds.")
    ] = None,
    variant: Annotated[
        list[str] | None, typer.Option(help="Run this variant of the config alone.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The sweep folder; runs/NAME if not given.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; as many as cores if not given.")
    ] = None,
    engine: Annotated[
        str, typer.Option(help="Where runs are done: processes of this machine, or ray.")
    ] = "processes",
    address: AddressOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the runs and do nothing.")
    ] = False,
) -> None:
    """Run a config with every value of some settings and several seeds.

    Repeat the command to go on where it stopped; start it again elsewhere to help. How far it is:
    latentlab sweep status SWEEP.
    """
    from latentlab.errors import ConfigError

    if engine not in ("processes", "ray"):
        raise ConfigError(f"--engine {engine}: a sweep knows processes and ray.")
    if address is not None and engine != "ray":
        raise ConfigError("--address is that of a Ray cluster: give --engine ray with it.")
    asked = asked_for(config, tuple(set_ or []), seeds=seeds, only=tuple(variant or []), out=out)
    if dry_run:
        tell_plan(asked.sweep, list(asked.configs))
        return
    enter(asked)
    folder, names = asked.sweep, list(asked.configs)
    left = [asked.configs[name] for name in names if folder.state(name) != "done"]
    processes, threads = shares(workers, left)
    if left:
        ready_data(left)
    if engine == "ray":
        processes = workers or 0  # as many as the cluster has room for
    do_runs(
        folder,
        names,
        processes,
        threads,
        lambda run: run_command(run, threads),
        engine=engine,
        address=address,
    )
