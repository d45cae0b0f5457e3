"""Odd places: every command, where paths hold what programs trip over."""

import contextlib
import shutil
import unicodedata
from pathlib import Path

from tests.faults.commands import Said, Where, others, stages
from tests.faults.harness import (
    RUN,
    Count,
    Warm,
    World,
    differences,
    half_written,
    unfinished,
)
from tests.faults.room import small_disk

# Kind of path -> what the folders, the run and the data in it are called.
NAMES = {
    "blanks": "with a blank",
    "unicode, composed": unicodedata.normalize("NFC", "ünïcødé é 面"),
    "unicode, decomposed": unicodedata.normalize("NFD", "ünïcødé é 面"),
    "%": "100% %s %(x)d",
    "#": "a#b # c",
    "quotes": 'it\'s "x" `y`',
    "$": "$HOME ${x} $(y)",
    "leading dash": "-rf",
    "leading dot": ".hidden",
    "line break": "new\nline",
    "200 characters": "x" * 200,
    "emoji": "🙂👩‍🔬",
    "right to left": "שלום عربى",
    "trailing blank": " blanks at the ends ",
    "glob characters": "[a]*?{b}",
    "other signs": "a;b&c|d: ~\\e,f=g@h",
}
LINKED, READ_ONLY = "links to folders and files", "a parent that cannot be written to"
KINDS = (*NAMES, LINKED)


def odd_places(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every command in the first n kinds of place: the way from nothing to a report, which must
    come to the same tables as elsewhere, and then all the others."""
    count = Count()
    for number, kind in enumerate(KINDS[:n]):
        above = place / f"odd {number}"
        at = _linked(above, place / "elsewhere") if kind == LINKED else _named(above, NAMES[kind])
        at.settle()
        if kind == LINKED:
            _behind_links(place / "elsewhere", at.config, at.sweep_config)
        _try(warm, above, kind, stages(at), count, logs=place)
        at.write_labels()
        if kind == LINKED:
            _behind_links(place / "elsewhere", at.labels)
        different = differences(at.run / "tables", world.after / RUN / "tables")
        count.expect(not different, f"{kind}: {different} differ")
        _try(warm, above, kind, others(at), count, logs=place)
        for root in (at.data, at.faces, at.runs, at.out):
            for problem in half_written(root):
                count.expect(False, f"{kind}: {problem}")
        shutil.rmtree(above)
    count.facts["kinds of path"] = min(n, len(KINDS))
    return count


def read_only_parent(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Every command but `prepare`, on a run and data folders beside which nothing can be made;
    whatever `n` is. A data folder takes its name when it is whole, so it must be made beside it."""
    count = Count()
    home = place / "home"
    at = _named(home, "here")
    with contextlib.ExitStack() as mounted:
        outer = mounted.enter_context(small_disk(home))
        inner = [at.data, at.faces, at.run, at.other, at.out]
        for path in inner:
            path.mkdir(parents=True)
        at.settle()
        for path in inner:
            mounted.enter_context(small_disk(path))
        shutil.copytree(world.after / "data" / "tiny", at.data, dirs_exist_ok=True)
        at.write_labels()
        # Not gallery, which writes beside the runs.
        all_of_them = [
            one for one in (*stages(at), *others(at)) if one[0] not in ("gallery", "doctor")
        ]
        outer.forbid_writing()
        for name, words in all_of_them:
            if name == "prepare" and at.faces in words:
                done = warm(words, home, logs=place)
                with count.one():
                    count.expect(done.code == 3 and done.told, f"{name}: {done.code} {done.said}")
                elsewhere = tuple(place / "faces" if word == at.faces else word for word in words)
                assert warm(elsewhere, home, logs=place).code == 0
                shutil.copytree(place / "faces", at.faces, dirs_exist_ok=True)
            else:
                _try(warm, home, READ_ONLY, [(name, words)], count, logs=place)
    return count


def _named(above: Path, name: str) -> Where:
    """Everything below folders of this name, and called so."""
    home = above / name
    runs = home / "runs"
    return Where(
        config=home / f"{name}.yaml",
        sweep_config=home / "sweep.yaml",
        labels=home / f"{name}.csv",
        data=home / "data" / name,
        faces=home / "faces" / name,
        runs=runs,
        run=runs / name,
        other=runs / "other",
        out=home / "out",
    )


def _linked(above: Path, elsewhere: Path) -> Where:
    """Folders behind links: those that things are made in, and that of the run itself."""
    at = _named(above, "linked")
    for folder in ("data", "runs", "out", "run", "faces"):
        (elsewhere / folder).mkdir(parents=True)
    at.run.parent.parent.mkdir(parents=True)
    for folder, link in (
        ("data", at.data.parent), ("faces", at.faces.parent), ("runs", at.runs), ("out", at.out),
        ("run", at.run),
    ):  # fmt: skip
        link.symlink_to(elsewhere / folder, target_is_directory=True)
    return at


def _behind_links(elsewhere: Path, *paths: Path) -> None:
    """Move files away and leave links to them."""
    for path in paths:
        path.rename(elsewhere / path.name)
        path.symlink_to(elsewhere / path.name)


def _try(
    warm: Warm, folder: Path, kind: str, said: list[Said], count: Count, *, logs: Path
) -> None:
    for name, words in said:
        with count.one():
            done = warm(words, folder, logs=logs)
            how = f"{kind}, {name}"
            count.expect(done.code == 0, f"{how}: exit {done.code}: {done.said[-600:]}")
            count.expect(not unfinished(folder), f"{how}: left {unfinished(folder)}")
