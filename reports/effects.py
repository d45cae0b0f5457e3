"""What was measured, looked up: by direction, target and judge what came of moving the latents, by
target what controls and judges say."""

from dataclasses import dataclass, field, replace

from latentlab.examination import RECONSTRUCTIONS
from latentlab.verdicts import Rules
from reports.contents import Contents
from reports.numbers import Number, finite, number, told
from reports.records import Record, by, records

KINDS = {  # of directions, in words
    "latent": "one dimension",
    "probe": "probe direction",
    "mean_difference": "difference of means",
    "projected": "probe, others held",
    "random": "random direction",
}
UNMEASURED = "not measured"


@dataclass(frozen=True)
class Effects:
    """The tables of the evidence as dicts; effects that the model measured itself are left out.

    Attributes:
        slopes: (direction, target, judge) -> row of `interventions`.
        selectivity: (direction, target, judge) -> row of `selectivity`.
        responses: (direction, target, judge) -> rows of `responses`, t rising.
        verdicts: Target -> row of `verdicts`.
        judges: Target -> judges that measured it, the one that speaks for it first.
        kinds: Direction -> its kind, in the order of the table.
        without: Direction -> the targets projected out of it.
        controls, needed: Target -> its rows of these tables.
        accuracy: Target -> its rows of `judges`, of the model judging itself too.
    """

    slopes: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    selectivity: dict[tuple[str, str, str], Record] = field(default_factory=dict)
    responses: dict[tuple[str, str, str], list[Record]] = field(default_factory=dict)
    verdicts: dict[str, Record] = field(default_factory=dict)
    judges: dict[str, list[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)
    controls: dict[str, list[Record]] = field(default_factory=dict)
    needed: dict[str, list[Record]] = field(default_factory=dict)
    accuracy: dict[str, list[Record]] = field(default_factory=dict)

    @property
    def latents(self) -> list[str]:
        return [name for name, kind in self.kinds.items() if kind == "latent"]

    def judge(self, target: str) -> str:
        """The judge that speaks for the target; empty where none measured it."""
        return next(iter(self.judges.get(target, ())), "")

    def slope(self, direction: str, target: str, judge: str = "") -> Number:
        """With its interval, or why there is none."""
        judge = judge or self.judge(target)
        row = self.slopes.get((direction, target, judge))
        if row is None:
            why = "no judge but the model itself measures it" if not judge else UNMEASURED
            return number(None, form="signed", reason=why, quiet=True)
        reason = told(row["reason"]) or UNMEASURED
        return number(
            row["slope"], row["low"], row["high"], form="signed", reason=reason, quiet=True
        )

    def selective(self, direction: str, target: str, judge: str = "") -> Record:
        """The row of `selectivity`; empty where nobody asked for it."""
        return self.selectivity.get((direction, target, judge or self.judge(target)), {})

    def strongest(self, target: str) -> list[str]:
        """The dimensions by what they do to the target, most first, as its judge measured it."""
        judge = self.judge(target)
        sizes = {
            name: abs(value)
            for name in self.latents
            if (row := self.slopes.get((name, target, judge))) is not None
            and (value := finite(row["slope"])) is not None
        }
        return sorted(sizes, key=lambda name: (-sizes[name], name))

    def leading(self, target: str) -> str:
        """The direction that the verdict names, or the dimension that moves it most."""
        row = self.verdicts.get(target)
        named = told(row["direction"]) if row is not None else ""
        return named or next(iter(self.strongest(target)), "")

    def made(self, target: str) -> dict[str, str]:
        """Kind -> direction made for this target."""
        named = {kind: f"{kind}:{target}" for kind in ("probe", "mean_difference", "projected")}
        return {kind: name for kind, name in named.items() if name in self.kinds}


def effects_of(contents: Contents) -> Effects:
    """The lookup, as far as there are tables."""
    evidence = contents.evidence
    verdicts = {str(row["target"]): row for row in records(contents.verdicts)}
    accuracy = by(records(evidence.judges), "target")
    read = Effects(
        verdicts=verdicts,
        controls=by(records(evidence.controls), "target"),
        needed=by(records(evidence.needed), "target"),
        accuracy=accuracy,
    )
    if evidence.interventions.empty:
        return read
    moved = [row for row in records(evidence.interventions) if not row["circular"]]
    responses: dict[tuple[str, str, str], list[Record]] = {}
    for one in sorted(records(evidence.responses), key=lambda row: float(row["t"])):
        responses.setdefault(_key(one), []).append(one)
    directions = by(records(evidence.moves), "direction")
    kinds = {name: told(rows[0]["kind"]) for name, rows in directions.items()}
    return replace(
        read,
        slopes={_key(row): row for row in moved},
        selectivity={_key(row): row for row in records(evidence.selectivity)},
        responses=responses,
        judges={
            target: _ranked(list(by(rows, "judge")), verdicts.get(target), accuracy.get(target, []))
            for target, rows in by(moved, "target").items()
        },
        kinds=kinds or {str(row["direction"]): _kind_of(str(row["direction"])) for row in moved},
        without={name: told(rows[0]["without"]) for name, rows in directions.items()},
    )


def _ranked(judges: list[str], verdict: Record | None, accuracy: list[Record]) -> list[str]:
    """The judge that the verdict rests on, then the others by how well they read
    reconstructions."""
    speaks = "" if verdict is None else told(verdict["judge"])
    reads = {
        str(row["judge"]): finite(row["value"]) or 0.0
        for row in accuracy
        if row["pictures"] == RECONSTRUCTIONS
    }
    return sorted(judges, key=lambda name: (name != speaks, -reads.get(name, -1.0)))


def rules_of(contents: Contents) -> Rules:
    """The thresholds behind the verdicts: those of the run's config, or the defaults."""
    own = contents.config.get("verdicts")
    known = Rules.__dataclass_fields__
    return Rules(**{key: value for key, value in (own or {}).items() if key in known})


def _key(row: Record) -> tuple[str, str, str]:
    return str(row["direction"]), str(row["target"]), str(row["judge"])


def _kind_of(direction: str) -> str:
    """By its name alone, where the table `moves` is missing."""
    return direction.partition(":")[0] if ":" in direction else "latent"
