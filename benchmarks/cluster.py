"""Parts made on a Ray cluster of two nodes on this machine, one of them killed in the middle.

    python -m benchmarks.cluster RUN [--trials N] [--parts N]

RUN is a run folder with a trained model; its images are encoded again, in parts, in a copy. After
a few parts the second node is killed with all its processes. A trial fails if a row is lost or
doubled, or differs from the latents that one process wrote. Needs Ray: the extra `ray`.
"""

import argparse
import os
import shutil
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks import measuring
from latentlab import files
from latentlab.distributed import Place
from latentlab.shards import every
from pipelines.encode import Encoding, encode_part
from pipelines.stages import open_workspace


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--parts", type=int, default=8)
    given = parser.parse_args()
    found: list[dict[str, Any]] = []
    for number in range(given.trials):
        found.append(trial(given.run, given.parts, kill_after=number % 3 + 1))
        print(found[-1], flush=True)
        result = {
            "name": "faults.cluster_node",
            "tried": len(found),
            "failed": sum(not one["same"] for one in found),
            "rows": found[0]["rows"],
            "parts": given.parts,
            "seconds": [one["seconds"] for one in found],
            "killed_after_parts": [one["killed_after"] for one in found],
            **measuring.circumstances(),
        }
        result["versions"]["ray"] = metadata.version("ray")
        files.write_json(measuring.RESULTS / "cluster.json", [result])


def trial(run: Path, parts: int, *, kill_after: int) -> dict[str, Any]:
    """Encode a copy of a run on two nodes, and kill one after so many parts.

    Returns:
        `same`: whether the joined table is the run's own; `rows`, `seconds`, `killed_after`.
    """
    import ray
    from ray.cluster_utils import Cluster

    # Nodes find the packages as this process does.
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run, copy, ignore=shutil.ignore_patterns("parts", "latents.parquet"))
        config = files.read_yaml(run / "config.yaml")
        config["data"]["folder"] = str((run / config["data"]["folder"]).resolve())
        config["encode"]["batch_size"] = 16  # so that a small run has enough parts
        files.write_yaml(copy / "config.yaml", config)
        encoding = Encoding(open_workspace(copy))
        expected = pd.concat(encoding.frames(), ignore_index=True)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        second = cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        done: list[Any] = []

        def on_done(part: Any) -> None:
            done.append(part)
            if len(done) == kill_after:
                cluster.remove_node(second, allow_graceful=False)

        began = time.monotonic()
        try:
            Place("ray", address=cluster.address).each(
                encode_part, [(copy, (), str(shard)) for shard in every(parts)], on_done
            )
        finally:
            ray.shutdown()
            cluster.shutdown()
        seconds = time.monotonic() - began
        encoding.parts.join(copy / "latents.parquet", encoding.about)
        found = pd.read_parquet(copy / "latents.parquet")
        return {
            "same": found.equals(expected) and len(done) == len(set(done)) == parts,
            "rows": len(found),
            "seconds": round(seconds, 1),
            "killed_after": kill_after,
        }


if __name__ == "__main__":
    main()
