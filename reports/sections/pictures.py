"""The model in pictures: what it keeps of an image, what it makes up, and whether it copies."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from reports.contents import Contents, Neighbours
from reports.numbers import number, shown
from reports.page import Block, Column, Paragraph, Row, Section, Table, Text, Tiles
from reports.pictures import Album

MOST = 48  # pictures of a kind on the page
COPIES = 0.95  # share of copies of training images that are nearer than what counts as near


def section(contents: Contents, album: Album) -> Section | None:
    """Originals above their reconstructions, draws from the prior, and their neighbours."""
    blocks: list[Block] = []
    if contents.pictures_left_out:
        blocks.append(Paragraph(LEFT_OUT))
    count, samples = min(len(contents.originals), MOST), contents.samples[:MOST]
    if count:
        pairs = np.concatenate([contents.originals, contents.reconstructions], axis=1)[:count]
        blocks.append(
            Tiles(
                album.add(pairs),
                count,
                f"{count} test images, each above its reconstruction",
                title="Test images above their reconstructions",
                caption="Decoded from the posterior mean. What is lost here, no latent can move.",
                wrap=True,
            )
        )
    if len(samples):
        blocks.append(
            Tiles(
                album.add(samples),
                len(samples),
                f"{len(samples)} decoded draws from the prior",
                title="Draws from the prior",
                caption="Mean pictures of latents drawn from the prior.",
                wrap=True,
            )
        )
    if contents.neighbours is not None:
        blocks += _neighbours(contents.neighbours, album)
    return Section("pictures", "Pictures", "Pictures", tuple(blocks)) if blocks else None


LEFT_OUT = (
    "Pictures were left out of this page on request: images of the data, and everything that the"
    " model decodes. Draws from the prior and the playground are left out too, since a model of"
    " faces draws faces. Tables and charts are whole."
)


def _neighbours(known: Neighbours, album: Album) -> list[Block]:
    """The nearest training image of each draw, and how near test images have theirs."""
    apart = known.pixels_apart
    near = float(np.quantile(apart["copies"], COPIES))
    shares = {kind: _share(apart[kind], near) for kind in ("draws", "test")}
    draws, test = shares["draws"], shares["test"]
    searched, train = shown(known.searched, "count"), shown(known.train, "count")
    of = f"the {train} training images"
    if known.searched < known.train:
        of = f"{searched} of {of}, taken at random,"
    text = (
        f"Does the decoder repeat its training images? For each draw, the nearest of {of} was"
        f" looked for. A plain copy would lie within {shown(near, 'amount')} grey levels:"
        f" {shown(COPIES, 'share')} of training images lie that near to their own reconstructions."
        f" {draws.near} of {draws.of} draws do, and {test.near} of {test.of} reconstructed test"
        " images, which training never saw."
    )
    if draws.low > test.high:
        text += " That is more draws than can be chance: a sign that it repeats training images."
    else:
        text += " So there is no sign that it repeats training images."
    facts: dict[str, float | None] = {
        "near_as_a_copy": near,
        "searched": known.searched,
        "train": known.train,
        **{f"{kind}_near": share.near for kind, share in shares.items()},
    }
    title = Paragraph("Draws and the training images nearest to them", style="headline")
    said = Paragraph(text, tuple((facts | _of_each(known)).items()))
    beside = [_beside(known, album)] if len(known.draws) else []
    return [title, said, *beside, _yardsticks(known, shares)]


@dataclass(frozen=True)
class _Share:
    """How many are as near as a copy, with the 95 % interval of that share (Wilson 1927)."""

    near: int
    of: int
    low: float
    high: float


def _share(distances: np.ndarray, near: float) -> _Share:
    k, n = int((distances < near).sum()), len(distances)
    interval = stats.binomtest(k, n).proportion_ci(method="wilson")
    return _Share(k, n, float(interval.low), float(interval.high))


def _of_each(known: Neighbours) -> dict[str, float | None]:
    """The distances that stand below the pictures."""
    return {
        f"draw_{index + 1}_by_{name}": float(distances["draws"][index])
        for name, distances in (("pixels", known.pixels_apart), ("code", known.codes_apart))
        for index in range(len(known.draws) if distances else 0)
    }


def _beside(known: Neighbours, album: Album) -> Table:
    """Draws over their neighbours, in columns."""
    count = len(known.draws)

    def strip(images: np.ndarray, what: str, distances: np.ndarray | None) -> Tiles:
        marks = () if distances is None else tuple(f"{distance:.1f}" for distance in distances)
        return Tiles(album.add(images), count, f"{count} {what}", marks=marks[:count])

    rows = [
        Row((Text("Draws from the prior"), strip(known.draws, "draws from the prior", None))),
        Row(
            (
                Text("Nearest by pixels", note="grey levels apart"),
                strip(known.by_pixels, "training images", known.pixels_apart["draws"]),
            )
        ),
    ]
    if len(known.by_code):
        rows.append(
            Row(
                (
                    Text("Nearest by code", note="latent units apart"),
                    strip(known.by_code, "training images", known.codes_apart["draws"]),
                )
            )
        )
    columns = (Column("what", "What"), Column("pictures", "Pictures, one draw a column"))
    caption = "The first draws, each over the training images nearest to it"
    return Table("neighbours", caption, columns, tuple(rows), style="cards pairs")


def _yardsticks(known: Neighbours, shares: dict[str, _Share]) -> Table:
    """Medians with the middle half, and the share that is as near as a copy."""
    titles = {
        "draws": "Draws from the prior",
        "test": "Test images",
        "copies": "Copies of training images",
    }
    groups = (
        ("grey levels, by pixels", known.pixels_apart),
        ("latent units, by code", known.codes_apart),
    )
    rows = []
    for group, distances in groups:
        for kind, values in distances.items():
            quarter, median, most = np.quantile(values, [0.25, 0.5, 0.75])
            share = shares.get(kind) if distances is known.pixels_apart else None
            rows.append(
                Row(
                    (
                        Text(titles[kind]),
                        number(median, quarter, most, form="amount"),
                        number(None, reason="not asked", quiet=True)
                        if share is None
                        else number(share.near / share.of, share.low, share.high, form="share"),
                        number(len(values), form="count"),
                    ),
                    f"In {group}",
                )
            )
    columns = (
        Column("what", "What"),
        Column("median", "Distance", "Median; brackets hold the middle half", numeric=True),
        Column("share", "As near as a copy", "With its 95 % interval (Wilson)", numeric=True),
        Column("n", "n", "How many were looked at", numeric=True),
    )
    caption = (
        "Distance to the nearest training image; brackets hold the middle half. By pixels: the root"
        " of the mean squared difference in grey levels, 0 to 255, of draws, of reconstructed test"
        " images, and of copies to the image they copy"
    )
    return Table("nearest", caption, columns, tuple(rows), style="cards pairs")
