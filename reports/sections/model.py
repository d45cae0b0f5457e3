"""The model itself: its pictures, its dimensions, and how its training went."""

import numpy as np
import pandas as pd

from reports.contents import Contents
from reports.findings import CORRELATION, Finding
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

MOST = 48  # pictures of a kind on the page
GOES_WITH = 3  # targets named beside a dimension's strip


def pictures(contents: Contents, album: Album) -> Section | None:
    """Originals above their reconstructions, and draws from the prior."""
    blocks: list[Block] = []
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
                caption="Mean pictures of latents drawn from N(0, 1).",
                wrap=True,
            )
        )
    return Section("pictures", "Pictures", "Pictures", tuple(blocks)) if blocks else None


def dimensions(contents: Contents, found: tuple[Finding, ...], album: Album) -> Section:
    """How many nats each dimension carries, what it goes with, and what the decoder makes of it."""
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
    goes_with = _goes_with(found)
    strips = tuple(
        tiles(strip, album, name, title=name, caption=goes_with.get(name, ""))
        for name, strip in contents.strips.items()
    )
    if strips:
        title = "A strip for every active dimension, and what it goes with"
        blocks.append(Details("strips", title, (Columns(strips),)))
    return Section("dimensions", "Dimensions", "Dimensions", tuple(blocks))


def _goes_with(found: tuple[Finding, ...]) -> dict[str, str]:
    """Latent -> the targets it correlates with most, in words."""
    pairs: dict[str, list[tuple[float, str]]] = {}
    for one in found:
        for place in one.ranked(CORRELATION):
            if place.value.value is not None:
                pairs.setdefault(place.latent, []).append((place.value.value, one.target))
    words = {}
    for latent, known in pairs.items():
        most = sorted(known, key=lambda pair: (-abs(pair[0]), pair[1]))[:GOES_WITH]
        listed = ", ".join(f"{target} ({shown(r, 'signed')})" for r, target in most)
        words[latent] = f"Correlates most with {listed}."
    return words


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
    ending, extra = _ending(history)
    blocks = (
        Paragraph(f"{text}{ending}", (*facts.items(), *extra)),
        Columns(
            (
                chart("reconstruction", "Reconstruction (negative log-likelihood)"),
                chart("kl", "KL to the prior"),
            )
        ),
    )
    return Section("training", "Training", "Training", blocks)


def _ending(history: pd.DataFrame) -> tuple[str, tuple[tuple[str, float | None], ...]]:
    """Where learning ended: the epoch of the best validation loss, and the last step of it."""
    if "valid_elbo" not in history:
        return "", ()
    loss = history["valid_loss"] if "valid_loss" in history else -history["valid_elbo"]
    loss = loss.to_numpy(float)
    if not np.isfinite(loss).all() or len(loss) < 2:
        return "", ()
    best, last = int(loss.argmin()), float(loss[-1] - loss[-2])
    epoch = int(history["epoch"].iloc[best])
    text = f" The validation loss was lowest after epoch {epoch}"
    if best == len(loss) - 1:
        text += f" and still falling, by {shown(-last, 'amount')} nats in the last one"
    return f"{text}. The vertical axes do not begin at 0.", (
        ("best_epoch", epoch),
        ("last_change_of_valid_loss", last),
    )
