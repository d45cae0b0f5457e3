"""All evidence about one target to one verdict, by rules that stand here and nowhere else."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd

from latentlab.alignment import TEXT
from latentlab.errors import DataError
from latentlab.evidence import LATENTS, NONLINEAR, ORIGINALS, RECONSTRUCTIONS

SUPPORTED, ENTANGLED, NOT_MOVED = "supported", "entangled", "not moved"
NOT_ENCODED, CANNOT_MEASURE = "not encoded", "cannot measure"
VERDICTS = (SUPPORTED, ENTANGLED, NOT_MOVED, NOT_ENCODED, CANNOT_MEASURE)

MAIN_METRICS = ("auc", "r2")  # of the probes: the one that says whether a target is encoded
COLUMNS = {
    "target": TEXT, "role": TEXT, "verdict": TEXT, "latents": TEXT, "direction": TEXT,
    "effect": float, "low": float, "high": float, "selectivity": float, "selectivity_low": float,
    "selectivity_high": float,
    "worst": TEXT, "judge": TEXT, "rule": TEXT, "alone": float, "metric": TEXT, "score": float,
    "score_low": float, "score_high": float, "baseline": float, "other_direction": TEXT,
    "other_effect": float, "other_selectivity": float,
}  # fmt: skip


def check_verdicts(table: pd.DataFrame, again: str) -> pd.DataFrame:
    """The table, whose verdicts must be among VERDICTS.

    Args:
        again: What the error tells to do.

    Raises:
        DataError: one is not.
    """
    strange = table.loc[~table["verdict"].isin(VERDICTS), "verdict"]
    if len(strange):
        raise DataError(
            f"The table verdicts has the verdict {strange.iloc[0]!r}; known are"
            f" {', '.join(VERDICTS)}. {again}"
        )
    return table


@dataclass(frozen=True)
class Rules:
    """Every threshold behind a verdict.

    Attributes:
        gain: A target is encoded where the whole interval of its probe's score, AUC or R2, lies
            this far above the baseline.
        undecided: An interval that reaches from less than `gain` to more than this above the
            baseline is too wide to tell; the verdict is then "cannot measure".
        judge_auc, judge_r: Where the interval of a judge's accuracy begins, at least, for its word
            to count: on originals for "nothing moves it", on reconstructions for "this moves it".
        effect: Slope that counts as moving: standard deviations of the target in the real data per
            standard deviation of the direction.
        significance: q of a slope, at most.
        alone: Share of what all latents do that one has to do to be the one: of the probe's gain
            over its baseline, and of the sum of squared slopes.
        selectivity: Where the interval of the selectivity begins, at least. At 1/2 no side effect
            beyond what the real data explain is as large as the effect itself.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # in a config, an unknown rule is refused

    gain: float = 0.02
    undecided: float = 0.2
    judge_auc: float = 0.65
    judge_r: float = 0.3
    effect: float = 0.1
    significance: float = 0.05
    alone: float = 0.9
    selectivity: float = 0.5


def judge_targets(
    probes: pd.DataFrame,
    needed: pd.DataFrame,
    interventions: pd.DataFrame | None,
    selectivity: pd.DataFrame | None,
    judges: pd.DataFrame | None,
    *,
    controls: pd.DataFrame | None = None,
    rules: Rules = Rules(),
) -> pd.DataFrame:
    """The verdict on every target.

    In this order, the first that holds:

    1. *cannot measure*: the target could not be probed.
    2. *not encoded*: no probe, linear or not, is surely above its baseline; *cannot measure* where
       the interval is too wide to say so.
    3. *cannot measure*: nothing was moved, or no judge that is independent of the model reads the
       target on originals, or could measure the moved pictures.
    4. *not moved*: neither a latent nor a direction made for the target moves it; *cannot measure*
       where an interval is too wide to say so, where something moves it by a judge that cannot
       read it on reconstructions, or where two judges contradict each other.
    5. *supported*: one latent does what all together do, both when the target is read off the
       latents and when they are moved, and moves nothing else beyond what the real data explain.
    6. *entangled*: everything else.

    Args:
        probes: The table of `probe_targets`.
        needed: The table of `dimensions_needed`.
        interventions, selectivity: The tables of `intervene`, the selectivity with every latent and
            target asked for; None where there is no decoder.
        judges: The table of `judge_accuracy`.
        controls: The table of `probe_targets`; only its non-linear probes of the latents are read.

    Returns:
        One row a target, COLUMNS. `latents`: that move the target, steepest first, separated by
        commas. `effect`, `low`, `high`: slope along `direction`, the steepest latent, or the vector
        made for the target where no latent moves it. `rule`: what decided, in a sentence. `alone`:
        share of the probe's gain that the best single latent has. `other_direction`: the vector
        made for the target that is most selective, if there is one that moves it.
    """
    if controls is not None:
        nonlinear = (controls["probe"] == NONLINEAR) & (controls["features"] == LATENTS)
        probes = pd.concat([probes, controls[nonlinear]], ignore_index=True)
    evidence = _Evidence(probes, needed, interventions, selectivity, judges, rules)
    rows = [evidence.verdict(target) for target in probes["target"].unique()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


class _Evidence:
    """The tables, asked about one target at a time."""

    def __init__(
        self,
        probes: pd.DataFrame,
        needed: pd.DataFrame,
        interventions: pd.DataFrame | None,
        selectivity: pd.DataFrame | None,
        judges: pd.DataFrame | None,
        rules: Rules,
    ):
        self.rules = rules
        self.probes = _by_target(probes[probes["metric"].isin(MAIN_METRICS)])
        self.needed = _by_target(needed)
        self.moved = None
        if interventions is not None:
            self.moved = _by_target(interventions[~interventions["circular"].astype(bool)])
        self.selectivity = {}
        if selectivity is not None:
            for row in _rows(selectivity):
                self.selectivity[row["direction"], row["target"], row["judge"]] = row
        self.judges = {}
        if judges is not None:
            self.judges = _by_target(judges)

    def verdict(self, target: str) -> dict[str, Any]:
        """One row of COLUMNS."""
        found = self.probes[target]
        linear = next(row for row in found if row["probe"] != NONLINEAR)
        row = {
            "target": target,
            "role": linear["role"],
            "metric": linear["metric"],
            "score": linear["value"],
            "score_low": linear["low"],
            "score_high": linear["high"],
            "baseline": linear["baseline"],
            "alone": self._alone(target)[1],
        }
        return row | (self._unencoded(found) or self._moved(target))

    def _unencoded(self, found: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The verdict where no probe reads the target; None where one does."""
        measured = [row for row in found if row["value"] is not None and row["low"] is not None]
        if not measured:
            return _said(CANNOT_MEASURE, next(row["reason"] for row in found if row["reason"]))
        gains = [row["low"] - row["baseline"] for row in measured]
        if max(gains) > self.rules.gain:
            return None
        widest = max(row["high"] - row["baseline"] for row in measured)
        if widest > self.rules.undecided:
            return _said(
                CANNOT_MEASURE,
                f"the interval of the probe's score reaches from {max(gains):+.3f} to"
                f" {widest:+.3f} about its baseline: too few images to tell",
            )
        return _said(
            NOT_ENCODED,
            f"no probe's interval begins more than {self.rules.gain:g} above the baseline",
        )

    def _moved(self, target: str) -> dict[str, Any]:
        """The verdict on a target that can be read off the latents."""
        if self.moved is None:
            return _said(CANNOT_MEASURE, "nothing was moved: no decoder was used")
        able = self._able_judges(target)
        if isinstance(able, str):
            return _said(CANNOT_MEASURE, able)
        judge, rows = able[0]
        said: dict[str, Any] = {"judge": judge}
        slopes = [row for row in rows if _measured(row)]
        latents = [row for row in slopes if row["kind"] == "latent"]
        vectors = [row for row in slopes if row["of"] == target]
        moving = sorted(filter(self._moves, latents), key=_steepness, reverse=True)
        said["latents"] = ", ".join(row["direction"] for row in moving) or None
        helpful = [row for row in vectors if self._moves(row)]
        said |= self._most_selective(target, judge, helpful)
        if not moving and not helpful:
            return said | self._still(target, latents, vectors)
        if not moving:
            steepest = max(helpful, key=_steepness)
            blind = self._blindness(target, judge, RECONSTRUCTIONS)
            if blind is not None:
                return said | _said(CANNOT_MEASURE, blind, steepest)
            return said | _said(
                ENTANGLED, f"no latent alone moves it, but {steepest['direction']} does", steepest
            )
        first = moving[0]
        contrary = self._blindness(target, judge, RECONSTRUCTIONS) or self._contrary(
            first, able[1:]
        )
        if contrary is not None:
            return said | _said(CANNOT_MEASURE, contrary, first)
        chosen = self.selectivity.get((first["direction"], target, judge), {})
        said |= {
            "selectivity": chosen.get("selectivity"),
            "selectivity_low": chosen.get("low"),
            "selectivity_high": chosen.get("high"),
            "worst": chosen.get("worst"),
        }
        obstacle = self._several(target, first, latents)
        if obstacle is not None:
            return said | _said(ENTANGLED, obstacle, first)
        if chosen.get("low") is None:
            reason = chosen.get("reason") or "its selectivity was not measured"
            return said | _said(CANNOT_MEASURE, reason, first)
        if chosen["low"] < self.rules.selectivity:
            return said | _said(
                ENTANGLED,
                f"moving it moves {chosen['worst']} beyond what the real data explain:"
                f" selectivity from {chosen['low']:.2f}, not {self.rules.selectivity:g}",
                first,
            )
        return said | _said(
            SUPPORTED,
            "one latent is enough to read it and to move it, and moves nothing else beyond what"
            " the real data explain",
            first,
        )

    def _able_judges(self, target: str) -> list[tuple[str, list[dict[str, Any]]]] | str:
        """Judges that read the target on originals and measured moved pictures, with their rows:
        those first that read it on reconstructions too, and best. Why there is none, otherwise."""
        assert self.moved is not None
        by_judge: dict[str, list[dict[str, Any]]] = {}
        for row in self.moved.get(target, ()):
            by_judge.setdefault(row["judge"], []).append(row)
        if not by_judge:
            return "no judge but the model itself measures it"
        able, why = [], []
        for judge, rows in by_judge.items():
            obstacle = self._blindness(target, judge, ORIGINALS)
            if obstacle is None and not any(_measured(row) for row in rows):
                obstacle = next(row["reason"] for row in rows if row["reason"])
            if obstacle is None:
                blind = self._blindness(target, judge, RECONSTRUCTIONS) is not None
                able.append((blind, -self._accuracy(target, judge)["low"], judge, rows))
            else:
                why.append(obstacle)
        able.sort(key=lambda one: one[:2])
        return [(judge, rows) for *_, judge, rows in able] or "; ".join(dict.fromkeys(why))

    def _accuracy(self, target: str, judge: str, pictures: str = ORIGINALS) -> dict[str, Any]:
        for row in self.judges.get(target, ()):
            if row["judge"] == judge and row["pictures"] == pictures:
                return row
        return {"value": None, "low": None, "reason": "its accuracy is not known"}

    def _blindness(self, target: str, judge: str, pictures: str) -> str | None:
        """Why a judge's word on these pictures does not count; None where it does."""
        known = self._accuracy(target, judge, pictures)
        if known["low"] is None:
            return f"{judge} on {pictures}: {known['reason'] or 'no interval'}"
        least = self.rules.judge_auc if known["metric"] == "auc" else self.rules.judge_r
        if known["low"] >= least:
            return None
        return (
            f"{judge} reads it on {pictures} with {known['metric']} {known['value']:.2f}"
            f" [{known['low']:.2f}, {known['high']:.2f}], not surely {least:g}"
        )

    def _moves(self, row: dict[str, Any]) -> bool:
        """Surely, and far enough. A direction made for a target has to move it upwards."""
        upwards = row["slope"] > 0 or row["kind"] == "latent"
        sure = row["q"] is not None and row["q"] <= self.rules.significance
        return bool(sure and upwards and abs(row["slope"]) >= self.rules.effect)

    def _still(
        self, target: str, latents: list[dict[str, Any]], vectors: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Nothing moves the target: surely so, where no interval of what is associated with it
        reaches further than twice the effect that counts."""
        associated = self._alone(target)[0]
        looked = [row for row in latents if row["direction"] == associated]
        looked += [row for row in vectors if row["kind"] == "probe"]
        looked = looked or latents or vectors
        if not looked:
            return _said(CANNOT_MEASURE, "no latent is active: there is nothing to move")
        widest = max(looked, key=_reach)
        if _reach(widest) > 2 * self.rules.effect:
            return _said(
                CANNOT_MEASURE,
                f"the slope along {widest['direction']} is {widest['slope']:+.2f}"
                f" [{widest['low']:+.2f}, {widest['high']:+.2f}]: too uncertain to tell",
                widest,
            )
        return _said(
            NOT_MOVED,
            f"it can be read off the latents, but no direction moves it by"
            f" {self.rules.effect:g} standard deviations",
            looked[0],
        )

    def _contrary(
        self, first: dict[str, Any], others: Iterable[tuple[str, list[dict[str, Any]]]]
    ) -> str | None:
        """Why the word of the first judge cannot stand: another says the contrary."""
        for judge, rows in others:
            for row in rows:
                if row["direction"] != first["direction"] or not _measured(row):
                    continue
                if self._moves(row) and row["slope"] * first["slope"] < 0:
                    return (
                        f"the judges contradict each other: along {row['direction']} it moves"
                        f" {first['slope']:+.2f} by {first['judge']}, {row['slope']:+.2f} by"
                        f" {judge}"
                    )
        return None

    def _several(
        self, target: str, first: dict[str, Any], latents: list[dict[str, Any]]
    ) -> str | None:
        """Why more than one latent is needed; None where the first is enough."""
        total = sum(row["slope"] ** 2 for row in latents)
        share = first["slope"] ** 2 / total
        if share < self.rules.alone:
            return (
                f"several latents move it: {first['direction']} has {share:.0%} of the squared"
                f" slopes, not {self.rules.alone:.0%}"
            )
        best, alone = self._alone(target)
        if alone is None:
            return "how much one latent alone tells is not known"
        if alone < self.rules.alone:
            return (
                f"several latents tell it: {best} alone has {alone:.0%} of the probe's gain, not"
                f" {self.rules.alone:.0%}"
            )
        if best != first["direction"]:
            return f"{best} tells it best, but {first['direction']} moves it"
        return None

    def _alone(self, target: str) -> tuple[str | None, float | None]:
        """The best single latent to read the target off, and its share of the probe's gain."""
        for row in self.needed.get(target, ()):
            if row["k"] == 1:
                return row["latents"], row["share"]
        return None, None

    def _most_selective(
        self, target: str, judge: str, vectors: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """The direction made for the target that is most selective among those that move it."""
        asked = [
            (self.selectivity.get((row["direction"], target, judge), {}).get("selectivity"), row)
            for row in vectors
        ]
        known = [(value, row) for value, row in asked if value is not None]
        if not known:
            return {}
        value, row = max(known, key=lambda one: one[0])
        return {
            "other_direction": row["direction"],
            "other_effect": row["slope"],
            "other_selectivity": value,
        }


def _said(verdict: str, rule: str, row: dict[str, Any] | None = None) -> dict[str, Any]:
    effect = {} if row is None else {
        "direction": row["direction"],
        "effect": row["slope"],
        "low": row["low"],
        "high": row["high"],
    }  # fmt: skip
    return {"verdict": verdict, "rule": rule, **effect}


def _measured(row: dict[str, Any]) -> bool:
    return row["slope"] is not None and row["low"] is not None


def _steepness(row: dict[str, Any]) -> float:
    return abs(float(row["slope"]))


def _reach(row: dict[str, Any]) -> float:
    """The farthest a slope's interval goes from 0."""
    return max(abs(row["low"]), abs(row["high"]))


def _by_target(frame: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(frame):
        grouped.setdefault(row["target"], []).append(row)
    return grouped


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values, None where missing."""
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]
