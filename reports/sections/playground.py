"""The playground: the decoder itself in the page, or the reason why it is not."""

from typing import Any

import numpy as np

from latentlab.portable.program import Program
from reports.contents import Contents
from reports.findings import CORRELATION, Finding
from reports.numbers import shown
from reports.page import Block, Columns, Paragraph, Section
from reports.pictures import Album
from reports.playground import (
    Axis,
    LiveDecoder,
    NoDecoder,
    Playground,
    Reader,
    Reading,
    Slider,
)
from reports.sections.strips import tiles

STRIPS = 6  # shown where the decoder does not run in the page
FAR = 3  # standard deviations of the codes; beyond so many lies hardly any image
MADE = {
    "probe": "probe direction",
    "mean_difference": "difference of means",
    "projected": "probe, others held",
}
TITLES = {  # of a role, and the unit of a change
    "attribute": ("Attributes: probability", "points"),
    "statistic": ("Face statistics", "sd"),
    "factor": ("True factors", "sd"),
}

Facts = dict[str, float | None]


def section(contents: Contents, found: tuple[Finding, ...], album: Album) -> Section | None:
    """Sliders and a live picture; strips where there can be none; None without a decoder."""
    live = contents.playground
    if live is None:
        return None
    if isinstance(live, NoDecoder):
        blocks = _strips(contents, live, album)
    else:
        blocks = _live(live, found, album)
    return Section("playground", "Move it yourself", "Playground", tuple(blocks))


def _live(live: LiveDecoder, found: tuple[Finding, ...], album: Album) -> list[Block]:
    program, (block, facts) = live.program, _block(live, found, album)
    size, count = program.weights.nbytes / 1e6, len(program.weights)
    intro = (
        "The model's decoder runs in this page. Choose a face, move it along a dimension or a"
        " direction, and see what it decodes to. A slider goes by standard deviations of the codes"
        " of all images."
    )
    predicted = (
        " The predictions are what the linear probes read off the moved code. Nobody measured the"
        " picture: a prediction can change where the face does not."
        if live.readers
        else f" There are no predictions: {live.unread}."
    )
    notes = (
        f"The pictures are decoded means, not photographs, and beyond {FAR} standard deviations"
        f" they are extrapolated.{predicted}"
    )
    exact = (
        f"The decoder is in this file with {shown(count, 'count')} weights of 16 bits"
        f" ({shown(size, 'amount')} MB). On {program.checked} codes its pictures differ from"
        f" PyTorch's by {_levels(program)} of 255."
    )
    own: Facts = {
        "weights": float(count),
        "megabytes": size,
        "checked_codes": float(program.checked),
        "largest_difference_in_grey_levels": float(program.deviation),
        "faces": float(len(live.images)),
        "axes": float(len(live.axes)),
        "probes": float(len(live.readers)),
    }
    return [
        Paragraph(intro, tuple(facts.items())),
        block,
        Paragraph(notes),
        Paragraph(exact, tuple(own.items())),
    ]


def _levels(program: Program) -> str:
    if program.deviation == 0:
        return "no grey level"
    return f"at most {program.deviation} grey level{'s' if program.deviation > 1 else ''}"


def _block(live: LiveDecoder, found: tuple[Finding, ...], album: Album) -> tuple[Playground, Facts]:
    """The block, and the numbers in the names of its sliders."""
    facts: Facts = {}
    goes_with, latents, directions = _goes_with(found), [], []
    for index, axis in enumerate(live.axes):
        if axis.kind == "latent":
            target, r = goes_with.get(axis.name, ("", 0.0))
            if target:
                facts[f"correlation of {axis.name} with {target}"] = r
            latents.append(
                Slider(index, axis.name, f"{target} {shown(r, 'signed')}" if target else "")
            )
    for index in _in_order(live, found):
        axis, note = live.axes[index], MADE.get(live.axes[index].kind, live.axes[index].kind)
        if axis.selectivity is not None:
            facts[f"selectivity of {_key(axis)}"] = axis.selectivity
            note += f", selectivity {shown(axis.selectivity, 'short')}"
        directions.append(Slider(index, axis.name, note))
    anchors = {one.target: "" if one.reason else f"#{one.anchor}" for one in found}
    by_role: dict[str, list[Reading]] = {}
    for index, reader in enumerate(live.readers):
        reading = Reading(index, reader.target, anchors.get(reader.target, ""))
        by_role.setdefault(reader.role, []).append(reading)
    block = Playground(
        picture=album.add(live.pictures),
        faces=tuple(f"test image {name}" for name in live.images),
        latents=tuple(latents),
        directions=tuple(directions),
        readings=tuple((*TITLES[role], tuple(rows)) for role, rows in by_role.items()),
        data=_data(live),
    )
    return block, facts


def _in_order(live: LiveDecoder, found: tuple[Finding, ...]) -> list[int]:
    """Directions by their place among the axes: of every target the most selective one, those of
    the best read targets first, and then the others."""
    rank = {one.target: number for number, one in enumerate(found)}

    def key(index: int) -> tuple[int, float]:
        axis = live.axes[index]
        return rank.get(axis.name, len(rank)), -(axis.selectivity or 0.0)

    order = sorted((i for i, axis in enumerate(live.axes) if axis.kind != "latent"), key=key)
    first: dict[str, int] = {}
    for index in order:
        first.setdefault(live.axes[index].name, index)
    return [*first.values(), *(index for index in order if index not in first.values())]


def _goes_with(found: tuple[Finding, ...]) -> dict[str, tuple[str, float]]:
    """Latent -> the target it correlates with most, and by how much."""
    most: dict[str, tuple[str, float]] = {}
    for one in found:
        for place in one.ranked(CORRELATION):
            r = place.value.value
            if r is not None and abs(r) > abs(most.get(place.latent, ("", 0.0))[1]):
                most[place.latent] = (one.target, r)
    return most


def _data(live: LiveDecoder) -> dict[str, Any]:
    """What the script reads. Numbers have seven digits: no picture or prediction shows more."""
    return {
        "program": live.program.plain(),
        "faces": [
            {"name": name, "code": _rounded(code)}
            for name, code in zip(live.images, live.codes, strict=True)
        ],
        "latents": list(live.latents),
        "mean": _rounded(live.mean),
        "deviation": _rounded(live.deviation),
        "axes": [
            {"key": _key(axis), "name": axis.name, "vector": _rounded(axis.vector)}
            for axis in live.axes
        ],
        "readers": [_reader(one) for one in live.readers],
        "far": FAR,
    }


def _reader(one: Reader) -> dict[str, Any]:
    return {
        "target": one.target,
        "coefficients": _rounded(one.coefficients),
        "intercept": one.intercept,
        "spread": one.spread,
    }


def _key(axis: Axis) -> str:
    """Its name in a link."""
    return axis.name if axis.kind == "latent" else f"{axis.kind}:{axis.name}"


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.7g}") for value in values]


def _strips(contents: Contents, missing: NoDecoder, album: Album) -> list[Block]:
    """The dimensions with the most KL, decoded beforehand."""
    text = f"This model's decoder does not run in the page: {missing.reason}."
    order = contents.dimensions.sort_values("kl", ascending=False, kind="stable")["latent"]
    names = [name for name in map(str, order) if name in contents.strips][:STRIPS]
    if not names:
        return [Paragraph(text)]
    text += (
        " Here are pictures made beforehand, along the dimensions with the most KL. There are more"
        " under each target and each dimension."
    )
    strips = tuple(tiles(contents.strips[name], album, name, title=name) for name in names)
    return [Paragraph(text), Columns(strips)]
