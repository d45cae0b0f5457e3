"""Every command of `latentlab --help`, said of paths that are given: in odd places, on disks that
cannot be written to, and with little memory."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from latentlab import files
from tests.faults.harness import SETTINGS
from tests.faults.jobs import SWEEP_SETTINGS

# Commands that write nothing.
READERS = {
    "which", "status", "doctor", "sweep status", "config show", "config validate", "config schema",
}  # fmt: skip
SHORT = ("train.epochs=1", "intervene.enabled=false", "metrics.images=0")


@dataclass(frozen=True)
class Where:
    """What commands are given.

    Attributes:
        config, sweep_config, labels: Files.
        data, faces: Data folders; the second is made by `prepare` for `landmarks`.
        runs: Holds `run` and `other`.
        other: Another run of the same data, made by `run`.
        out: A folder for all else.
    """

    config: Path
    sweep_config: Path
    labels: Path
    data: Path
    faces: Path
    runs: Path
    run: Path
    other: Path
    out: Path

    def settle(self) -> None:
        """Write the two configs."""
        data = {"data": {**SETTINGS["data"], "folder": str(self.data)}}
        files.write_yaml(self.config, SETTINGS | data)
        files.write_yaml(self.sweep_config, SWEEP_SETTINGS | data)

    def write_labels(self) -> None:
        """The attributes of the data, as anybody has them."""
        samples = pd.read_parquet(self.data / "samples.parquet")
        kept = samples[["image_id", *samples.select_dtypes("boolean")]]
        kept.to_csv(self.labels, index=False)


Said = tuple[str, tuple[str | Path, ...]]  # a command's name, and its words
DOCTOR: Said = ("doctor", ("doctor",))  # which has to say something of a small disk


def stages(at: Where) -> list[Said]:
    """The way from nothing to a report."""
    return [
        ("prepare", ("prepare", "faces", "--limit", "160", "--side", "28", "--out", at.data)),
        ("train", ("train", at.run, "--config", at.config)),
        *((stage, (stage, at.run)) for stage in ("encode", "probe", "intervene", "metrics")),
        ("report", ("report", at.run)),
    ]


def others(at: Where) -> list[Said]:
    """All other commands, once there is a finished run."""
    out = at.out
    sets = [word for text in _demo_settings(at) for word in ("--set", text)]
    short = [word for text in SHORT for word in ("--set", text)]
    sweep = ("sweep", at.sweep_config, "--seeds", "1", "--workers", "1", "--out", out / "sweep")
    return [
        ("prepare", ("prepare", "faces", "--limit", "40", "--side", "28", "--out", at.faces)),
        ("landmarks", ("landmarks", at.faces, "--workers", "1")),
        ("demo", ("demo", "--run", out / "demo", *sets, *short)),
        ("run", ("run", at.config, "--run", at.other, "--set", "seed=1", *short)),
        ("analyze", (
            "analyze", at.run / "latents.parquet", at.labels, "--resamples", "100",
            "--out", out / "analysis",
        )),
        ("compare", ("compare", at.run, at.other, "--out", out / "comparison")),
        ("gallery", ("gallery", at.runs)),
        ("which", ("which", "Smiling", at.run)),
        ("traverse", ("traverse", at.run, "--dimension", "0", "--out", out / "traverse.webp")),
        ("morph", ("morph", at.run, "--seconds", "0.2", "--out", out / "morph.gif")),
        ("codes", ("codes", at.run, at.other, "--out", out / "codes.png")),
        ("sample", ("sample", at.run, "--out", out / "sample.png")),
        ("reconstruct", ("reconstruct", at.run, "--out", out / "reconstruct.png")),
        ("encode", ("encode", at.other, "--likelihood-samples", "2")),
        ("anomalies", ("anomalies", at.other, "--out", out / "anomalies.png")),
        ("status", ("status", at.run)),
        DOCTOR,
        ("sweep start", sweep),
        ("sweep status", ("sweep", "status", out / "sweep")),
        ("data show", ("data", "show", at.data, "--out", out / "sheet.png")),
        ("config show", ("config", "show", at.config)),
        ("config validate", ("config", "validate", at.config)),
        ("config schema", ("config", "schema")),
    ]  # fmt: skip


def _demo_settings(at: Where) -> list[str]:
    """The settings of the tiny run as `--set` takes them. A path is quoted as YAML has it, since in
    YAML ` #` begins a comment, and `: ` a mapping."""
    folder = json.dumps(str(at.data), ensure_ascii=False)
    return [
        f"data.folder={folder}", "data.side=28", "source.limit=160", "landmarks.enabled=false",
        "model.latents=4", "model.widths=[4, 4]", "train.batch_size=16", "train.device=cpu",
        "probe.resamples=100", "probe.min_positives=8", "probe.nonlinear=false",
        "metrics.dci=lasso",
    ]  # fmt: skip
