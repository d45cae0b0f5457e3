"""A finished run on generated faces, made for benchmarks that need one."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

# Every stage, and none of them long.
QUICK = (
    "landmarks.enabled=false",
    "train.epochs=2",
    "train.device=cpu",
    "probe.resamples=100",
    "probe.nonlinear=false",
    "probe.controls=false",
    "intervene.anchors=10",
    "intervene.judges=[pixels]",
    "intervene.judge_epochs=1",
    "metrics.dci=lasso",
    "metrics.images=200",
)


def make(place: Path, *, images: int, side: int, settings: Sequence[str] = QUICK) -> Path:
    """Go the whole way on so many generated faces; the run folder, with its data beside it.

    Raises:
        CalledProcessError: it did not end well.
    """
    given = (
        "name=small",
        f"source.limit={images}",
        f"data.side={side}",
        f"data.folder={place / 'data'}",
        *settings,
    )
    words = [word for setting in given for word in ("--set", setting)]
    config = ROOT / "configs" / "demo.yaml"
    command = [sys.executable, "-m", "pipelines", "run", str(config), "--run", str(place / "run")]
    subprocess.run([*command, "--quiet", *words], cwd=ROOT, check=True)
    return place / "run"
