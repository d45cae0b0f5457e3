"""Where factors are known: is the dimension named for a target the one of its true cause?"""

from reports.contents import Contents
from reports.findings import ROLE_TITLES, Finding
from reports.numbers import number
from reports.page import Column, Mark, Paragraph, Row, Section, Table, Text

EXPLAINED = 0.1  # least share of a target that its true cause accounts for


def section(contents: Contents, found: tuple[Finding, ...]) -> Section | None:
    """Where factors are known: is the dimension named for a target the one of its true cause?"""
    if contents.truth.empty:
        return None
    by_target = {one.target: one for one in found}
    rows, unexplained = [], []
    for target, group in contents.truth.groupby("target", sort=False):
        one = by_target.get(str(target))
        if one is None or one.reason:
            continue
        strongest = group.loc[group["explained"].idxmax()]
        if strongest["explained"] < EXPLAINED:
            unexplained.append(str(target))
            continue
        factor = str(strongest["factor"])
        mine, cause = one.first(), by_target.get(factor)
        its = cause.first() if cause is not None else None
        same = None if mine is None or its is None else mine.latent == its.latent
        words = {True: "the same", False: "another", None: "not known"}[same]
        rows.append(
            Row(
                (
                    Text(str(target), href=f"#{one.anchor}"),
                    Text(factor, href=f"#{cause.anchor}" if cause is not None else ""),
                    number(strongest["r"], form="signed"),
                    number(strongest["explained"], form="share"),
                    cause.score if cause is not None else number(None, reason="not probed"),
                    Text(mine.latent if mine else "none"),
                    Text(its.latent if its else "none"),
                    Mark(same, words),
                ),
                ROLE_TITLES.get(one.role, one.role),
            )
        )
    if not rows:
        return None
    agree = sum(row.cells[-1].claim is True for row in rows)
    text = (
        f"These pictures were made from known factors. For {agree} of {len(rows)} targets the"
        " dimension named first is also first for the factor that the target depends on most."
    )
    if unexplained:
        text += (
            f" Left out, since no known factor accounts for {EXPLAINED:.0%} of their variance:"
            f" {', '.join(unexplained)}."
        )
    columns = (
        Column("target", "Target"),
        Column("factor", "True cause", "The factor that accounts for most of its variance"),
        Column("r", "Correlation with it", "Over the data set, no model involved", numeric=True),
        Column("explained", "Explained", "Share of its variance between bins of the factor", True),
        Column("r2", "R² of the cause", "How well a probe reads that factor", numeric=True),
        Column("first", "First for the target"),
        Column("first_of_factor", "First for the cause"),
        Column("same", "Same dimension?"),
    )
    facts = (("same", float(agree)), ("targets", float(len(rows))))
    table = Table("causes", "The answer beside the truth", columns, tuple(rows))
    blocks = (Paragraph(text, facts), table)
    return Section("truth", "The truth beside the answer", "Truth", blocks)
