"""A billion faces: bytes, hours and cost of every stage, from measured rates and assumptions.

    python -m benchmarks.scale_plan            renews the tables of docs/scale.md

Rates are those of benchmarks/results/scale.json and prepare.json. `makespan` is the closed form of
what `simulate` plays through: parts on workers that fail now and then.
"""

import argparse
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import measuring
from latentlab import files

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
HOUR, TERA, GIGA = 3600.0, 1e12, 1e9


@dataclass(frozen=True)
class Assumptions:
    """What nobody here has measured; change them to what is so elsewhere.

    Attributes:
        images: How many.
        epochs: Over all of them.
        original: Bytes of an original JPEG.
        cores: Of the cluster; memory: bytes of one of its machines.
        ranks: Cores that train together, none of their time being lost to talk.
        core_hour, terabyte_month: Price, dollars.
        months: That everything is kept.
        patience: Seconds that a stage without parts may take.
    """

    images: float = 1e9
    epochs: int = 1
    original: float = 8_000.0
    cores: int = 1024
    ranks: int = 64
    memory: float = 64 * GIGA
    core_hour: float = 0.04
    terabyte_month: float = 23.0
    months: float = 1.0
    patience: float = 7 * 24 * HOUR


DEFAULTS = Assumptions()


@dataclass(frozen=True)
class Stage:
    """One stage for all images.

    Attributes:
        seconds: Of one core.
        read, written: Bytes.
        ways: Cores that can share it; 1 where it has no parts.
        said: How it is divided.
    """

    name: str
    seconds: float
    read: float
    written: float
    ways: int
    said: str

    @property
    def hours(self) -> float:
        """On the clock, on the cores that can share it."""
        return self.seconds / self.ways / HOUR

    def cost(self, price: float) -> float:
        """Dollars for the cores that it keeps busy."""
        return self.seconds / HOUR * price


@dataclass(frozen=True)
class Limit:
    """Something that stops growing: from how many images on, and why."""

    what: str
    images: float
    why: str


@dataclass(frozen=True)
class Plan:
    assumptions: Assumptions
    stages: list[Stage] = field(default_factory=list)
    kept: dict[str, float] = field(default_factory=dict)  # file -> bytes
    limits: list[Limit] = field(default_factory=list)  # smallest first

    @property
    def cost(self) -> float:
        """Dollars for all stages and for keeping the files."""
        given = self.assumptions
        stored = sum(self.kept.values()) / TERA * given.terabyte_month * given.months
        return sum(stage.cost(given.core_hour) for stage in self.stages) + stored


def rates() -> dict[str, float]:
    """Measured values by their name without `scale.`."""
    found = {
        one["name"].removeprefix("scale."): float(one["value"])
        for one in files.read_json(measuring.RESULTS / "scale.json")
    }
    (jpeg,) = (
        one["ours"]
        for one in files.read_json(measuring.RESULTS / "prepare.json")
        if one["name"] == "prepare.jpeg.torchvision"
    )
    return {**found, "prepare.jpeg": float(jpeg)}


def plan(rates: Mapping[str, float], given: Assumptions = DEFAULTS) -> Plan:
    """Every stage for so many images."""
    n = given.images
    image, latents = n * rates["bytes.images"], n * rates["bytes.latents"]
    landmarks, originals = n * rates["bytes.landmarks"], n * given.original
    epochs, many, one = given.epochs, (given.cores, "parts"), (1, "one process")
    stages = [
        Stage("prepare: list", n * rates["prepare.list"], 0.0, 0.0, *one),
        Stage("prepare", n * rates["prepare.jpeg"], originals, image, *many),
        Stage("prepare: join", n * rates["prepare.join"], image, image, *one),
        Stage("landmarks", n * rates["landmarks"], originals, landmarks, *many),
        Stage("train", epochs * n * rates["training"], epochs * image, 0.0, given.ranks, "ranks"),
        Stage("encode", n * rates["encode"], image, latents, *many),
        Stage("encode: join", n * rates["join"], latents, latents, *one),
        Stage("probe, rank", n * rates["probes"], latents, 0.0, *one),
    ]
    kept = {
        "originals": originals,
        "images.npy": image,
        "latents.parquet": latents,
        "landmarks.parquet": landmarks,
        "samples.parquet": n * rates["bytes.samples"],
    }
    limits = [
        Limit(
            "list of all pictures in memory",
            given.memory / rates["memory.list"],
            "one process of `prepare` makes it, with the splits:"
            f" {rates['memory.list']:.0f} bytes an image",
        ),
        Limit(
            "order of an epoch in memory",
            given.memory / 16.0,
            "every rank of `train` holds the shuffled row numbers twice: 16 bytes an image",
        ),
    ]
    limits += [
        Limit(
            f"`{stage.name}` in one process",
            given.patience / (stage.seconds / n),
            f"{stage.seconds / n * 1e6:,.0f} microseconds an image, in"
            f" {given.patience / 24 / HOUR:.0f} days",
        )
        for stage in stages
        if stage.ways == 1
    ]
    return Plan(given, stages, kept, sorted(limits, key=lambda one: one.images))


def makespan(parts: int, seconds: float, workers: int, mean_life: float) -> float:
    """Expected seconds for all parts, of so many seconds each, on workers that fail.

    A worker fails after an exponential time with this mean and is there again at once, with the
    part that it lost: a part takes mean_life * (exp(seconds / mean_life) - 1) on average.

    Source: Ross, Introduction to Probability Models, on repeated trials until one is long enough.
    """
    one = mean_life * np.expm1(seconds / mean_life)
    return float(np.ceil(parts / workers) * one)


def simulate(
    parts: int, seconds: float, workers: int, mean_life: float, rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """Play it through: seconds until all is done, and how often each part was finished."""
    free = [(0.0, worker) for worker in range(workers)]
    heapq.heapify(free)
    finished = np.zeros(parts, int)
    waiting, end = list(range(parts)), 0.0
    while waiting:
        now, worker = heapq.heappop(free)
        part = waiting.pop()
        life = rng.exponential(mean_life)
        if life < seconds:  # lost, to be done again; its file has not taken its name
            waiting.append(part)
            heapq.heappush(free, (now + life, worker))
        else:
            finished[part] += 1
            end = max(end, now + seconds)
            heapq.heappush(free, (now + seconds, worker))
    return end, finished


def tables(made: Plan) -> dict[str, str]:
    """The tables of the page, in Markdown, by name."""
    given = made.assumptions
    stages = [
        "| stage | core-hours | cores that share it | hours | read, TB | written, TB | dollars |",
        "|---|---|---|---|---|---|---|",
        *(
            f"| {one.name} | {one.seconds / HOUR:,.0f} | {one.ways:,} ({one.said}) |"
            f" {one.hours:,.1f} | {one.read / TERA:,.2f} | {one.written / TERA:,.2f} |"
            f" {one.cost(given.core_hour):,.0f} |"
            for one in made.stages
        ),
    ]
    kept = [
        "| file | TB | dollars a month |",
        "|---|---|---|",
        *(
            f"| {name} | {size / TERA:,.2f} | {size / TERA * given.terabyte_month:,.0f} |"
            for name, size in made.kept.items()
        ),
        f"| all | {sum(made.kept.values()) / TERA:,.2f} |"
        f" {sum(made.kept.values()) / TERA * given.terabyte_month:,.0f} |",
    ]
    limits = [
        "| what stops | from images on | why |",
        "|---|---|---|",
        *(f"| {one.what} | {one.images / 1e6:,.0f} million | {one.why} |" for one in made.limits),
    ]
    assumed = [
        "| assumed | value |",
        "|---|---|",
        f"| images | {given.images:,.0f} |",
        f"| epochs over all of them | {given.epochs} |",
        f"| an original JPEG | {given.original:,.0f} bytes |",
        f"| cores | {given.cores:,} |",
        f"| of them train together, without loss | {given.ranks} |",
        f"| memory of one machine | {given.memory / GIGA:,.0f} GB |",
        f"| a core-hour | {given.core_hour:.2f} dollars |",
        f"| a terabyte-month | {given.terabyte_month:.0f} dollars |",
    ]
    found = {"stages": stages, "kept": kept, "limits": limits, "assumed": assumed}
    return {name: "\n".join(lines) for name, lines in found.items()}


def with_tables(page: str, made: Plan) -> str:
    """The page with its tables, each between two comments with its name, made anew."""
    for name, text in tables(made).items():
        before, begin, rest = page.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert begin and end, f"{PAGE.name} has no place for the table {name}"
        page = before + begin + text + "\n" + end + after
    return page


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    made = plan(rates())
    files.write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8"), made))
    print(f"{made.cost:,.0f} dollars; first to stop: {made.limits[0].what}")


if __name__ == "__main__":
    main()
