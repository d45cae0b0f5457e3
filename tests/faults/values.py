"""Bad values: what comes of them is a one-line error, or null with a reason, never a number."""

import hashlib
import html
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from latentlab import files, parquet
from latentlab.artifacts import DataFolder, RunFolder
from latentlab.landmarks.statistics import STATISTICS
from tests.faults import bad_tables
from tests.faults.bad_tables import Bad, spoiled
from tests.faults.harness import RUN, Count, Ended, Warm, World

DATA, OTHER = "data/tiny", "runs/other"
LABELS = ("Smiling", "Bangs", "smile", "yaw")  # of the images, for `analyze`
# Words by which what is no number shows in a page.
NO_NUMBER = re.compile(
    r"(?<![\w.\-/])(nan|NaN|NAN|[+-]?inf|Infinity|undefined(?! on)|None(?! of)|NaT|<NA>)(?!\w)"
)
# Columns that must not be null without a word in `reason`.
MEASURED = ("value", "slope", "selectivity")

OF_LATENTS = (
    bad_tables.number, bad_tables.number, bad_tables.constant, bad_tables.ids, bad_tables.rows,
    bad_tables.splits, bad_tables.many_latents, bad_tables.absent,
)  # fmt: skip
OF_LABELS = (
    bad_tables.number, bad_tables.label, bad_tables.names, bad_tables.ids, bad_tables.rows,
    bad_tables.mixed,
)  # fmt: skip
OF_SAMPLES = (
    bad_tables.number, bad_tables.label, bad_tables.ids, bad_tables.rows, bad_tables.splits,
    bad_tables.constant, bad_tables.names,
)  # fmt: skip
OF_LANDMARKS = (bad_tables.number, bad_tables.constant, bad_tables.ids, bad_tables.rows)
OF_TABLES = (
    bad_tables.number,
    bad_tables.number,
    bad_tables.text,
    bad_tables.rows,
    bad_tables.absent,
)


def analyzed(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """`analyze` of bad latents, and of bad labels, n tables in all."""
    count = Count()
    latents = RunFolder(world.after / RUN).latents()
    samples = DataFolder(world.after / DATA).samples()
    labels = samples[["image_id", *LABELS]]
    folder = place / "tried"
    words = ("analyze", "latents.parquet", "labels.parquet", "--out", "out", "--resamples", "100")
    for number, chance in _chances(n, seed):
        shutil.rmtree(folder, ignore_errors=True)
        bad_labels = bool(number % 2)
        bad = (
            spoiled(labels, chance, OF_LABELS)
            if bad_labels
            else spoiled(latents, chance, OF_LATENTS)
        )
        parquet.write_table(folder / "latents.parquet", latents if bad_labels else bad.table)
        parquet.write_table(folder / "labels.parquet", bad.table if bad_labels else labels)
        with count.one():
            done = warm((*words, "--min-positives", "8"), folder, logs=place)
            mute = bad.mute & set(LABELS)
            _judge(done, RunFolder(folder / "out"), {}, bad, mute, count)
    return count


def examined(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every stage and command that reads the tables of a run, on a bad table."""
    count = Count()
    for number, chance in _chances(n, seed):
        folder = _two_runs(world, place / "tried")
        name, commands = list(READERS.items())[number % len(READERS)]
        path = folder / (_some_table(folder, chance) if name == "tables" else name)
        bad = spoiled(parquet.read_table(path), chance, CHANGES[name])
        _put(path, bad.table)
        words = commands[int(chance.integers(len(commands)))]
        run = RunFolder(folder / RUN)
        before = _digests(run)
        with count.one():
            done = warm(words, folder, logs=place)
            _judge(done, run, before, bad, frozenset(), count, f"{path.name}, {words[0]}: ")
            for other in (folder / "comparison", folder / "runs"):
                _judge_pages(other, bad, count, f"{path.name}, {words[0]}: ")
    return count


READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    f"{RUN}/latents.parquet": (
        ("probe", RUN), ("intervene", RUN), ("metrics", RUN), ("report", RUN), ("codes", RUN),
        ("compare", RUN, OTHER), ("morph", RUN), ("traverse", RUN),
    ),
    f"{DATA}/samples.parquet": (
        ("train", RUN), ("encode", RUN), ("probe", RUN), ("intervene", RUN), ("metrics", RUN),
        ("report", RUN), ("data", "show", DATA),
    ),
    f"{DATA}/landmarks.parquet": (
        ("probe", RUN), ("intervene", RUN), ("metrics", RUN), ("report", RUN),
    ),
    f"{RUN}/history.parquet": (("report", RUN), ("compare", RUN, OTHER), ("status", RUN)),
    "tables": (
        ("report", RUN), ("report", RUN), ("which", "Smiling", RUN), ("compare", RUN, OTHER),
        ("gallery", "runs"),
    ),
}  # fmt: skip
CHANGES = {
    f"{RUN}/latents.parquet": OF_LATENTS,
    f"{DATA}/samples.parquet": OF_SAMPLES,
    f"{DATA}/landmarks.parquet": OF_LANDMARKS,
    f"{RUN}/history.parquet": OF_TABLES,
    "tables": OF_TABLES,
}


def no_face(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """No face in any image: every statistic is null with a reason, in every stage; whatever n."""
    count = Count()
    folder = _two_runs(world, place / "tried")
    path = folder / DATA / "landmarks.parquet"
    table = parquet.read_table(path)
    nothing = table.assign(detected=False, **dict.fromkeys(STATISTICS, np.nan))
    parquet.write_table(path, nothing)
    bad = Bad(nothing, "no face found", frozenset(STATISTICS))
    run = RunFolder(folder / RUN)
    for stage in ("probe", "intervene", "metrics", "report"):
        with count.one():
            before = _digests(run)
            done = warm((stage, RUN), folder, logs=place)
            count.expect(done.code == 0, f"{stage}: exit {done.code}: {done.said}")
            mute = bad.mute if stage == "probe" else frozenset()
            _judge(done, run, before, bad, mute, count, f"{stage}: ")
    return count


def trained(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Training on the first n of odd images and settings."""
    count = Count()
    for name, (change, settings) in list(TRAININGS.items())[:n]:
        folder = world.copy(world.before["train"], place / "tried")
        if change is not None:
            _repaint(folder / DATA, change)
        words = ["train", RUN, "--config", "tiny.yaml"]
        for setting in settings:
            words += ["--set", setting]
        run = RunFolder(folder / RUN)
        with count.one():
            done = warm(words, folder, logs=place)
            bad = Bad(pd.DataFrame(), name)
            _judge(done, run, {}, bad, frozenset(), count)
            if done.code == 0:
                history = run.history()
                finite = np.isfinite(history.select_dtypes("number").to_numpy()).all()
                count.expect(bool(finite), f"{name}: the history holds what is no number")
    return count


TRAININGS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "a learning rate that diverges": (None, ("train.learning_rate=1e6",)),
    "black images": (lambda images: images * 0, ()),
    "white images": (lambda images: images * 0 + 255, ()),
    "one image, over and over": (lambda images: images[:1].repeat(len(images), axis=0), ()),
    "noise": (lambda images: np.random.default_rng(0).integers(0, 256, images.shape, np.uint8), ()),
    "an enormous beta": (None, ("objective.beta=1e30",)),
    "no beta": (None, ("objective.beta=0",)),
    "ten times more latents than images": (None, ("model.latents=1600", "train.epochs=1")),
    "one latent": (None, ("model.latents=1",)),
    "batches of one": (None, ("train.batch_size=1", "train.epochs=1")),
    "a batch larger than the data": (None, ("train.batch_size=4096",)),
    "a clip of nothing": (None, ("train.clip=1e-300",)),
}


def _chances(n: int, seed: int) -> Iterator[tuple[int, np.random.Generator]]:
    for number in range(n):
        yield number, np.random.default_rng((seed, number))


def _two_runs(world: World, place: Path) -> Path:
    """A copy of the world with face statistics, and with a second run that passes for another
    seed."""
    folder = world.copy(world.after, place)
    data = DataFolder(folder / DATA)
    samples = data.samples()
    chance = np.random.default_rng(0)
    measured = {name: samples["smile"] + chance.normal(size=len(samples)) for name in STATISTICS}
    faces = {"image_id": samples["image_id"], "detected": True, **measured, "detector": "drawn"}
    data.write_landmarks(pd.DataFrame(faces))
    shutil.copytree(folder / RUN, folder / OTHER)
    config = folder / OTHER / "config.yaml"
    config.write_text(config.read_text().replace("\nseed: 0", "\nseed: 1"))
    return folder


def _some_table(folder: Path, chance: np.random.Generator) -> str:
    found = sorted((folder / RUN / "tables").glob("*.parquet"))
    return found[int(chance.integers(len(found)))].relative_to(folder).as_posix()


def _put(path: Path, table: pd.DataFrame) -> None:
    """Write it as latentlab does, so that no digest refuses it."""
    parquet.write_table(path, table)
    if path.name == "samples.parquet":
        _describe(path.parent, {"samples": files.digest(path)})


def _repaint(data: Path, change: Any) -> None:
    path = data / "images.npy"
    values = change(np.load(path))
    np.save(path, values)
    _describe(data, {"images": hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()})


def _describe(data: Path, digests: dict[str, str]) -> None:
    """Take changed digests into data.yaml."""
    about = DataFolder(data).description
    about["digests"] |= digests
    files.write_yaml(data / "data.yaml", about, with_digest=True)


def _digests(run: RunFolder) -> dict[str, str]:
    return {path.as_posix(): files.digest(path) for path in run.path.rglob("*") if path.is_file()}


def _judge(
    done: Ended,
    run: RunFolder,
    before: dict[str, str],
    bad: Bad,
    mute: frozenset[str] | set[str],
    count: Count,
    where: str = "",
) -> None:
    """One line and exit 2 or 3; or all that is new in the run folder says null where it must.

    Args:
        before: Digests of what stood there already.
        mute: Targets about which nothing may be said.
    """
    what = f"{where}{bad.what}"
    if done.code != 0:
        told = done.code in (2, 3) and done.told
        count.expect(told, f"{what}: exit {done.code}: {done.said[-700:]}")
        return
    for path in sorted((run.path / "tables").glob("*.parquet")):
        if before.get(path.as_posix()) != files.digest(path):
            for problem in unreasoned(path.stem, parquet.read_table(path), mute):
                count.expect(False, f"{what}: {problem}")
    _judge_pages(run.path, bad, count, where)
    spoken = NO_NUMBER.findall(done.said)
    count.expect(not spoken or bad.hostile, f"{what}: the terminal says {spoken[:3]}")


def unreasoned(name: str, table: pd.DataFrame, mute: frozenset[str] | set[str]) -> list[str]:
    """Numbers of a table that are infinite, null without a reason, or about nothing."""
    found = []
    numbers = table.select_dtypes("number")
    infinite = [one for one in numbers if np.isinf(numbers[one].to_numpy(np.float64)).any()]
    if infinite:
        found.append(f"{name} holds an infinite {infinite[0]}")
    if "reason" in table:
        silent = table["reason"].isna() | (table["reason"] == "")
        for column in [one for one in MEASURED if one in table]:
            rows = table[table[column].isna() & silent]
            if len(rows):
                found.append(f"{name} has no {column} and no reason: {rows.iloc[0].to_dict()}")
    if name == "probes" and mute:
        rows = table[table["target"].isin(mute) & table["value"].notna()]
        if len(rows):
            found.append(f"{name} has a value for {rows.iloc[0].to_dict()}")
    return found


def _judge_pages(folder: Path, bad: Bad, count: Count, where: str) -> None:
    for path in [*folder.glob("*.html"), *folder.glob("claims.json")]:
        content = path.read_text(encoding="utf-8")
        found = no_numbers(content) if path.suffix == ".html" else _in_claims(content)
        # Hostile texts may be the very words; that they stay text is tested in tests/reports.
        if not bad.hostile:
            count.expect(not found, f"{where}{bad.what}: {path.name} says {found[:3]}")
        elif path.suffix == ".json":
            count.expect("not JSON" not in found, f"{where}{bad.what}: {path.name} is not JSON")


def no_numbers(page: str) -> list[str]:
    """Where a page shows something else in a number's place, with what stands around it."""
    without = re.sub(r"data:[\w/+;-]+;base64,[A-Za-z0-9+/=]*", "", page)
    without = re.sub(r"<script(?![^>]*json)[^>]*>.*?</script>", "", without, flags=re.DOTALL)
    without = re.sub(r"<style.*?</style>", "", without, flags=re.DOTALL)
    text = html.unescape(without)
    return [text[max(0, one.start() - 60) : one.end() + 20] for one in NO_NUMBER.finditer(text)]


def _in_claims(content: str) -> list[str]:
    """What of the claims is no strict JSON, or a text in a number's place."""

    def refuse(word: str) -> Any:
        raise ValueError(word)

    try:
        said = json.loads(content, parse_constant=refuse)
    except ValueError:
        return ["not JSON"]
    return [text for text in _texts(said) if NO_NUMBER.fullmatch(text)]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str):
        yield value
