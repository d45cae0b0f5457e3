"""What a data folder holds and what was left out of it, in words for the terminal."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentlab.artifacts import DataFolder


def told(data: "DataFolder") -> str:
    """Images, splits, refusals, labels, and how often each attribute holds."""
    facts = data.description
    census = facts["census"]
    kind = "grey" if facts["channels"] == 1 else "colour"
    splits = ", ".join(f"{count:,} {split}" for split, count in facts["splits"].items())
    lines = [
        f"{data.path}: {facts['images']:,} images of {facts['side']}x{facts['side']}, {kind};"
        f" {splits} (split: {facts['split']['policy']})",
        _went("pictures", census["pictures"], data),
    ]
    if "label_rows" in census:
        lines.append(_went("label rows", census["label_rows"], data))
    lines += [f"{count:,} pictures: {what}" for what, count in census["noticed"].items()]
    targets = {role: names for role, names in facts["columns"].items() if names}
    lines += [
        f"{role}: {', '.join(names)}" for role, names in targets.items() if role != "attribute"
    ]
    lines += facts["notes"]
    if census["positives"]:
        lines += ["", *_positives(census["positives"])]
    return "\n".join(lines)


def _went(what: str, counts: dict[str, int], data: "DataFolder") -> str:
    parts = [f"{counts['found']:,} found", f"{counts['used']:,} used"]
    if counts["left_out"]:
        parts.append(f"{counts['left_out']:,} beyond the limit")
    if counts["refused"]:
        parts.append(f"{counts['refused']:,} not used, see {data.refused_path}")
    return f"{what}: {', '.join(parts)}"


def _positives(positives: dict[str, dict[str, int]]) -> list[str]:
    """A table: attribute, images where it holds, their share, images where it is unknown."""
    width = max(len(name) for name in [*positives, "attribute"])
    unknown = any(count["unknown"] for count in positives.values())
    head = f"{'attribute':<{width}} {'positive':>9} {'share':>7}"
    lines = [head + (f" {'unknown':>9}" if unknown else "")]
    for name, count in positives.items():
        known = count["yes"] + count["no"]
        share = f"{count['yes'] / known:7.1%}" if known else "      -"
        line = f"{name:<{width}} {count['yes']:>9,} {share}"
        lines.append(line + (f" {count['unknown']:>9,}" if unknown else ""))
    return lines
