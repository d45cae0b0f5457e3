"""What the reader must know before reading on, at the top of the page."""

from collections.abc import Iterable

import pandas as pd

from latentlab.examination import ORIGINALS, RECONSTRUCTIONS
from reports.contents import Contents
from reports.effects import Effects, rules_of
from reports.findings import Finding
from reports.numbers import finite, shown
from reports.page import Alert

FEW_FACES = 0.95  # a smaller share of detected faces in the data is worth an alert
FEW_MOVED = 0.9  # and in moved pictures
NAMED = 8  # members named; of more, the rest is counted


def of(contents: Contents, found: tuple[Finding, ...], moved: Effects) -> list[Alert]:
    """The alerts that this run calls for, in the order of the way from data to verdict."""
    made = [_left_out(contents), _faces(contents), _collapsed(contents), _unmeasured(found)]
    if moved.slopes:
        made += [*_blind_judges(contents), _lost_faces(contents)]
    else:
        made += [_nothing_moved(moved), _at_baseline(found)]
    return [one for one in made if one is not None]


def _left_out(contents: Contents) -> Alert | None:
    if not contents.pictures_left_out:
        return None
    return Alert(
        "Pictures were left out on request",
        "Every number and chart is here, but no image of the data and nothing that the model"
        " decodes.",
    )


def _faces(contents: Contents) -> Alert | None:
    if contents.faces is None or not contents.faces[1]:
        return None
    seen, looked = contents.faces
    if seen / looked >= FEW_FACES:
        return None
    return Alert(
        f"A face was found in {shown(seen / looked, 'share')} of the images",
        "Face statistics are of those images only.",
        facts=(("share_of_faces_found", seen / looked),),
    )


def _collapsed(contents: Contents) -> Alert | None:
    inactive = contents.dimensions.loc[~contents.dimensions["active"].astype(bool), "latent"]
    if inactive.empty:
        return None
    return Alert(
        f"{len(inactive)} of {len(contents.dimensions)} dimensions carry nothing",
        "They are inactive, and never ranked:",
        _some(map(str, inactive)),
        (("inactive", len(inactive)),),
    )


def _unmeasured(found: tuple[Finding, ...]) -> Alert | None:
    members = [one for one in found if one.reason]
    if not members:
        return None
    return Alert(
        f"{_targets(members)} could not be probed",
        "Nothing is said of:",
        _some(f"{one.target} ({one.reason})" for one in members),
        (("unmeasured", len(members)),),
    )


def _blind_judges(contents: Contents) -> list[Alert]:
    """Judges that read originals and do not read what the model makes of them."""
    table = contents.evidence.judges
    if table.empty:
        return []
    rules = rules_of(contents)
    table = table[~table["circular"].astype(bool)] if "circular" in table else table
    made = []
    for judge, rows in table.groupby("judge", sort=False):
        reads = {
            (str(row["target"]), str(row["pictures"])): _reads(
                row["low"], rules.judge_auc if row["metric"] == "auc" else rules.judge_r
            )
            for row in rows.to_dict("records")
        }
        able = [target for (target, kind), yes in reads.items() if kind == ORIGINALS and yes]
        lost = [target for target in able if not reads.get((target, RECONSTRUCTIONS), False)]
        if lost:
            facts = ((f"{judge}_reads", len(able)), (f"{judge}_fails", len(lost)))
            made.append(
                Alert(
                    f"The judge {judge} reads {len(able)} targets on originals, and"
                    f" {len(lost)} of these not surely on reconstructions",
                    "Where it sees nothing move, that says little:",
                    _some(lost),
                    facts,
                )
            )
    return made


def _reads(low: object, least: float) -> bool:
    found = finite(low)
    return found is not None and found >= least


def _lost_faces(contents: Contents) -> Alert | None:
    """Pictures in which nothing could be measured any more, where latents were moved far."""
    paths = contents.evidence.paths
    if paths.empty or "kind" not in paths:
        return None
    rows = paths[(paths["kind"] == "latent") & paths["t"].notna()]
    ends = rows[rows["t"].abs() == rows["t"].abs().max()]
    share = finite(ends["detected"].mean()) if len(ends) else None
    if share is None or share >= FEW_MOVED:
        return None
    far = float(ends["t"].abs().max())
    return Alert(
        f"Of the pictures {far:g} standard deviations out, {shown(share, 'share')} could be"
        " measured by every judge",
        "The pictures that are lost may be those that changed most.",
        facts=(("measured_at_the_ends", share), ("ends", far)),
    )


def _nothing_moved(moved: Effects) -> Alert | None:
    reasons = {str(row["rule"]) for row in moved.verdicts.values() if pd.isna(row["judge"])}
    why = next((text for text in sorted(reasons) if text.startswith("nothing was moved")), "")
    text = "The tables tell what goes with a target, and not what a dimension does."
    return Alert(f"No latent was moved{why.removeprefix('nothing was moved')}", text)


def _at_baseline(found: tuple[Finding, ...]) -> Alert | None:
    members = [one for one in found if not one.reason and not one.above_baseline]
    if not members:
        return None
    return Alert(
        f"{_targets(members)} cannot be told from the baseline",
        "The interval of the probe's score reaches down to it:",
        _some(one.target for one in members),
        (("at_baseline", len(members)),),
    )


def _targets(members: list[Finding]) -> str:
    return f"{len(members)} target{'s' if len(members) != 1 else ''}"


def _some(members: Iterable[str]) -> tuple[str, ...]:
    named = tuple(members)
    if len(named) <= NAMED + 1:
        return named
    return (*named[:NAMED], f"and {len(named) - NAMED} more")
