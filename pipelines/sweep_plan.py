"""What a sweep is asked for, checked, and put into its folder."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latentlab.config import Config
    from latentlab.sweeps import PlannedRun, SweepFolder

# Where a run is computed does not decide what is computed: machines that share a sweep may differ.
PLACE = ("landmarks.workers", "train.device")


@dataclass(frozen=True)
class Asked:
    """What one call of the command asks for.

    Attributes:
        sweep: Its folder, which need not exist yet.
        varied: Settings that the sweep varies, `key.key`.
        configs: The whole config of every run, by name, in order.
    """

    sweep: "SweepFolder"
    varied: frozenset[str]
    runs: "tuple[PlannedRun, ...]"
    configs: "dict[str, Config]"


def asked_for(
    path: Path,
    set_: tuple[str, ...] = (),
    *,
    seeds: int | None = None,
    only: tuple[str, ...] = (),
    out: Path | None = None,
) -> Asked:
    """The runs that a config and options describe, all checked; nothing is written.

    Args:
        set_: `key.key=value,value`. A single value replaces the config's, unless the config or the
            sweep folder varies that setting: then it is the only one of its values asked for.
        seeds: How many; as many as the config says if not given.
        only: Variants; all if none is named.
        out: The sweep folder; runs/NAME if not given.

    Raises:
        ConfigError: something of it is wrong.
    """
    from latentlab import config as configs
    from latentlab import overrides
    from latentlab.errors import ConfigError
    from latentlab.naming import chosen
    from latentlab.sweeps import OWN, SweepFolder, plan

    given = [(text, *overrides.values_of(text)) for text in set_]
    # The section itself and the name can be set too; they say what is varied, and where it is.
    first = tuple(text for text, key, _ in given if key == "name" or key.startswith("sweep."))
    content, section = configs.load_sweep(path, first)
    given = [entry for entry in given if entry[0] not in first]
    sweep = SweepFolder(out or Path("runs") / str(content.get("name", "run")))

    varied = {key for _, key, values in given if len(values) > 1} | set(section.set)
    varied |= {key for run in sweep.planned() for key in run.settings}
    values = dict(section.set) | {key: values for _, key, values in given if key in varied}
    fixed = tuple(text for text, key, _ in given if key not in varied)
    content, _ = configs.load_sweep(path, (*first, *fixed))

    variants = {name: chosen(section.variants, name, "--variant") for name in only}
    variants = variants or dict(section.variants)
    for name, settings in variants.items():
        if taken := sorted(set(settings) & {*OWN, "sweep"}):
            raise ConfigError(f"{path}: the variant {name} cannot set {taken[0]}. Take it out.")
    seed = content.get("seed", 0)
    if not isinstance(seed, int):
        raise ConfigError(
            f"{path}: `seed` is {seed!r}; a sweep counts on from a whole number. Give one."
        )
    runs = plan(values, range(seed, seed + (seeds or section.seeds)), tuple(variants))

    def config_of(run: "PlannedRun") -> "Config":
        own = overrides.with_values(content, variants[run.variant] if run.variant else {})
        # A component comes before its settings.
        for key in sorted(run.settings, key=lambda key: not key.endswith(".name")):
            own = overrides.with_value(own, key, run.settings[key])
        title = f"{content.get('name', 'run')} {run.name}"
        return configs.build(own | {"seed": run.seed, "name": title}, where=f"{path}, {run.name}")

    return Asked(sweep, frozenset(varied), runs, {run.name: config_of(run) for run in runs})


def enter(asked: Asked) -> None:
    """Put the runs into the sweep folder, with a config each, unless they are there.

    Raises:
        ConfigError: the folder holds something else, or runs that other settings made; nothing is
            written then.
    """
    from latentlab import files
    from latentlab.errors import ConfigError
    from latentlab.sweeps import is_sweep
    from pipelines.stages import start_run

    sweep = asked.sweep
    path = sweep.path
    if path.exists() and not is_sweep(path) and (not path.is_dir() or _holds_else(path, sweep)):
        raise ConfigError(f"{path} exists and is not a sweep folder. Choose another --out.")
    with files.taking_turns(sweep.lock_path):
        there = {run.name: run for run in sweep.planned()}
        for run in asked.runs:
            _check_agrees(asked, run, there)
        new = [run for run in asked.runs if run.name not in there]
        if new:
            sweep.write_plan((*there.values(), *new))
        for run in asked.runs:
            folder = sweep.run_path(run.name)
            if not (folder / "config.yaml").is_file():
                start_run(folder, asked.configs[run.name])


def _holds_else(path: Path, sweep: "SweepFolder") -> bool:
    """Whether there is more than the lock of another process that begins this sweep just now."""
    return any(entry != sweep.lock_path.parent for entry in path.iterdir())


def _check_agrees(asked: Asked, run: "PlannedRun", there: "dict[str, PlannedRun]") -> None:
    """A run of this name must have these settings, and other runs of its variant must agree in
    what the sweep does not vary."""
    from latentlab import config as configs
    from latentlab.errors import ConfigError

    alike = [one for one in there.values() if one.variant == run.variant]
    for other in [run] if run.name in there else alike:
        folder = asked.sweep.run_path(other.name)
        if not (folder / "config.yaml").is_file():
            continue  # its owner took it away to have it done anew
        free = {"name", *PLACE}
        if other.name != run.name:
            free |= {"seed", *asked.varied}
        found = _settings(configs.load_saved(folder / "config.yaml"), folder)
        wanted = _settings(asked.configs[run.name], folder)
        for key in sorted(found | wanted):
            if found.get(key) != wanted.get(key) and not _covered(key, free):
                raise ConfigError(
                    f"{folder} has {key} {found.get(key)}, and now {wanted.get(key)} is asked for."
                    " Choose another --out, or vary that setting in a new sweep."
                )
        return


def _covered(key: str, free: "Iterable[str]") -> bool:
    """Whether a setting may differ: itself, or as a setting of a component that may."""
    return any(
        key == one or (one.endswith(".name") and key.startswith(one.removesuffix("name")))
        for one in free
    )


def _settings(config: "Config", folder: Path) -> dict[str, Any]:
    """`key.key` -> value, with paths relative to the folder."""
    from latentlab.artifacts import relative_to

    def leaves(level: dict[str, Any], above: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in level.items():
            inner = leaves(value, f"{above}{key}.") if isinstance(value, dict) else None
            found |= inner if inner is not None else {f"{above}{key}": value}
        return found

    return leaves(config.with_paths(lambda path: Path(relative_to(path, folder))).plain())
