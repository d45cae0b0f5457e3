"""How training went: its terms over the epochs, and what it made of the same faces."""

import numpy as np
import pandas as pd

from reports.contents import Contents, Epochs
from reports.numbers import finite, number, shown
from reports.page import (
    Block,
    Cell,
    Column,
    Columns,
    Details,
    LineChart,
    Paragraph,
    Row,
    Section,
    Series,
    Table,
    Text,
    Tiles,
)
from reports.palette import STEPS
from reports.pictures import Album

NATS = "nats per image"
IN_HEAT = 16  # epochs in the table of dimensions
KL_COLUMN = "kl_"


def section(contents: Contents, album: Album) -> Section | None:
    """The end in a sentence, curves, the same faces over the epochs; None where nothing trained."""
    history = contents.history
    if history.empty:
        return None
    blocks: list[Block] = [_summary(history), _curves(history)]
    if contents.epochs is not None:
        blocks.append(_faces(contents.epochs, history, album))
    of_dimensions = _dimensions(history, contents.dimensions)
    if of_dimensions is not None:
        blocks.append(of_dimensions)
    return Section("training", "Training", "Training", tuple(blocks))


def _summary(history: pd.DataFrame) -> Paragraph:
    last = history.iloc[-1]
    facts = {
        name: finite(last.get(name))
        for name in ("valid_reconstruction", "valid_kl", "valid_elbo", "active_units", "beta")
    }
    text = f"After {len(history)} epochs"
    named = (("valid_reconstruction", "reconstruction"), ("valid_kl", "KL"), ("valid_elbo", "ELBO"))
    parts = [
        f"{title} {shown(facts[key], 'amount')}"  # type: ignore[arg-type]
        for key, title in named
        if facts[key] is not None
    ]
    if parts:
        text += f", on the validation split: {', '.join(parts)} {NATS}"
    ending, extra = _ending(history)
    return Paragraph(f"{text}.{ending}", (*facts.items(), *extra))


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
    else:
        text += "; the weights of that epoch were kept"
    return f"{text}.", (("best_epoch", epoch), ("last_change_of_valid_loss", last))


def _curves(history: pd.DataFrame) -> Columns:
    """A chart a term; beta and capacity only where they change."""
    charts = [
        _chart(history, "reconstruction", "Reconstruction (negative log-likelihood)", NATS),
        _chart(history, "kl", "KL to the prior", NATS),
        _chart(history, "elbo", "ELBO (evidence lower bound)", NATS),
        _line(history, "active_units", "Active dimensions", "dimensions"),
    ]
    for name, title, label in (
        ("beta", "beta", "weight of the KL"),
        ("train_capacity", "Capacity", NATS),
    ):
        if name in history and history[name].nunique() > 1:
            charts.append(_line(history, name, title, label))
    return Columns(tuple(chart for chart in charts if chart.series))


def _chart(history: pd.DataFrame, term: str, title: str, label: str) -> LineChart:
    """A term on train and valid."""
    series = tuple(
        _series(history, f"{split}_{term}", split)
        for split in ("train", "valid")
        if f"{split}_{term}" in history
    )
    return LineChart(f"history-{term}", title, "epoch", label, series)


def _line(history: pd.DataFrame, name: str, title: str, label: str) -> LineChart:
    """A column that has no splits."""
    series = (_series(history, name, title),) if name in history else ()
    anchor = f"history-{name.removeprefix('train_').replace('_', '-')}"
    return LineChart(anchor, title, "epoch", label, series)


def _series(history: pd.DataFrame, column: str, name: str) -> Series:
    epochs = tuple(float(epoch) for epoch in history["epoch"])
    return Series(name, epochs, tuple(finite(value) for value in history[column]))


def _faces(epochs: Epochs, history: pd.DataFrame, album: Album) -> Table:
    """The same validation images, above what the model made of them after some epochs."""
    known = history.set_index("epoch")
    losses = known["valid_reconstruction"] if "valid_reconstruction" in known else pd.Series()
    count = len(epochs.originals)

    def row(name: str, loss: float | None, images: np.ndarray, about: str, reason: str) -> Row:
        return Row(
            (
                Text(name),
                number(loss, form="amount", reason=reason, quiet=True),
                Tiles(album.add(images), count, about),
            )
        )

    about = f"{count} validation images as they are"
    rows = [row("Originals", None, epochs.originals, about, "nothing is lost of originals")]
    for epoch, images in zip(epochs.epochs, epochs.reconstructions, strict=True):
        about = f"the same {count} images, reconstructed after epoch {epoch}"
        loss = finite(losses.get(epoch))
        rows.append(row(f"Epoch {epoch}", loss, images, about, "not recorded"))
    columns = (
        Column("epoch", "After"),
        Column("reconstruction", "Reconstruction", f"Of the validation split, {NATS}", True),
        Column("pictures", "The same faces every time"),
    )
    caption = (
        "What the model made of the same validation images as training went on, decoded from the"
        " posterior mean"
    )
    return Table("epochs", caption, columns, tuple(rows), style="cards pairs")


def _dimensions(history: pd.DataFrame, dimensions: pd.DataFrame) -> Details | None:
    """KL of each dimension over the epochs, the dimension with most at the end first."""
    names = [name for name in map(str, history.columns) if name.startswith(KL_COLUMN)]
    values = history[names].to_numpy(float)
    if not names or not np.isfinite(values).all():
        return None
    latents = [str(name) for name in dimensions["latent"]]
    if len(latents) != len(names):
        latents = [name.removeprefix(KL_COLUMN) for name in names]
    kept = np.unique(
        np.linspace(0, len(history) - 1, min(IN_HEAT, len(history))).round().astype(int)
    )
    epochs = [int(history["epoch"].iloc[at]) for at in kept]
    most = values.max() or 1.0
    rows = []
    for at in np.argsort(-values[-1], kind="stable"):
        cells: list[Cell] = [Text(latents[at])]
        for epoch, value in zip(epochs, values[kept, at], strict=True):
            about = f"{latents[at]}, epoch {epoch}: {shown(value, 'score')} nats"
            shade = round(STEPS * float(value) / most)
            cells.append(number(value, form="short", shade=shade, about=about))
        rows.append(Row(tuple(cells)))
    columns = (
        Column("latent", "Dimension"),
        *(Column(f"epoch_{n}", str(n), f"After epoch {n}", numeric=True) for n in epochs),
    )
    caption = (
        "KL of each dimension on the training split, nats per image, after each epoch. A dimension"
        " that stays at 0 never learned anything; one that falls back to 0 was given up"
    )
    table = Table("kl-over-epochs", caption, columns, tuple(rows), style="heat")
    return Details("kl-history", "KL of each dimension over the epochs", (table,))
