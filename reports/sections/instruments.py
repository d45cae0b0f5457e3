"""The judges: how well each instrument reads originals, and what the model makes of them."""

from latentlab.examination import ORIGINALS, RECONSTRUCTIONS
from latentlab.verdicts import Rules
from reports.contents import Contents
from reports.effects import Effects, rules_of
from reports.findings import METRIC_TITLES, ROLE_TITLES, UNKNOWN, Finding
from reports.numbers import number, told
from reports.page import Cell, Column, Mark, Paragraph, Row, Section, Table, Text
from reports.records import Record, by

CIRCULAR = "never: the model itself"  # a judge that is no witness
COLUMNS = (
    Column("judge", "Judge", "The instrument that measures pictures", term="Judge"),
    Column("metric", "Score"),
    Column("originals", "On originals", "Test images as they are", numeric=True),
    Column("reconstructions", "On reconstructions", "The same images, decoded", numeric=True),
    Column("measured", "Measured", "Share of the reconstructions it could measure", numeric=True),
    Column("counts", "Does its word count?", "By the thresholds in the settings"),
)


def section(contents: Contents, found: tuple[Finding, ...], moved: Effects) -> Section | None:
    """Every target by every judge; None where nobody asked."""
    if contents.evidence.judges.empty:
        return None
    rows = []
    for one in found:
        link = "" if one.reason else f"#{one.anchor}"
        for row in _rows(one, contents, moved):
            title = ROLE_TITLES.get(one.role, one.role)
            rows.append(Row((Text(one.target, href=link), *row.cells), title))
    rules = rules_of(contents)
    text = (
        "What moves is measured by instruments, and an instrument must first be able to see it."
        f" A judge's word counts where the interval of its score begins at {rules.judge_auc:g} AUC"
        f" or {rules.judge_r:g} r, on originals for what does not move, on reconstructions for what"
        " does. The model judging itself is shown, and never counts."
    )
    facts = (("least_auc", rules.judge_auc), ("least_r", rules.judge_r))
    columns = (Column("target", "Target"), *COLUMNS)
    table = Table("judges", "How well each judge reads each target", columns, tuple(rows))
    return Section("instruments", "The instruments", "Judges", (Paragraph(text, facts), table))


def of_target(one: Finding, contents: Contents, moved: Effects) -> Table | None:
    """The judges that measured this target, and how well they see it."""
    rows = _rows(one, contents, moved)
    if not rows:
        return None
    caption = "How well the judges see it"
    return Table(f"{one.anchor}-judged", caption, COLUMNS, tuple(rows))


def _rows(one: Finding, contents: Contents, moved: Effects) -> list[Row]:
    rules = rules_of(contents)
    judged = by(moved.accuracy.get(one.target, ()), "judge")
    return [_row(name, rows, rules) for name, rows in judged.items()]


def _row(judge: str, rows: list[Record], rules: Rules) -> Row:
    circular = any(row.get("circular") is True for row in rows)
    by_kind = {str(row["pictures"]): row for row in rows}
    metric = str(rows[0]["metric"])
    least = rules.judge_auc if metric == "auc" else rules.judge_r
    scores = []
    for kind in (ORIGINALS, RECONSTRUCTIONS):
        row = by_kind.get(kind)
        if row is None:
            scores.append(number(None, reason="not asked", quiet=True))
        else:
            reason = told(row["reason"]) or UNKNOWN
            scores.append(number(row["value"], row["low"], row["high"], reason=reason))
    counts = [score.low is not None and score.low >= least for score in scores]
    word: Cell = Text(CIRCULAR) if circular else _mark(*counts)
    again = by_kind.get(RECONSTRUCTIONS, {})
    cells: tuple[Cell, ...] = (
        Text(judge),
        Text(METRIC_TITLES.get(metric, metric)),
        *scores,
        number(again.get("detected"), form="share", reason="not asked", quiet=True),
        word,
    )
    return Row(cells)


def _mark(originals: bool, reconstructions: bool) -> Mark:
    if originals and reconstructions:
        return Mark(True, "yes")
    return Mark(False, "not on reconstructions" if originals else "no")
