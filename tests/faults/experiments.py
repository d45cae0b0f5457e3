"""All experiments by name, with how often each is done in the tests of every day and in full."""

import signal
from dataclasses import dataclass

from tests.faults import (
    crafted,
    damage,
    diverging,
    kills,
    memory,
    messages,
    places,
    privacy,
    room,
    sameness,
    supply,
    values,
)
from tests.faults.harness import STAGES
from tests.faults.jobs import JOBS
from tests.faults.kills import Experiment
from tests.faults.mistakes import MISTAKES


@dataclass(frozen=True)
class Entry:
    """One experiment.

    Attributes:
        promise: Its number in docs/reliability.md.
        what: What is done, in words.
        few, many: Tries in the tests of every day (0 leaves it out) and in full.
        mounts: Whether it needs the right to mount a disk.
        program: What it needs that is not installed with latentlab.
    """

    promise: int
    what: str
    run: Experiment
    few: int
    many: int
    mounts: bool = False
    program: str | None = None


HEARD = (signal.SIGINT, signal.SIGTERM)
SPREAD = tuple(name for name, job in JOBS.items() if job.spread)
WRITERS = tuple(name for name in JOBS if name not in SPREAD)
IN_PROCESSES = "in 1, 2 or 4 processes, or one a core"
# Most is done of every kind; in the tests of every day a kind is done where it is most at stake.
FEW_KILLED = ("prepare", "train", "encode", "report")  # one of every kind of file
FEW_LIMITED = ("encode",)
FEW_SHORT = ("encode",)

EXPERIMENTS: dict[str, Entry] = {
    "kill.sweep": Entry(
        1, "kill -9 of a sweep or of one of its runs", kills.killed_processes("sweep"), 0, 50
    ),
    **{
        f"kill.{stage}": Entry(
            1, f"kill -9 during {stage}", kills.killed(stage), 1 if stage in FEW_KILLED else 0, 50
        )
        for stage in STAGES
    },
    "kill.landmarks": Entry(
        1, "kill -9 of landmarks or its worker", kills.killed_processes("landmarks"), 0, 50
    ),
    "kill.landmarks.processes": Entry(
        1, f"kill -9 of landmarks or one of its workers, {IN_PROCESSES}",
        kills.killed_processes("landmarks.processes"), 0, 10,
    ),
    "kill.encode.processes": Entry(
        1, f"kill -9 of encode or one of its workers, {IN_PROCESSES}",
        kills.killed_processes("encode.processes"), 0, 10,
    ),
    "kill.run": Entry(1, "kill -9 of `run`, again and again", kills.killed_anywhere, 3, 50),
    **{
        f"signal.{number.name}.{stage}": Entry(
            2,
            f"{number.name} during {stage}",
            kills.interrupted(stage, number),
            1 if (stage, number.name) in (("train", "SIGINT"), ("probe", "SIGTERM")) else 0,
            50 if stage == "train" else 25,
        )
        for number in HEARD
        for stage in (*STAGES, "landmarks")
    },
    **{
        f"signal.{name}": Entry(
            2,
            f"SIGINT or SIGTERM during {name.removesuffix('.processes')}, {IN_PROCESSES}",
            kills.interrupted(name, *HEARD), 1 if name == "encode.processes" else 0, 50,
        )
        for name in SPREAD
    },
    "signal.twice": Entry(
        2, "two signals in a row, any stage", kills.interrupted_twice(*STAGES, "landmarks"), 1, 50
    ),
    "signal.twice.processes": Entry(
        2, "two signals in a row, any job of several processes",
        kills.interrupted_twice(*SPREAD), 0, 12,
    ),
    **{
        f"limit.{name}": Entry(
            3, f"{name} with a limit on the size of files", room.limited(name),
            1 if name in FEW_LIMITED else 0, 20,
        )
        for name in WRITERS
    },
    **{
        f"full.{name}": Entry(
            3, f"{name} on a full disk", room.full(name), 1 if name == "prepare" else 0, 20, True
        )
        for name in WRITERS
    },
    "read_only.stages": Entry(
        3, "every stage on a read-only disk", room.read_only_stages, 1, 1, True
    ),
    "read_only": Entry(3, "every command on a read-only disk", room.read_only, 0, 1, True),
    **{
        f"memory.{name}": Entry(
            3, f"{name} with too little memory", memory.short_of_memory(name),
            2 if name in FEW_SHORT else 0, 20,
        )
        for name in (*STAGES, "landmarks", "analyze", "compare")
    },
    **{
        f"cut.{kind}": Entry(4, f"{kind}, cut off", damage.cut(kind), 4, 200)
        for kind in damage.KINDS
    },
    **{
        f"flip.{kind}": Entry(4, f"{kind}, one bit changed", damage.flipped(kind), 4, 200)
        for kind in damage.KINDS
    },
    "state.newest": Entry(
        4, "the newest state damaged, training goes on", damage.damaged_newest_state, 1, 20
    ),
    "crafted": Entry(5, "files made to do harm", crafted.crafted, 1, 1),
    "writers.run": Entry(7, "starts of one run in one instant", kills.one_writer, 8, 100),
    "writers.killed": Entry(7, "the holder killed, the next start", kills.writer_killed, 1, 20),
    "writers.data": Entry(7, "starts of one `prepare` in one instant", kills.one_maker, 6, 100),
    "places": Entry(
        8, "every command in odd places", places.odd_places, 0, len(places.KINDS)
    ),
    "places.read_only_parent": Entry(
        8, "every command below folders that cannot be written to", places.read_only_parent, 0, 1,
        True,
    ),
    "diverging.loss": Entry(
        10, "a loss made NaN or infinite at one step", diverging.diverging, 2, 50
    ),
    "diverging.rate": Entry(
        10, "a learning rate that is far too high", diverging.too_fast, 1, 30
    ),
    "values.analyze": Entry(
        6, "`analyze` of bad latents or bad labels", values.analyzed, 4, 120
    ),
    "values.tables": Entry(
        6, "a command that reads a bad table of a run or its data", values.examined, 4, 200
    ),
    "values.no_face": Entry(6, "a stage where no face was found at all", values.no_face, 1, 1),
    "values.train": Entry(
        6, "training on odd images and settings", values.trained, 2, len(values.TRAININGS)
    ),
    "same.runs": Entry(
        9, "the whole way again, elsewhere, stopped, in parts", sameness.runs, 1, 20
    ),
    "same.started": Entry(
        9, "the whole way with another hash seed, locale and time zone",
        sameness.started_otherwise, 0, 5,
    ),
    "same.threads": Entry(
        9, "encode, probe and report, by 2, 3 and 4 threads", sameness.threads, 0, 3
    ),
    "same.deterministic": Entry(
        9, "the whole way with `deterministic`, by 2, 3 and 4 threads", sameness.deterministic, 0, 3
    ),
    "same.training_threads": Entry(
        9, "training without it by 2 threads, again", sameness.training_threads, 0, 5
    ),
    "privacy.files": Entry(
        11, "commands below a home, then every file looked through", privacy.nothing_of_anybody,
        4, 30,
    ),
    "privacy.faces": Entry(11, "pages that leave faces out", privacy.nobody_shown, 1, 3),
    "privacy.card": Entry(
        11, "what the model card and the report say of every source", privacy.licences, 20, 20
    ),
    "messages": Entry(12, "mistakes that a user can make", messages.mistakes, 30, len(MISTAKES)),
    "supply.lock": Entry(13, "packages of the lock and of pyproject.toml", supply.locked, 1, 1),
    "supply.extras": Entry(
        13, "commands where no extra is installed", supply.no_extra, 4, len(supply.without())
    ),
    "supply.oldest": Entry(
        13, "tests with the oldest packages that are promised", supply.oldest, 0, 1, program="uv"
    ),
}  # fmt: skip
