"""`latentlab config`: show, check and describe settings."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines import console


def show(
    config: Annotated[
        Path | None, typer.Argument(help="A YAML config; the defaults if none.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, key.key=value.")
    ] = None,
) -> None:
    """Print every setting, defaults included."""
    import yaml

    from latentlab import config as configs

    overrides = tuple(set_ or [])
    chosen = configs.load(config, overrides) if config else configs.build({}, overrides)
    plain = chosen.plain()
    console.result(plain, yaml.safe_dump(plain, sort_keys=False).rstrip())


def validate(
    config: Annotated[Path, typer.Argument(help="A YAML config.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, key.key=value.")
    ] = None,
) -> None:
    """Check a config without doing anything."""
    from latentlab import config as configs

    configs.load(config, tuple(set_ or []))
    console.result({"config": str(config), "valid": True}, f"{config} is valid.")


def schema() -> None:
    """Print the JSON schema of a config."""
    import json

    from latentlab.config import ConfigFile

    typer.echo(json.dumps(ConfigFile.model_json_schema(), indent=1))
