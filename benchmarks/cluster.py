"""Parts made on a Ray cluster of two nodes on this machine, one of them killed in the middle.

    python -m benchmarks.cluster RUN [--trials N] [--parts N] [--only KIND ...]

RUN is a run folder on generated faces, with verdicts. Its images are encoded again in parts and
moved again in parts, as many are prepared, and those of its data folder measured by MediaPipe.
After a few parts the second node is killed with all its processes. A trial fails if a row is lost
or doubled, or differs from what one process makes. Writes benchmarks/results/cluster.json.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import measuring
from latentlab import config as configs
from latentlab import files
from latentlab.artifacts import DataFolder
from latentlab.data.building import Order
from latentlab.data.faces import Faces
from latentlab.data.prepared import originals, prepare
from latentlab.data.prepared_parts import join, planned
from latentlab.distributed import Place
from latentlab.landmarks.detector import measure_source
from latentlab.landmarks.model_file import find_model
from latentlab.shards import Parts, Shard, every
from pipelines.encode import Encoding, encode_part
from pipelines.intervene import TABLES, Intervening, intervene_part
from pipelines.landmark_parts import landmark_parts, measure_part
from pipelines.prepare_parts import prepare_part
from pipelines.stages import open_workspace

FIRST, SECOND = "127.0.0.2", "127.0.0.3"  # no machine but this one can be meant
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}  # bytes; the least that Ray takes


@dataclass
class TwoNodes:
    """A cluster whose second node is there when asked for, and can be killed.

    Attributes:
        address: Of the cluster.
        place: Folder of its logs and sockets.
    """

    cluster: Any
    address: str
    place: Path
    _seconds: list[Any] = field(default_factory=list)

    def with_second(self) -> None:
        """Have a second node."""
        if not self._seconds:
            self._seconds.append(self.cluster.add_node(**NODE, node_ip_address=SECOND))
            self.cluster.wait_for_nodes()

    def kill_second(self) -> None:
        """End it with all its processes, without a word."""
        while self._seconds:
            self.cluster.remove_node(self._seconds.pop(), allow_graceful=False)


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """A Ray cluster on loopback addresses, connected to, that leaves nothing behind."""
    root = str(Path(__file__).parents[1])  # nodes find the packages as this process does
    given = dict(os.environ)
    # A short path: Ray's sockets lie in it, and their names may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as place:
        os.environ |= {
            "PYTHONPATH": os.pathsep.join([root, *filter(None, sys.path)]),
            "OMP_NUM_THREADS": "1",
            "RAY_TMPDIR": place,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DISABLE_MEMORY_MONITOR": "1",
        }
        import ray
        from ray.cluster_utils import Cluster

        head = {**NODE, "node_ip_address": FIRST, "include_dashboard": False}
        cluster = None
        try:
            cluster = Cluster(initialize_head=True, head_node_args=head)
            ray.init(
                address=cluster.address,
                _node_ip_address=FIRST,
                log_to_driver=False,
                logging_level="ERROR",
            )
            yield TwoNodes(cluster, cluster.address, Path(place))
        finally:
            ray.shutdown()
            if cluster is not None:
                cluster.shutdown()
            os.environ.clear()
            os.environ.update(given)


def killed_in_the_middle(
    nodes: TwoNodes, work: Callable[[Any], Any], arguments: Sequence[Any], kill_after: int
) -> dict[str, Any]:
    """Do the work on two nodes, one of which is killed after so many parts.

    Returns:
        `once`: whether every part was told done once; `seconds`, `parts`, `killed_after`.
    """
    nodes.with_second()
    done: list[Any] = []

    def on_done(part: Any) -> None:
        done.append(part)
        if len(done) == kill_after:
            nodes.kill_second()

    began = time.monotonic()
    Place("ray", address=nodes.address).each(work, arguments, on_done)
    return {
        "once": len(done) == len(arguments) and all(done.count(one) == 1 for one in arguments),
        "seconds": round(time.monotonic() - began, 1),
        "parts": len(arguments),
        "killed_after": kill_after,
    }


def encode_trial(nodes: TwoNodes, run: Path, parts: int, kill_after: int) -> dict[str, Any]:
    """Encode a copy of a run in parts; `same` if the table is the one that one process makes."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run, copy, ignore=shutil.ignore_patterns("parts", "latents.parquet"))
        config = files.read_yaml(run / "config.yaml")
        config["data"]["folder"] = str((run / config["data"]["folder"]).resolve())
        config["encode"]["batch_size"] = 16  # so that a small run has enough parts
        files.write_yaml(copy / "config.yaml", config)
        encoding = Encoding(open_workspace(copy))
        expected = pd.concat(encoding.frames(), ignore_index=True)
        asked = [(copy, (), str(shard)) for shard in every(parts)]
        found = killed_in_the_middle(nodes, encode_part, asked, kill_after)
        encoding.parts.join(copy / "latents.parquet", encoding.about)
        made = pd.read_parquet(copy / "latents.parquet")
        return {**found, "same": found["once"] and made.equals(expected), "rows": len(made)}


def intervene_trial(nodes: TwoNodes, run: Path, parts: int, kill_after: int) -> dict[str, Any]:
    """Move the images of a copy of a run in parts; `same` if every table has the bytes of the run,
    which one process made. `rows` are moved pictures."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run, copy, ignore=shutil.ignore_patterns("parts", "checkpoints"))
        config = files.read_yaml(run / "config.yaml")
        config["data"]["folder"] = str((run / config["data"]["folder"]).resolve())
        files.write_yaml(copy / "config.yaml", config)
        intervening = Intervening(open_workspace(copy))
        tables = [f"{name}.parquet" for name in TABLES]
        for name in tables:
            (copy / "tables" / name).unlink()
        asked = [(copy, ("landmarks.workers=1",), str(shard)) for shard in every(parts)]
        found = killed_in_the_middle(nodes, intervene_part, asked, kill_after)
        made = [frame for shard in every(parts) for frame in intervening.parts.frames(shard)]
        intervening.write(made)
        content = [[(one / "tables" / name).read_bytes() for name in tables] for one in (run, copy)]
        same = content[0] == content[1]
        return {**found, "same": found["once"] and same, "rows": sum(map(len, made))}


def prepare_trial(nodes: TwoNodes, images: int, parts: int, kill_after: int) -> dict[str, Any]:
    """Prepare generated faces in parts; `same` if every file has the bytes of one pass."""
    with tempfile.TemporaryDirectory() as folder:
        source, order, place = Faces(limit=images), Order("faces", 32), Path(folder) / "data"
        expected = _content(prepare(source, "faces", place, side=32).path)
        shutil.rmtree(place)
        content = {
            "source": {"name": "faces", "limit": images},
            "data": {"folder": place, "side": 32},
        }
        settings = configs.build_data(content, (), where="trial")
        planned(source, place, order)
        asked = [(settings, str(shard)) for shard in every(parts)]
        found = killed_in_the_middle(nodes, prepare_part, asked, kill_after)
        made = join(source, place, order)
        same = _content(made.path) == expected
        return {**found, "same": found["once"] and same, "rows": len(made.samples())}


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def landmarks_trial(
    nodes: TwoNodes, data: Path, parts: int, kill_after: int, *, stand_in: bool = False
) -> dict[str, Any]:
    """Measure the originals of a data folder in parts.

    Args:
        stand_in: Measure their brightness, without MediaPipe.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        shutil.copytree(data, folder, ignore=shutil.ignore_patterns("parts", "landmarks.parquet"))
        opened = DataFolder.open(folder)
        if stand_in:
            table = brightness_parts(opened)
            expected = _brightness(opened, range(len(table.ids)))
            asked: list[Any] = [(folder, str(shard)) for shard in every(parts)]
            found = killed_in_the_middle(nodes, brightness_part, asked, kill_after)
        else:
            model = find_model(None).resolve()
            table = landmark_parts(opened, model)
            whole = measure_source(originals(opened), model=model, workers=1)
            expected = pd.concat(whole, ignore_index=True)
            asked = [(folder, model, 1, str(shard)) for shard in every(parts)]
            found = killed_in_the_middle(nodes, measure_part, asked, kill_after)
        table.join(opened.landmarks_path)
        made = pd.read_parquet(opened.landmarks_path)
        try:
            pd.testing.assert_frame_equal(made, expected, check_dtype=False)
            same = True
        except AssertionError:
            same = False
        return {**found, "same": found["once"] and same, "rows": len(made)}


def brightness_parts(data: DataFolder) -> Parts:
    """As `landmark_parts`, of what takes no time to measure."""
    return Parts(data.path / "parts" / "brightness", data.digest, data.image_ids, step=32)


def brightness_part(asked: tuple[Path, str]) -> None:
    """As `measure_part`."""
    folder, text = asked
    data, shard = DataFolder.open(folder), Shard.parse(text)
    parts = brightness_parts(data)
    parts.write(shard, [_brightness(data, parts.rows(shard))])


def _brightness(data: DataFolder, rows: range) -> pd.DataFrame:
    source = originals(data, rows)
    values = [float(source.original(row).mean()) for row in range(len(rows))]
    return pd.DataFrame({"image_id": list(source.image_ids), "brightness": values})


KINDS: dict[str, Callable[[TwoNodes, Path, int, int], dict[str, Any]]] = {
    "encode": encode_trial,
    "intervene": intervene_trial,
    "prepare": lambda nodes, run, parts, after: prepare_trial(nodes, 40 * parts, parts, after),
    "landmarks": lambda nodes, run, parts, after: landmarks_trial(
        nodes, open_workspace(run).data.path, parts, after
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--parts", type=int, default=8)
    parser.add_argument("--only", nargs="+", choices=KINDS, help="renew these, keep the others")
    given = parser.parse_args()
    path = measuring.RESULTS / "cluster.json"
    kept = {one["name"]: one for one in files.read_json(path)} if path.is_file() else {}
    with two_nodes() as nodes:
        for kind in given.only or KINDS:
            found: list[dict[str, Any]] = []
            for number in range(given.trials):
                found.append(KINDS[kind](nodes, given.run, given.parts, number % 3 + 1))
                print(kind, found[-1], flush=True)
            name = f"faults.cluster_node.{kind}"
            result = {
                "name": name,
                "tried": len(found),
                "failed": sum(not one["same"] for one in found),
                "rows": found[0]["rows"],
                "parts": given.parts,
                "seconds": [one["seconds"] for one in found],
                "killed_after_parts": [one["killed_after"] for one in found],
                **measuring.circumstances(),
            }
            result["versions"]["ray"] = metadata.version("ray")
            kept[name] = result
            files.write_json(path, list(kept.values()))


if __name__ == "__main__":
    main()
