"""What is broken off, begun again, and refused room: the stages of a run, and what else writes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latentlab import files
from tests.faults.harness import RUN, SETTINGS, STAGES, Warm, World, differences

OTHER = "runs/other"  # a second run of the same data, with likelihoods
# The page, what it says, and its digests tell the command: `run`, or the last of the stages.
CLOCKED = ("report.html", "claims.json", "provenance.json")
SWEEP_SETTINGS = {
    **SETTINGS,
    "name": "sweep",
    "train": {**SETTINGS["train"], "epochs": 1},
    "intervene": {"enabled": False},
    "metrics": {"dci": "lasso", "images": 0},
}


@dataclass(frozen=True)
class Job:
    """One command.

    Attributes:
        words: Ways to say it that come to the same; tries take them in turn.
        made: What must stand when it begins, a name of BASES.
        again: The words that have it done once more where it is done, if not the same.
        spread: Whether it may work in as many processes as it is told.
        apart: Whether it has its work done by one other process.
        clocked: Ends of the names of artefacts that tell how long something took.
    """

    words: tuple[tuple[str, ...], ...]
    made: str
    again: tuple[str, ...] | None = None
    spread: bool = False
    apart: bool = False
    clocked: tuple[str, ...] = ()

    @property
    def several(self) -> bool:
        """Whether more than one process works on it."""
        return self.spread or self.apart


@dataclass(frozen=True)
class Ready:
    """A job in a world.

    Attributes:
        before, after: Folders as they are when it begins and when it is done.
        work: Seconds that processors work on it.
    """

    job: Job
    before: Path
    after: Path
    work: float

    def words(self, number: int) -> tuple[str, ...]:
        """How a try says it."""
        return self.job.words[number % len(self.job.words)]

    @property
    def again(self) -> tuple[str, ...]:
        return self.job.again or self.job.words[0]

    def unlike(self, folder: Path) -> list[str]:
        """Artefacts of a folder that are not as an unbroken job leaves them."""
        return differences(folder, self.after, self.job.clocked)


def _many(*words: str, workers: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((*words, "--workers", str(number)) for number in workers)


def _picture(*words: str, out: str) -> Job:
    return Job(((*words, "--out", f"out/{out}"),), "everything")


LANDMARKS = ("landmarks", "data/faces")
PARTS = ("encode", RUN, "--engine", "processes")
SWEEP = ("sweep", "sweep.yaml", "--seeds", "2", "--out", "sweep")
# A run's config says how many cores it was given, which hangs on --workers.
OF_SWEEP = (
    *CLOCKED,
    ".log",
    "seed_0.json",
    "seed_1.json",
    "seed_0/config.yaml",
    "seed_1/config.yaml",
)

JOBS: dict[str, Job] = {
    # Not begun, a data folder is there; done, it is not made again.
    **{stage: Job((words,), stage) for stage, words in STAGES.items()},
    "train": Job((STAGES["train"],), "train", again=("train", RUN, "--fresh")),
    "landmarks": Job(_many(*LANDMARKS, workers=(1,)), "faces", apart=True),
    "landmarks.processes": Job(_many(*LANDMARKS, workers=(2, 0, 4)), "more faces", spread=True),
    "encode.processes": Job(
        _many(*PARTS, workers=(2, 0, 4)), "encode", spread=True, clocked=("provenance.json",)
    ),
    "sweep": Job(
        (*_many(*SWEEP, workers=(2, 1, 4)), SWEEP), "sweep", spread=True, clocked=OF_SWEEP
    ),
    "analyze": Job(
        (("analyze", f"{RUN}/latents.parquet", "labels.csv", "--resamples", "100",
          "--out", "out/analysis"),),
        "everything",
    ),
    "compare": _picture("compare", RUN, OTHER, out="comparison"),
    "gallery": Job((("gallery", "runs"),), "everything"),
    "traverse": _picture("traverse", RUN, "--dimension", "0", out="traverse.webp"),
    "morph": _picture("morph", RUN, "--seconds", "0.5", out="morph.gif"),
    "codes": _picture("codes", RUN, OTHER, out="codes.png"),
    "sample": _picture("sample", RUN, out="sample.png"),
    "reconstruct": _picture("reconstruct", RUN, out="reconstruct.png"),
    "anomalies": _picture("anomalies", OTHER, out="anomalies.png"),
    "data show": _picture("data", "show", "data/tiny", out="sheet.png"),
}  # fmt: skip


def _with_faces(count: int) -> Callable[[Warm, Path], None]:
    def add(warm: Warm, folder: Path) -> None:
        words = ("prepare", "faces", "--limit", str(count), "--side", "28", "--out", "data/faces")
        _done(warm, words, folder)

    return add


def _with_sweep(warm: Warm, folder: Path) -> None:
    files.write_yaml(folder / "sweep.yaml", SWEEP_SETTINGS)


def _with_everything(warm: Warm, folder: Path) -> None:
    sets = ("--set", "seed=1", "--set", "encode.likelihood_samples=2")
    _done(warm, ("run", "tiny.yaml", "--run", OTHER, *sets), folder)
    samples = pd.read_parquet(folder / "data" / "tiny" / "samples.parquet")
    kept = samples[["image_id", *samples.select_dtypes("boolean")]]
    kept.to_csv(folder / "labels.csv", index=False)


# Name -> the stage that a folder stands before (None: all are done), and what is added to it.
BASES: dict[str, tuple[str | None, Callable[[Warm, Path], None] | None]] = {
    **{stage: (stage, None) for stage in STAGES},
    "faces": ("prepare", _with_faces(40)),
    "more faces": ("prepare", _with_faces(200)),  # four of the chunks that a process is given
    "sweep": ("prepare", _with_sweep),
    "everything": (None, _with_everything),
}


def base(warm: Warm, world: World, name: str) -> Path:
    """A folder of BASES; not to be changed."""
    stage, add = BASES[name]
    start = world.after if stage is None else world.before[stage]
    if add is None:
        return start
    key = f"base {name}"
    if key not in world.kept:
        folder = world.copy(start, world.after.parent / key.replace(" ", "_"))
        add(warm, folder)
        world.kept[key] = folder
    return world.kept[key]


def ready(warm: Warm, world: World, name: str) -> Ready:
    """A job of JOBS, done unbroken."""
    key = f"job {name}"
    if key not in world.kept:
        job = JOBS[name]
        before = base(warm, world, job.made)
        place = world.after.parent / key.replace(" ", "_")
        # The first time costs more: what it reads from the disk stays in memory.
        for _ in range(1 if name in STAGES else 2):
            after = world.copy(before, place)
            work = _done(warm, job.words[0], after)
        world.kept[key] = Ready(job, before, after, work)
    return world.kept[key]


def _done(warm: Warm, words: tuple[str, ...], folder: Path) -> float:
    """Seconds of work of a command that must succeed."""
    done = warm(words, folder)
    if done.code != 0:
        raise RuntimeError(f"{' '.join(words)} failed unbroken: {done.said}")
    return done.work
