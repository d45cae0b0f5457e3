"""Cut off or with one bit changed: refused by name, and never a number."""

import random
from collections.abc import Callable
from pathlib import Path

from latentlab import checkpoints, parquet
from latentlab.artifacts import DataFolder
from latentlab.errors import DataError
from latentlab.judges.pixels import PixelJudge
from tests.faults.harness import RUN, Count, Warm, World, artefacts

# Kind -> which files of a finished world are of it, and how they are read.
KINDS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "tables": ("*.parquet", parquet.read_table),
    "prepared": ("data/tiny/images.npy", lambda path: DataFolder(path.parent).images()),
    "blocks": ("data/tiny/blocks.sha256", lambda path: DataFolder(path.parent).images()),
    "description": ("data/tiny/data.yaml", lambda path: DataFolder(path.parent).description),
    "weights": (f"{RUN}/model/*.safetensors", lambda path: checkpoints.load_model(path.parent)),
    "model": (f"{RUN}/model/config.json", lambda path: checkpoints.load_model(path.parent)),
    "judges": ("data/tiny/judges/*/*", lambda path: PixelJudge.load(path.parent)),
    "states": ("*.pt", checkpoints.read_state),
}


def cut(kind: str) -> Callable[[Warm, World, Path, int, int], Count]:
    """Every file of a kind, cut off at n places; a last line's end is nothing to lose."""
    return _damaged(
        kind, lambda content, chance: content[: chance.randrange(len(content.rstrip(b"\n")))]
    )


def flipped(kind: str) -> Callable[[Warm, World, Path, int, int], Count]:
    """Every file of a kind, with one bit changed at n places."""

    def flip(content: bytes, chance: random.Random) -> bytes:
        bit = chance.randrange(8 * len(content))
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    return _damaged(kind, flip)


def _damaged(
    kind: str, damage: Callable[[bytes, random.Random], bytes]
) -> Callable[[Warm, World, Path, int, int], Count]:
    pattern, read = KINDS[kind]

    def experiment(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
        folder = world.copy(world.after, place / "tried")
        count = Count()
        paths = [path for path in artefacts(folder) if path.relative_to(folder).match(pattern)]
        count.facts["files"] = len(paths)
        for path in paths:
            chance = random.Random(f"{path.name} {seed}")
            whole = path.read_bytes()
            for _ in range(n):
                with count.one():
                    path.write_bytes(damage(whole, chance))
                    try:
                        read(path)
                    except DataError as error:
                        named = path.name in str(error) or path.parent.name in str(error)
                        count.expect(named, f"{path.name} not named: {error}")
                    except Exception as error:
                        count.expect(False, f"{path.name}: {type(error).__name__}: {error}")
                    else:
                        count.expect(False, f"{path.name} was read")
            path.write_bytes(whole)
            read(path)  # whole again, it is read
        return count

    return experiment


def damaged_newest_state(warm: Warm, world: World, place: Path, n: int, seed: int) -> Count:
    """Training goes on from the state before a damaged newest one, with a warning, to the same
    weights."""
    count = Count()
    chance = random.Random(f"newest {seed}")
    weights = Path(RUN) / "model" / "model.safetensors"
    for _ in range(n):
        folder = world.copy(world.following("train"), place / "tried")
        with count.one():
            (folder / RUN / "provenance.json").unlink()  # so that training is taken up again
            newest = max((folder / RUN / "checkpoints").glob("state_*.pt"))
            content = bytearray(newest.read_bytes())
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            newest.write_bytes(content)
            done = warm(("train", RUN), folder)
            count.expect(done.code == 0, f"exit {done.code}: {done.said}")
            warned = "Warning" in done.said and newest.name in done.said
            count.expect(warned, f"no warning: {done.said}")
            same = (folder / weights).read_bytes() == (world.after / weights).read_bytes()
            count.expect(same, "other weights")
    return count
