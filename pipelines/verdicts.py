"""What the tables of a run say about every target, by the rules: tables/verdicts.parquet."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from latentlab.artifacts import RunFolder
    from pipelines.stages import Workspace

NEEDED = ("probes", "needed", "controls")
MOVED = ("interventions", "selectivity", "judges")


def ensure_verdicts(work: "Workspace", *, fresh: bool = False) -> None:
    """Judge every target, unless that was done on these tables by these rules."""
    from latentlab import files
    from latentlab.verdicts import judge_targets
    from pipelines.stages import Stage

    run = work.run
    paths = [run.table_path(name) for name in (*NEEDED, *MOVED)]
    stage = Stage(
        run,
        "verdicts",
        {
            "made from": {path.name: files.digest(path) for path in paths if path.is_file()},
            "rules": work.config.plain()["verdicts"],
        },
        (run.table_path("verdicts"),),
    )
    if stage.current and not fresh:
        return
    moved: dict[str, pd.DataFrame | None] = {
        name: run.table(name, "intervene") if run.table_path(name).is_file() else None
        for name in MOVED
    }
    with stage.recorded():
        run.write_table(
            "verdicts",
            judge_targets(
                run.table("probes"),
                run.table("needed"),
                **moved,
                controls=run.table("controls"),
                rules=work.config.verdicts,
            ),
        )


def verdicts_of(run: "RunFolder") -> "pd.DataFrame":
    """The run's table of verdicts, checked."""
    from latentlab.verdicts import check_verdicts

    again = f"Make it again with `latentlab intervene {run.path}`."
    return check_verdicts(run.table("verdicts"), again)
