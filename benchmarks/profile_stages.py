"""Where the time of every stage goes, and how far it is from what the machine allows.

    python -m benchmarks.profile_stages [RUN] [--pictures N]

RUN is a finished run; a small one on generated faces is made if none is given. Its stages are done
again in a copy, all in one process, so that libraries are loaded once (`benchmarks.startup` has
what that takes). `prepare` and `landmarks` are done on JPEGs of 178x218, `train` for one epoch.

Each line: `seconds`; `items`, how many of what; `cores`, processor seconds a second; `places`,
where threads were seen (`benchmarks.sampling`), with shares; and `bound`, where one figure binds:

- `encode`, `train`: products of the networks, counted, over the machine's rate of matrix products
  (of training three times those of a pass forwards). What the machine does is in the first line.
- `prepare`: decoding the same files and nothing else, on all cores.
- `landmarks`: MediaPipe alone on pictures in memory, shared by all cores.

Stages that work on tables or ask several judges have no such figure; their `cores` say whether more
of the machine could be used. Writes benchmarks/results/profile.json.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import machine, measuring, sampling, small_run
from benchmarks.pictures import CROP, SIDE, jpegs
from latentlab import files
from latentlab.checkpoints import load_model
from latentlab.data.image_folder import ImageFolder
from latentlab.data.images import decode
from latentlab.data.prepared import Originals, prepare
from latentlab.feeding import pictures_for
from latentlab.landmarks.detector import FaceDetector, measure_source
from latentlab.landmarks.model_file import find_model
from latentlab.probes.analysis import ProbeResults, probe_targets
from latentlab.rankings import rank_dimensions
from pipelines import console
from pipelines.encode import ensure_encoded
from pipelines.intervene import ensure_intervened
from pipelines.metrics import ensure_metrics
from pipelines.report import ensure_report
from pipelines.stages import Workspace, open_workspace
from pipelines.train import ensure_trained
from pipelines.verdicts import ensure_verdicts

ONE_CORE = 200  # pictures that MediaPipe is timed on alone


@dataclass(frozen=True)
class Bound:
    """What a stage cannot be faster than."""

    what: str
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--pictures", type=int, default=2000)
    given = parser.parse_args()
    console.manner.quiet = True
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run = given.run or small_run.make(place / "made", images=1500, side=SIDE)
        data = open_workspace(run).data.path.resolve()
        shutil.copytree(run, place / "run")
        work = open_workspace(place / "run", (f"data.folder={data}", "train.epochs=1"))
        able = machine.measured()
        print(able, flush=True)
        results: list[dict[str, Any]] = [{"name": "profile.machine", **machine.plain(able)}]
        for line in [*on_pictures(place, given.pictures), *on_run(work, able)]:
            bound = line["bound"]
            print(f"{line['name']}: {line['seconds']:.2f} s, {line['cores']:.1f} cores,"
                  f" {bound['share']:.0%} of {bound['what']}" if bound else line["name"],
                  line["places"], flush=True)  # fmt: skip
            results.append(line)
    about = measuring.circumstances() | {"threads": torch.get_num_threads()}
    files.write_json(measuring.RESULTS / "profile.json", [one | about for one in results])


def on_pictures(place: Path, count: int) -> Iterator[dict[str, Any]]:
    """The stages that read picture files."""
    names = [Path(name) for name in jpegs(None, count, place / "pictures")]
    cores = os.cpu_count() or 1
    source, out = ImageFolder(place / "pictures", crop=CROP), place / "prepared"
    contents = [name.read_bytes() for name in names]
    decoded: list[Any] = []

    def decode_all() -> None:
        decoded[:] = [decode(content).pixels for content in contents]

    def prepared() -> None:
        prepare(source, "image_folder", out, side=SIDE)

    decode_all()
    alone = Bound("decoding alone", timed(decode_all) / cores)
    prepared()  # what the first time loads does not count
    yield profiled("prepare", prepared, count, "pictures", alone)

    faces = min(count, ONE_CORE)
    with FaceDetector(find_model(None)) as detector:
        detector.detect(decoded[0])
        one = timed(lambda: [detector.detect(pixels) for pixels in decoded[:faces]]) / faces
    originals = Originals.of(source)

    def measured() -> None:
        for _ in measure_source(originals, model=find_model(None), workers=1, stop=faces):
            pass

    yield profiled("landmarks", measured, faces, "pictures", Bound("MediaPipe alone", one * faces))


def on_run(work: Workspace, able: machine.Machine) -> Iterator[dict[str, Any]]:
    """The stages that follow, in their order."""
    data, run = work.data, work.run
    samples, targets = data.samples(), data.targets()
    images = len(samples)
    trained, checked = (int((samples["split"] == name).sum()) for name in ("train", "valid"))
    forwards = products(work)
    rate = able.gemm * 1e9

    yield profiled(
        "train", lambda: ensure_trained(work, fresh=True), trained, "images",
        Bound("its products", (3 * trained + checked) * forwards / rate),
    )  # fmt: skip
    yield profiled(
        "encode", lambda: ensure_encoded(work, fresh=True), images, "images",
        Bound("its products", images * forwards / rate),
    )  # fmt: skip
    latents, found = run.latents(), list[ProbeResults]()

    def probed() -> None:
        found.append(probe_targets(latents, targets, seed=0))

    yield profiled("probe", probed, len(targets.roles), "targets")
    yield profiled(
        "rank", lambda: rank_dimensions(latents, targets, found[0], seed=0),
        len(targets.roles), "targets",
    )  # fmt: skip
    for name, stage in (
        ("intervene", ensure_intervened),
        ("verdicts", ensure_verdicts),
        ("metrics", ensure_metrics),
        ("report", ensure_report),
    ):
        yield profiled(name, lambda stage=stage: stage(work, fresh=True), 1, "runs")


def products(work: Workspace) -> float:
    """Operations of one image through the model and back."""
    model = load_model(work.run.model_folder).eval()
    batch = pictures_for(model, work.data).batch(torch.arange(8).numpy(), "cpu")

    def there_and_back() -> None:
        posterior = model.encode(batch.x, batch.condition)
        model.reconstruction(posterior.mu, batch, posterior.context)

    with torch.no_grad():
        return machine.operations(there_and_back) / len(batch.x)


def profiled(
    name: str, stage: Callable[[], object], items: int, unit: str, bound: Bound | None = None
) -> dict[str, Any]:
    """One line of the results."""
    with worked() as spent, sampling.sampled() as found:
        stage()
    seconds, processor = spent
    return {
        "name": f"profile.{name}",
        "seconds": seconds,
        "items": items,
        "unit": unit,
        "cores": processor / seconds,
        "places": sampling.largest(found),
        "bound": None
        if bound is None
        else {"what": bound.what, "seconds": bound.seconds, "share": bound.seconds / seconds},
    }


@contextmanager
def worked() -> Iterator[list[float]]:
    """Yield [seconds, processor seconds] of the block, which are there when it has ended."""
    spent: list[float] = []
    began, processor = time.perf_counter(), time.process_time()
    yield spent
    spent += [time.perf_counter() - began, time.process_time() - processor]


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
