"""All experiments by name, with how often each is done in the tests of every day and in full."""

import signal
from dataclasses import dataclass

from tests.faults import crafted, damage, kills, room
from tests.faults.harness import STAGES
from tests.faults.kills import Experiment


@dataclass(frozen=True)
class Entry:
    """One experiment.

    Attributes:
        promise: Its number in docs/reliability.md.
        what: What is done, in words.
        few, many: Tries in the tests of every day (0 leaves it out) and in full.
        mounts: Whether it needs the right to mount a disk.
    """

    promise: int
    what: str
    run: Experiment
    few: int
    many: int
    mounts: bool = False


WRITERS = ("prepare", "train", "encode", "report")  # one of every kind of file
HEARD = (signal.SIGINT, signal.SIGTERM)

EXPERIMENTS: dict[str, Entry] = {
    **{
        f"kill.{stage}": Entry(
            1, f"kill -9 during {stage}", kills.killed(stage), 1 if stage in WRITERS else 0, 50
        )
        for stage in STAGES
    },
    "kill.run": Entry(1, "kill -9 of `run`, again and again", kills.killed_anywhere, 3, 50),
    **{
        f"signal.{number.name}.{stage}": Entry(
            2,
            f"{number.name} during {stage}",
            kills.interrupted(stage, number),
            1 if (stage, number.name) in (("train", "SIGINT"), ("probe", "SIGTERM")) else 0,
            50 if stage == "train" else 20,
        )
        for number in HEARD
        for stage in STAGES
    },
    "signal.twice": Entry(2, "two signals in a row, any stage", kills.interrupted_twice, 1, 50),
    **{
        f"limit.{stage}": Entry(
            3, f"{stage} with a limit on the size of files", room.limited(stage),
            1 if stage == "encode" else 0, 20,
        )
        for stage in STAGES
    },
    **{
        f"full.{stage}": Entry(
            3, f"{stage} on a full disk", room.full(stage), 1 if stage == "train" else 0, 20, True
        )
        for stage in STAGES
    },
    "read_only": Entry(3, "every stage on a read-only disk", room.read_only, 1, 1, True),
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
    "places": Entry(8, "commands in odd places", room.odd_places, 0, len(room.NAMES) + 1),
}  # fmt: skip
