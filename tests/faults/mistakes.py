"""What a user can get wrong, with what must be said about it: what, where, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tests.faults.harness import RUN
from tests.faults.spoils import (
    DATA,
    Spoil,
    all_of,
    array,
    celeba,
    column,
    cut,
    edit,
    first,
    folder_of,
    gone,
    labels,
    switch_off,
    table,
    text,
    without,
)


@dataclass(frozen=True)
class Mistake:
    """One command that must be refused.

    Attributes:
        words: Of the command line.
        said: What the line must say.
        code: The exit code.
        spoil: What is done to the folder before.
        before: The stage before which the folder stands; everything is done if not given.
    """

    words: tuple[str, ...]
    said: tuple[str, ...]
    code: int = 2
    spoil: Spoil = lambda folder: None
    before: str | None = None


def _celeba(change: Spoil, *said: str) -> Mistake:
    return Mistake(PREPARE_CELEBA, said, 3, celeba(change), before="prepare")


def _config(content: str, *said: str, code: int = 2) -> Mistake:
    return Mistake(("run", "mine.yaml"), said, code, text("mine.yaml", content), before="prepare")


def _setting(setting: str, *said: str) -> Mistake:
    words = ("run", "tiny.yaml", "--set", setting)
    return Mistake(words, said, before="prepare")


def _analyze(spoil: Spoil, *said: str, code: int = 3, more: Sequence[str] = ()) -> Mistake:
    words = ("analyze", f"{RUN}/latents.parquet", "labels.csv", "--out", "out", *more)
    return Mistake(words, said, code, all_of(labels(lambda frame: frame), spoil))


PREPARE_CELEBA = ("prepare", "celeba", "--root", "celeba", "--out", "data/celeba", "--side", "28")
PICTURES = ("prepare", "image_folder", "--root", "pictures", "--out", "data/mine", "--side", "28")
ARRAYS = ("prepare", "arrays", "--root", "given.npy", "--out", "data/mine", "--side", "28")
LATENTS = f"{RUN}/latents.parquet"

MISTAKES: dict[str, Mistake] = {
    # The words of the command line
    "unknown command": Mistake(("trian",), ("'trian'", "'train'", "latentlab --help")),
    "unknown subcommand": Mistake(("config", "shw"), ("'shw'", "latentlab config --help")),
    "unknown option": Mistake(("encode", RUN, "--devise", "cpu"), ("--devise", "--device")),
    "missing argument": Mistake(("probe",), ("run", "latentlab probe --help")),
    "missing option": Mistake(("analyze", "a", "b"), ("--out", "latentlab analyze --help")),
    "one word too many": Mistake(("metrics", RUN, "x"), ("x", "latentlab metrics --help")),
    "option without its value": Mistake(("train", RUN, "--device"), ("--device", "train --help")),
    "words for a number": Mistake(("sample", RUN, "--count", "many"), ("--count", "integer")),
    "a number too small": Mistake(("sample", RUN, "--count", "0"), ("--count", "sample --help")),
    "a number too large": Mistake(("morph", RUN, "--fps", "90"), ("--fps", "50")),
    "no seeds": Mistake(("sweep", "tiny.yaml", "--seeds", "0"), ("--seeds", "1")),
    "run and target exchanged": Mistake(
        ("which", RUN, "Smiling"), ("target comes first", f"latentlab which Smiling {RUN}")
    ),
    # Configs and settings
    "a key misspelt": _config("objective: {bta: 4}", "objective.bta", "`objective.beta`?"),
    "a section misspelt": _config("trian: {epochs: 2}", "trian", "did you mean `train`?"),
    "a key of a section misspelt": _config("train: {epoch: 2}", "train.epoch", "`train.epochs`?"),
    "a model misspelt": _config("model: {name: vea}", "vea", "did you mean `vae`?"),
    "a value below its range": _config(
        "objective: {beta: -1}", "objective", "beta", "greater than or equal to 0", "config schema"
    ),
    "too many layers": _config(
        "model: {widths: [8, 8, 8, 8, 8, 8, 8]}", "side of 64", "at most 6", "data.side"
    ),
    "an unknown network": _config("model: {network: dense}", "model.network", "`dense`"),
    "no YAML": _config("train: [", "mine.yaml", "cannot be read as YAML", code=3),
    "no mapping": _config("just words", "mine.yaml", "mapping", "latentlab config show"),
    "an unknown source": _config("source: {name: celebs}", "`source`", "`celeba`?"),
    "a source without its folder": _config("source: {name: celeba}", "source.root", "--set"),
    "masks that no source gives": _config("model: {masked: true}", "model.masked", "source.cut"),
    "a sweep that is run": _config("sweep: {seeds: 2}", "mine.yaml", "latentlab sweep mine.yaml"),
    "no such config": Mistake(("run", "none.yaml"), ("none.yaml", "latentlab config show")),
    "no such config to show": Mistake(("config", "show", "none.yaml"), ("none.yaml",)),
    "a wrong config to check": Mistake(
        ("config", "validate", "mine.yaml"), ("mine.yaml", "`seed`", "-1", "config schema"),
        spoil=text("mine.yaml", "seed: -1"),
    ),
    "a setting misspelt": _setting("objective.bta=4", "objective.bta", "`objective.beta`?"),
    "a setting without a value": _setting("objective", "--set objective", "key=value"),
    "a setting that is no YAML": _setting("name=[", "name=[", "not a YAML value", "quotes"),
    "an unknown objective": _setting(
        "objective.name=vae_beta", "`objective`", "known are beta_vae"
    ),
    "an objective for discrete codes": _setting(
        "objective.name=vector_quantized", "objective.beta", "`objective.name`", "take it out"
    ),
    "a judge misspelt": _setting(
        "intervene.judges=[pixel]", "'pixel'", "'pixels'", "latentlab config schema"
    ),
    "a device of another kind": _setting("train.device=tpu", "train.device", "auto"),
    "text for a number": _setting("train.epochs=ten", "train.epochs", "'ten'", "integer"),
    "no GPU here": Mistake(
        ("train", RUN, "--device", "mps", "--fresh"), ("no mps device", "--device auto"), 3
    ),
    # Data folders and their sources
    "no such data folder": Mistake(
        ("landmarks", "data/none"), ("data/none does not exist", "latentlab prepare"), 3
    ),
    "a folder that holds no data": Mistake(
        ("data", "show", RUN), (RUN, "no data.yaml", "latentlab prepare"), 3
    ),
    "data prepared otherwise": Mistake(
        ("prepare", "faces", "--limit", "200", "--side", "28", "--out", DATA),
        (DATA, "limit", "200", "Choose another"),
    ),
    "data of another side": Mistake(
        ("prepare", "faces", "--limit", "160", "--side", "32", "--out", DATA), (DATA, "side", "32")
    ),
    "a place that is taken": Mistake(
        ("prepare", "faces", "--out", "taken"), ("taken", "Choose another --out"), 3,
        folder_of("taken", a_png=None),
    ),
    "a side out of range": Mistake(
        ("prepare", "faces", "--side", "300", "--out", "data/big"), ("side", "300", "256")
    ),
    "no image at all": Mistake(
        ("prepare", "faces", "--limit", "0", "--out", "data/none"), ("limit", "0", "greater")
    ),
    "too few images": Mistake(
        ("prepare", "faces", "--limit", "1", "--out", "data/one"), ("source.limit", "10")
    ),
    "an unknown source to prepare": Mistake(
        ("prepare", "fases", "--out", "data/x"), ("fases", "did you mean `faces`?")
    ),
    "a source that cannot be fetched": Mistake(
        ("prepare", "dsprites", "--download", "--root", ".", "--out", "data/x"), ("--root",)
    ),
    "a target that the data lack": Mistake(
        ("data", "show", DATA, "--target", "Smilling"), ("Smilling", "Smiling")
    ),
    "masks that the data lack": Mistake(
        ("data", "show", DATA, "--masks"), (DATA, "no masks", "--masks")
    ),
    "no CelebA there": Mistake(
        ("prepare", "celeba", "--root", "nowhere", "--out", "data/x"), ("nowhere", "--root"), 3
    ),
    "no label file": _celeba(
        gone("list_attr_celeba.txt"), "list_attr_celeba.txt", "--labels"
    ),
    "no pictures": _celeba(gone("img_align_celeba"), "img_align_celeba", "--root"),
    "a truncated picture": _celeba(
        cut("img_align_celeba/000007.jpg", 2000), "000007.jpg", "--on-bad skip"
    ),
    "a web page for a picture": _celeba(
        text("img_align_celeba/000003.jpg", "<html>quota</html>"), "000003.jpg", "web page"
    ),
    "labels cut off": _celeba(
        cut("list_attr_celeba.txt", 120), "list_attr_celeba.txt", "12", "7 rows", "fetch it again"
    ),
    "a web page for labels": _celeba(
        text("list_attr_celeba.txt", "<!doctype html><p>quota"), "web page", "Fetch it again"
    ),
    "labels of another alphabet": _celeba(
        lambda root: (root / "list_attr_celeba.txt").write_bytes(b"1\nSmiling\n\xff\xfe 1\n"),
        "list_attr_celeba.txt", "not UTF-8", "Save it as UTF-8",
    ),
    "an empty folder of pictures": Mistake(
        PICTURES, ("pictures", "no picture in it", "--root"), 3, folder_of("pictures")
    ),
    "an array for a folder": Mistake(
        (*PICTURES[:3], "given.npy", *PICTURES[4:]), ("given.npy", "latentlab prepare arrays"), 3,
        array("given.npy", np.zeros((4, 30, 30), np.uint8)),
    ),
    "an array of other numbers": Mistake(
        ARRAYS, ("given.npy", "int64", "uint8", "Convert"), 3,
        array("given.npy", np.zeros((40, 30, 30), np.int64)),
    ),
    "an array of another shape": Mistake(
        ARRAYS, ("given.npy", "(40,)", "(images, height, width)", "Reshape"), 3,
        array("given.npy", np.zeros(40, np.uint8)),
    ),
    "no array": Mistake(
        ARRAYS, ("given.npy", "numpy.save"), 3, text("given.npy", "this is text")
    ),
    "a split that is not published": Mistake(
        (*PICTURES, "--split", "published"), ("published", "--split random"), 3,
        folder_of("pictures", a_png=None, b_png=None, c_png=None),
    ),
    "a landmark model that is not there": Mistake(
        ("landmarks", DATA, "--model", "none.task"), ("none.task", "Give the path"), 3
    ),
    "a landmark model that is something else": Mistake(
        ("landmarks", DATA, "--model", "none.task"), ("none.task", "SHA-256", "Remove it"), 3,
        text("none.task", "something else"),
    ),
    # Runs that have not come so far
    "no such run": Mistake(
        ("report", "runs/none"), ("runs/none does not exist", "latentlab run"), 3
    ),
    "a data folder for a run": Mistake(
        ("probe", DATA), (DATA, "not a run folder", "latentlab run"), 3
    ),
    "data that were removed": Mistake(
        ("encode", RUN), (DATA, "does not exist", "latentlab prepare"), 3, gone(DATA)
    ),
    "a run without a model, encoded": Mistake(
        ("encode", RUN), ("no trained model", f"latentlab train {RUN}"), 3, gone(f"{RUN}/model")
    ),
    "a run without a model, sampled": Mistake(
        ("sample", RUN), ("no trained model", f"latentlab train {RUN}"), 3, gone(f"{RUN}/model")
    ),
    "a run without a model, reconstructed": Mistake(
        ("reconstruct", RUN), ("no trained model", f"latentlab train {RUN}"), 3,
        gone(f"{RUN}/model"),
    ),
    "a run without latents, probed": Mistake(
        ("probe", RUN), ("latents.parquet", f"latentlab encode {RUN}"), 3, before="encode"
    ),
    "a run without latents, traversed": Mistake(
        ("traverse", RUN), ("latents.parquet", f"latentlab encode {RUN}"), 3, before="encode"
    ),
    "a run without latents, drawn": Mistake(
        ("codes", RUN), ("latents.parquet", f"latentlab encode {RUN}"), 3, before="encode"
    ),
    "a run that is not probed, asked": Mistake(
        ("which", "Smiling", RUN), ("probes.parquet", f"latentlab probe {RUN}"), 3, before="probe"
    ),
    "a run that is not probed, moved": Mistake(
        ("intervene", RUN), (f"latentlab probe {RUN}",), 3, before="probe"
    ),
    "a run without verdicts, reported": Mistake(
        ("report", RUN), ("verdicts.parquet", f"latentlab intervene {RUN}"), 3, before="intervene"
    ),
    "a run without metrics, reported": Mistake(
        ("report", RUN), ("metrics.parquet", f"latentlab metrics {RUN}"), 3, before="metrics"
    ),
    "a run without likelihoods": Mistake(
        ("anomalies", RUN), ("log_likelihood", "--likelihood-samples"), 3
    ),
    "nothing to resume": Mistake(
        ("train", RUN, "--resume"), ("no state to resume from", "without --resume"), 3,
        all_of(gone(f"{RUN}/checkpoints"), gone(f"{RUN}/provenance.json")),
    ),
    "states of other settings": Mistake(
        ("train", RUN, "--config", "tiny.yaml", "--set", "objective.beta=7", "--resume"),
        ("states of other settings", "Take back the change"), 3,
    ),
    "interventions that are switched off": Mistake(
        ("intervene", RUN), ("intervene.enabled=false", "--set intervene.enabled=true"),
        spoil=lambda folder: switch_off(folder / RUN / "config.yaml"),
    ),
    "a run that would take a place": Mistake(
        ("run", "tiny.yaml", "--run", DATA), (DATA, "not a run folder", "Choose another --run")
    ),
    "files changed by hand": Mistake(
        ("probe", RUN), ("data.yaml", "changed by hand", "take out"), 3,
        lambda folder: edit(folder / DATA / "data.yaml", "side: 28", "side: 64"),
    ),
    # What a run is asked for
    "a target misspelt": Mistake(
        ("which", "Smilling", RUN), ("Smilling", "Did you mean Smiling?")
    ),
    "a target that is nowhere": Mistake(
        ("which", "Zzz", RUN), ("Zzz", "Known are", "Smiling")
    ),
    "a direction that is not there": Mistake(
        ("traverse", RUN, "--target", "Smilling"), ("Smilling", "no direction", "Train longer"), 3
    ),
    "a dimension that is not there": Mistake(
        ("traverse", RUN, "--dimension", "9"), ("--dimension 9", "Choose one of 0 to 3")
    ),
    "a dimension and a target": Mistake(
        ("traverse", RUN, "--dimension", "1", "--target", "Smiling"), ("--dimension", "Give one")
    ),
    "an image and a draw": Mistake(
        ("traverse", RUN, "--image", "a", "--prior", "1"), ("--image", "--prior", "Give one")
    ),
    "an unknown unit": Mistake(
        ("traverse", RUN, "--unit", "mm"), ("--unit mm", "Take sd or latent")
    ),
    "an image that is not there": Mistake(
        ("reconstruct", RUN, "--image", "me.jpg"), ("me.jpg", "look like", "--image")
    ),
    "a code that is not there": Mistake(
        ("morph", RUN, "me.jpg", "you.jpg"), ("me.jpg", "such as face_")
    ),
    "one end of a way": Mistake(("morph", RUN, "me.jpg"), ("1 image", "2", "Name 2")),
    "a grid beside": Mistake(
        ("morph", RUN, "--grid", "--beside", RUN), ("--grid", "--beside", "Give one")
    ),
    "an unknown kind of picture": Mistake(
        ("sample", RUN, "--out", "sample.bmp"), ("sample.bmp", "Let its name end in", ".png")
    ),
    "a condition without conditions": Mistake(
        ("sample", RUN, "--condition", "Male=yes"), ("--condition Male=yes", "Leave it out")
    ),
    "an unknown posterior": Mistake(
        ("reconstruct", RUN, "--posterior", "mode"), ("--posterior mode", "Take mean or sample")
    ),
    "an unknown split": Mistake(
        ("codes", RUN, "--split", "tests"), ("--split tests", "Take train, valid, test")
    ),
    "a colour that is not there": Mistake(
        ("codes", RUN, "--color-by", "Smilling"), ("Smilling", "did you mean `Smiling`?")
    ),
    "an unknown feature": Mistake(
        ("encode", RUN, "--features", "histogram"), ("histogram", "encode.features=mean")
    ),
    "a part that is none": Mistake(
        ("encode", RUN, "--shard", "9/8"), ("--shard 9/8", "1/8")
    ),
    "parts that are not there": Mistake(
        ("encode", RUN, "--join"), ("holds no part", "--shard"), 3
    ),
    "a part and all at once": Mistake(
        ("encode", RUN, "--shard", "1/2", "--join"), ("--shard", "--join", "Give one")
    ),
    "an unknown engine": Mistake(
        ("encode", RUN, "--engine", "slurm"), ("--engine slurm", "processes")
    ),
    "an address without Ray": Mistake(
        ("encode", RUN, "--address", "here:6379"), ("--address", "--engine ray")
    ),
    # Several runs
    "one run to compare": Mistake(
        ("compare", RUN), ("Two finished runs", "only tiny", "Name another"), 3
    ),
    "a run named twice": Mistake(
        ("compare", RUN, RUN), ("named more than once", "Name every run once")
    ),
    "no runs to show": Mistake(
        ("gallery", "data"), ("data holds no run", "latentlab demo"), 3
    ),
    "no folder to show": Mistake(
        ("gallery", "none"), ("none does not exist", "Give a folder"), 3
    ),
    "one run to show": Mistake(("gallery", RUN), (RUN, "one run", "Give the folder")),
    "no sweep": Mistake(
        ("sweep", "status", "runs/none"), ("runs/none", "latentlab sweep CONFIG"), 3
    ),
    "a sweep over nothing": Mistake(
        ("sweep", "tiny.yaml", "--set", "objective.beta="), ("objective.beta", "objective.beta=1,4")
    ),
    "a sweep over seeds": Mistake(
        ("sweep", "tiny.yaml", "--set", "seed=1,2", "--dry-run"), ("seed", "--seeds")
    ),
    "a sweep in a run's place": Mistake(
        ("sweep", "tiny.yaml", "--out", RUN), (RUN, "not a sweep folder", "--out")
    ),
    "a variant that is not there": Mistake(
        ("sweep", "tiny.yaml", "--variant", "x"), ("--variant", "`x`", "leave it out")
    ),
    # Tables of others
    "no such latents": Mistake(
        ("analyze", "none.parquet", "labels.csv", "--out", "out"), ("none.parquet", "Give"), 3
    ),
    "no such labels": _analyze(gone("labels.csv"), "labels.csv", "Give"),
    "latents that are no table": _analyze(
        text(LATENTS, "no table"), "latents.parquet", "not parquet", "Make it again"
    ),
    "latents without ids": _analyze(
        table(LATENTS, without("image_id")), "no column image_id", "It needs image_id"
    ),
    "latents that list an image twice": _analyze(
        table(LATENTS, lambda frame: pd.concat([frame, frame.head(1)])),
        "image_id", "more than once", "Keep one",
    ),
    "a latent that is missing": _analyze(
        table(LATENTS, first("mu_001", np.nan)), "mu_001", "missing", "first at image_id",
    ),
    "a latent that is infinite": _analyze(
        table(LATENTS, first("mu_001", np.inf)), "mu_001", "infinite", "first at image_id",
    ),
    "a latent that is text": _analyze(
        table(LATENTS, column("mu_001", "high")), "mu_001", "not numeric", "Give"
    ),
    "a split of another name": _analyze(
        table(LATENTS, column("split", "dev")), "dev", "train, valid, test", "Rename"
    ),
    "labels of other images": _analyze(
        labels(lambda frame: frame.assign(image_id="other_" + frame["image_id"])),
        "labels.csv", "other_", "Name the column of file names",
    ),
    "labels without a label": _analyze(
        labels(without("Smiling")), "labels.csv", "no column of labels", "Add"
    ),
    "labels of three values": _analyze(
        labels(lambda frame: frame.assign(Smiling=np.arange(len(frame)) % 3 - 1)),
        "Smiling", "-1, 0 and 1", "leave those cells empty",
    ),
    "a factor that is not there": _analyze(
        lambda folder: None, "--factor Smilling", "did you mean `Smiling`?",
        code=2, more=("--factor", "Smilling"),
    ),
    "a run as the place of an analysis": Mistake(
        ("analyze", LATENTS, "labels.csv", "--out", RUN), (RUN, "Choose another --out")
    ),
}  # fmt: skip
