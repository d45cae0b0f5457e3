"""`latentlab demo`: the whole job on generated faces, with nothing to download."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    run: Annotated[Path, typer.Option("--run", help="The run folder.")] = Path("runs/demo"),
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, e.g. objective.beta=4.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="Compute on auto, cpu, cuda or mps.")] = None,
) -> None:
    """Draw faces, train a model on them, and report what its dimensions do."""
    from latentlab import config as configs
    from pipelines.run import run_all
    from pipelines.stages import device_override

    # The defaults of every setting are the demo's, so it needs no file beside the package.
    run_all(configs.build({"name": "demo"}, (*(set_ or []), *device_override(device))), run)
