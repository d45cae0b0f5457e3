"""`latentlab demo`: the whole job on generated faces, with nothing to download."""

from pathlib import Path
from typing import Annotated, Any

import typer

# Half the anchors of other runs, so that all is done in a few minutes.
SETTINGS: dict[str, Any] = {
    "name": "demo",
    "intervene": {"anchors": 12, "steps": 3, "judge_epochs": 4},
}


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

    # Of configs/demo.yaml, which is not installed; a test holds them equal.
    run_all(configs.build(SETTINGS, (*(set_ or []), *device_override(device))), run)
