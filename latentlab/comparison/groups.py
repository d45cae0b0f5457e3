"""Runs that differ in nothing but their seed form a group, named by what sets it apart."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from latentlab.comparison.runs import ComparedRun
from latentlab.errors import DataError

# Settings that do not make two runs different: names and places, the data (which a digest
# compares), how fast something is done, and how it is drawn.
ASIDE = (
    "name", "seed", "source", "data", "landmarks.model", "landmarks.workers", "train.device",
    "encode.batch_size", "traverse", "report",
)  # fmt: skip
# Settings of the instruments: groups that differ in them were not measured alike.
INSTRUMENTS = ("landmarks", "encode", "probe", "intervene", "verdicts")
BETA = "objective.beta"


@dataclass(frozen=True)
class Group:
    """Runs with the same settings.

    Attributes:
        name: The settings that differ from other groups, in words: `beta 4`.
        settings: These settings by their dotted key; None where a group's component has no such
            setting.
        runs: Names, by seed.
        seeds: Of these runs.
    """

    name: str
    settings: dict[str, Any]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Grouping:
    """Attributes:
    groups: By the value of the axis; in order of appearance where there is no axis.
    differing: Dotted keys of the settings that differ between groups.
    axis: The one setting that differs, where it is a number in every group; else None.
    unlike_instruments: Those of `differing` that say how a run was measured.
    """

    groups: tuple[Group, ...]
    differing: tuple[str, ...]
    axis: str | None
    unlike_instruments: tuple[str, ...]

    def of(self, run: str) -> Group:
        """The group of a run."""
        return next(group for group in self.groups if run in group.runs)


def group_runs(runs: Sequence[ComparedRun]) -> Grouping:
    """Group runs by all of their settings but the seed and those in ASIDE.

    Raises:
        DataError: Two runs have the same settings and the same seed: they are one, told twice.
    """
    flat = [_settings(run.config) for run in runs]
    keys = list(dict.fromkeys(key for settings in flat for key in settings))
    differing = tuple(
        key for key in keys if len({_text(settings.get(key)) for settings in flat}) > 1
    )
    members: dict[tuple[str, ...], list[int]] = {}
    for index, settings in enumerate(flat):
        members.setdefault(tuple(_text(settings.get(key)) for key in differing), []).append(index)
    names = _names([{key: flat[of[0]].get(key) for key in differing} for of in members.values()])
    groups = []
    for name, indices in zip(names, members.values(), strict=True):
        ordered = sorted((runs[index] for index in indices), key=lambda run: run.seed)
        for one, other in pairwise(ordered):
            if one.seed == other.seed:
                raise DataError(
                    f"{one.name} and {other.name} have the same settings and the same seed, so the"
                    " second tells nothing more. Leave one of them out."
                )
        own = {key: flat[indices[0]].get(key) for key in differing}
        of_group = tuple(run.name for run in ordered)
        groups.append(Group(name, own, of_group, tuple(run.seed for run in ordered)))
    axis = None
    if len(differing) == 1 and all(_is_number(one.settings[differing[0]]) for one in groups):
        axis = differing[0]
        groups.sort(key=lambda one: float(one.settings[differing[0]]))
    unlike = tuple(key for key in differing if key.partition(".")[0] in INSTRUMENTS)
    return Grouping(tuple(groups), differing, axis, unlike)


def normalized_beta(run: ComparedRun, side: int, channels: int) -> float | None:
    """Higgins' beta_norm = beta * latents / pixels, a pixel counting once a channel.

    Source: Higgins et al. 2017, https://openreview.net/forum?id=Sy2fzU9gl
    """
    beta = run.config.get("objective", {}).get("beta")
    if not _is_number(beta):
        return None
    return float(beta) * len(run.dimensions) / (side**2 * channels)


def _settings(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted key -> plain value, without ASIDE."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        place = f"{prefix}{key}"
        if place in ASIDE:
            continue
        if isinstance(value, dict):
            flat |= _settings(value, f"{place}.")
        else:
            flat[place] = value
    return flat


def _names(groups: Sequence[dict[str, Any]]) -> list[str]:
    """A name for each group, from the settings in which it differs: `beta 4, latents 10`.

    Where components differ, settings that only one of them has are left out of the names, unless
    two groups would then be called the same.
    """
    shared = [
        {
            key: value
            for key, value in settings.items()
            if key.endswith(".name") or all(one[key] is not None for one in groups)
        }
        for settings in groups
    ]
    short = [_name(settings) for settings in shared]
    if len(set(short)) == len(short):
        return short
    return [_name(settings) for settings in groups]


def _name(settings: dict[str, Any]) -> str:
    """Last parts of the keys with their values, whole keys where two end alike."""
    ends = [key.rpartition(".")[2] for key in settings]
    parts = []
    for (key, value), end in zip(settings.items(), ends, strict=True):
        title = key.removesuffix(".name") if end == "name" else end
        title = key if end != "name" and ends.count(end) > 1 else title
        parts.append(f"{title.replace('_', ' ')} {'none' if value is None else _shown(value)}")
    return ", ".join(parts) or "all runs"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)


def _text(value: Any) -> str:
    """For telling values apart: 4 and 4.0 are one."""
    return json.dumps(float(value) if _is_number(value) else value, sort_keys=True)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
