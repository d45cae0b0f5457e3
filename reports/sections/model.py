"""The model itself: its pictures, its dimensions, and how its training went."""

import numpy as np

from reports.contents import Contents
from reports.page import (
    Bar,
    BarChart,
    Block,
    Columns,
    Details,
    LineChart,
    Paragraph,
    Section,
    Series,
    Tiles,
    finite,
    shown,
)
from reports.pictures import Album
from reports.sections.strips import tiles


def pictures(contents: Contents, album: Album) -> Section | None:
    """Originals above their reconstructions, and draws from the prior."""
    blocks: list[Block] = []
    count = len(contents.originals)
    if count:
        pairs = np.concatenate([contents.originals, contents.reconstructions], axis=1)
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
    if len(contents.samples):
        blocks.append(
            Tiles(
                album.add(contents.samples),
                len(contents.samples),
                f"{len(contents.samples)} decoded draws from the prior",
                title="Draws from the prior",
                caption="Mean pictures of latents drawn from N(0, 1).",
                wrap=True,
            )
        )
    return Section("pictures", "Pictures", "Pictures", tuple(blocks)) if blocks else None


def dimensions(contents: Contents, album: Album) -> Section | None:
    """How many nats each dimension carries, and what it does to a face."""
    table = contents.dimensions
    known = table[table["kl"].notna()].sort_values("kl", ascending=False, kind="stable")
    inactive = table.loc[~table["active"].astype(bool), "latent"].astype(str).tolist()
    text = (
        f"{len(table) - len(inactive)} of {len(table)} dimensions are active: their mean KL is at"
        " least 0.01 nats and their means vary."
    )
    if inactive:
        text += f" Inactive: {', '.join(inactive)}."
    blocks: list[Block] = [Paragraph(text, (("active", float(len(table) - len(inactive))),))]
    if len(known):
        bars = tuple(
            Bar(str(row["latent"]), float(row["kl"]), bool(row["active"]))
            for row in known.to_dict("records")
        )
        blocks.append(BarChart("kl", "KL of each dimension", "dimension", "nats per image", bars))
    strips = [
        tiles(strip, album, f"Decoded faces while {name} goes from low to high", title=name)
        for name, strip in contents.strips.items()
    ]
    if strips:
        blocks.append(Details("strips", "A strip for every active dimension", tuple(strips)))
    return Section("dimensions", "Dimensions", "Dimensions", tuple(blocks))


def training(contents: Contents) -> Section | None:
    """Reconstruction and KL over epochs, train and valid."""
    history = contents.history
    if history.empty:
        return None
    epochs = tuple(float(epoch) for epoch in history["epoch"])

    def chart(name: str, title: str) -> LineChart:
        series = tuple(
            Series(split, epochs, tuple(finite(value) for value in history[f"{split}_{name}"]))
            for split in ("train", "valid")
            if f"{split}_{name}" in history
        )
        return LineChart(f"history-{name}", title, "epoch", "nats per image", series)

    last = history.iloc[-1]
    facts = {
        name: finite(last.get(name))
        for name in ("valid_reconstruction", "valid_kl", "valid_elbo", "active_units", "beta")
    }
    seconds = finite(history["seconds"].sum()) if "seconds" in history else None
    text = f"After {len(history)} epochs"
    if seconds is not None:
        text += f" ({shown(seconds, 'count')} s)"
    named = (("valid_reconstruction", "reconstruction"), ("valid_kl", "KL"), ("valid_elbo", "ELBO"))
    parts = [
        f"{title} {shown(facts[key], 'amount')}"  # type: ignore[arg-type]
        for key, title in named
        if facts[key] is not None
    ]
    text += f", on the validation split: {', '.join(parts)} nats per image."
    blocks = (
        Paragraph(text, tuple(facts.items())),
        Columns(
            (
                chart("reconstruction", "Reconstruction (negative log-likelihood)"),
                chart("kl", "KL to the prior"),
            )
        ),
    )
    return Section("training", "Training", "Training", blocks)
