"""Run folders as a comparison takes them: what is finished is read, what is not is said."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.artifacts import RunFolder
    from latentlab.comparison.runs import Candidates, ComparedRun

MADE_FROM_LATENTS = ("probe", "intervene", "metrics")  # stages


@dataclass(frozen=True)
class Asked:
    """One comparison that is asked for.

    Attributes:
        variant: Of a sweep; None where there are none.
        runs: Name -> folder.
        unready: Name -> why a run is left out before anybody looks at it.
    """

    variant: str | None
    runs: dict[str, Path]
    unready: dict[str, str]


def asked_for(paths: Sequence[Path]) -> list[Asked]:
    """What a command line of run folders, or of one sweep folder, asks for: every variant of a
    sweep is a comparison of its own.

    Raises:
        ConfigError: A sweep stands beside other folders, or a folder is named twice.
    """
    from latentlab.errors import ConfigError
    from latentlab.sweeps import is_sweep

    sweeps = [path for path in paths if is_sweep(path)]
    if not sweeps:
        return [Asked(None, _named(paths), {})]
    if len(paths) > 1:
        raise ConfigError(f"{sweeps[0]} is a sweep: compare it alone, or name runs in its runs/.")
    return _of_sweep(paths[0])


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Folders by their last part, with as many before it as it takes to tell them apart: the page
    must not name more of the machine than that.

    Raises:
        ConfigError: A folder is named twice.
    """
    from latentlab.errors import ConfigError

    parts = [path.resolve().parts for path in paths]
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(one[-count:]) for one in parts]
        if len(set(names)) == len(names):
            return dict(zip(names, paths, strict=True))
    twice = next(path for path in paths if parts.count(path.resolve().parts) > 1)
    raise ConfigError(f"{twice} is named more than once. Name every run once.")


def _of_sweep(path: Path) -> list[Asked]:
    from latentlab.sweeps import SweepFolder

    sweep = SweepFolder.open(path)
    found: dict[str | None, Asked] = {}
    for planned in sweep.planned():
        asked = found.setdefault(planned.variant, Asked(planned.variant, {}, {}))
        asked.runs[planned.name] = sweep.run_path(planned.name)
        state, attempt = sweep.state(planned.name), sweep.attempt(planned.name)
        if state != "done":
            reason = attempt.reason if attempt is not None and state != "running" else None
            asked.unready[planned.name] = f"{state}: {reason}" if reason else state
    return list(found.values())


def candidates(asked: Asked) -> "Candidates":
    """The finished runs, read, and the others with the reason why they are left out."""
    from latentlab import memory
    from latentlab.artifacts import RunFolder
    from latentlab.comparison.runs import Candidates, LeftOut
    from latentlab.errors import LatentlabError

    runs, left_out = [], []
    for name, path in asked.runs.items():
        reason = asked.unready.get(name)
        if reason is None:
            try:
                run = RunFolder.open(path)
                reason = _unfinished(run) or _stale(run)
                if reason is None:
                    runs.append(_read(name, run))
            except LatentlabError as error:  # what is damaged must not stop the others
                if memory.ran_out(error):
                    raise
                reason = str(error).rstrip(".")
        if reason is not None:
            left_out.append(LeftOut(name, reason))
    return Candidates(tuple(runs), tuple(left_out))


def _unfinished(run: "RunFolder") -> str | None:
    """Why the run has not got far enough to be compared."""
    if not run.config_path.is_file():
        return "it has no config.yaml, so its settings are not known"
    needed = {
        run.history_path: "train",
        run.latents_path: "encode",
        run.table_path("probes"): "probe",
        run.table_path("dimensions"): "probe",
    }
    for path, stage in needed.items():
        if not path.is_file():
            return f"unfinished: no {path.name}, made by `latentlab {stage}`"
    return None if _data_digest(run) else "what data it was made from is not known"


def _stale(run: "RunFolder") -> str | None:
    """Why its tables do not belong together: it was trained or encoded again after them."""
    from latentlab import files

    stages = run.provenance().get("stages", {})
    latents = files.digest(run.latents_path)
    for name in MADE_FROM_LATENTS:
        known = stages.get(name, {}).get("inputs", {}).get("latents")
        if known is not None and known != latents:
            return f"unfinished: latents.parquet is newer than what `latentlab {name}` made of it"
    model = run.model_folder / "model.safetensors"
    encoded = stages.get("encode", {}).get("inputs", {}).get("model")
    if encoded is not None and model.is_file() and files.digest(model) != encoded:
        return "unfinished: the model is newer than latents.parquet"
    return None


def _data_digest(run: "RunFolder") -> str | None:
    """Of the data that the run was encoded from, which may since have been prepared anew."""
    stages = run.provenance().get("stages", {})
    found = stages.get("encode", {}).get("inputs", {}).get("data")
    return None if found is None else str(found)


def _read(name: str, run: "RunFolder") -> "ComparedRun":
    from latentlab import config as configs
    from latentlab.comparison.runs import ComparedRun
    from pipelines.verdicts import verdicts_of

    latents = run.latents()
    optional = {
        table: read(run) if run.table_path(table).is_file() else None
        for table, read in (("verdicts", verdicts_of), ("metrics", _metrics_of))
    }
    return ComparedRun(
        name,
        configs.load_saved(run.config_path).plain(),  # with settings that came after the run
        str(_data_digest(run)),
        run.history(),
        latents[latents["split"] == "test"].reset_index(drop=True),
        run.table("dimensions"),
        run.table("probes"),
        **optional,
    )


def _metrics_of(run: "RunFolder") -> "pd.DataFrame":
    return run.table("metrics")
