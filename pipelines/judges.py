"""The judges of a run, made ready. Those that are trained belong to the data: once for all runs."""

from typing import TYPE_CHECKING, Any

from pipelines import console

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np

    from latentlab.artifacts import Targets
    from latentlab.interventions.looks import Encode
    from latentlab.judges import Judge
    from latentlab.judges.pixels import PixelJudge
    from pipelines.stages import Workspace


def ready_judges(
    work: "Workspace", targets: "Targets", encode: "Encode | None", probed: "Collection[str]"
) -> "list[Judge]":
    """The judges that the config names and these data and this model allow, most trusted first.

    Args:
        encode: Pictures to codes; None for a model that must be told more than a picture.
        probed: Targets with a probe vector.
    """
    from latentlab.data.part_masks import STATISTICS as PART_AREAS
    from latentlab.judges import train_parts_judge, train_pixel_judge

    wanted = work.config.intervene.judges
    judges: list[Judge] = []
    if "landmarks" in wanted and work.config.landmarks.enabled:
        judges.append(_landmarks(work, targets))
    if "pixels" in wanted:
        judges.append(trained_judge(work, targets, "pixels", train_pixel_judge))
    if "parts" in wanted and any(name in PART_AREAS for name in targets.roles):
        judges.append(trained_judge(work, targets, "parts", train_parts_judge))
    if "circular" in wanted and encode is not None:
        judges.append(_circular(work, encode, probed))
    return judges


def trained_judge(
    work: "Workspace", targets: "Targets", name: str, train: "Callable[..., PixelJudge]"
) -> "PixelJudge":
    """The judge of this name in the data folder, trained anew where the data or its settings have
    changed."""
    import numpy as np

    from latentlab import files
    from latentlab.judges.pixels import PixelJudge
    from latentlab.training import choose_device

    data, config = work.data, work.config
    epochs = config.intervene.judge_epochs
    landmarks = data.landmarks_path
    made_from = {
        "data": data.digest,
        "landmarks": files.digest(landmarks) if landmarks.is_file() else None,
        "epochs": epochs,
        "seed": config.seed,
    }
    folder = data.judge_folder(name)
    record = folder.with_suffix(".json")
    if record.is_file() and files.read_json(record) == made_from:
        return PixelJudge.load(folder)
    samples = data.samples()
    split = samples["split"].to_numpy()
    train_rows, valid_rows = (np.flatnonzero(split == which) for which in ("train", "valid"))
    device = choose_device(config.train.device)
    with console.progress(f"judge {name}", epochs * len(train_rows)) as advance:
        judge = train(
            data.images(),
            _numbers(targets, samples["image_id"].to_numpy()),
            targets.roles,
            train_rows,
            valid_rows,
            seed=config.seed,
            epochs=epochs,
            device=device,
            progress=advance,
        )
        judge.save(folder)
        files.write_json(record, made_from)
    return judge


def _landmarks(work: "Workspace", targets: "Targets") -> "Judge":
    from latentlab.judges.landmarks import PROXIES, LandmarksJudge
    from latentlab.landmarks.model_file import find_model
    from latentlab.landmarks.statistics import STATISTICS

    measured = [*STATISTICS, *(name for name in PROXIES if name in targets.roles)]
    model = find_model(work.config.landmarks.model)
    return LandmarksJudge(model, workers=work.config.landmarks.workers, targets=measured)


def _circular(work: "Workspace", encode: "Encode", probed: "Collection[str]") -> "Judge":
    """Its answers are counted in standard deviations: the length of a probe vector, and where its
    answer is 0, change nothing."""
    from latentlab.artifacts import latent_columns
    from latentlab.judges.circular import CircularJudge
    from latentlab.probes.analysis import direction_of

    names = latent_columns(work.run.latents())
    table = work.run.table("directions")
    return CircularJudge(
        encode, {target: (direction_of(table, target, names), 0.0) for target in probed}
    )


def _numbers(targets: "Targets", ids: "np.ndarray") -> "np.ndarray":
    """(images, targets), NaN where unknown."""
    import numpy as np

    values: Any = targets.values.reindex(ids)[list(targets.roles)]
    return np.asarray(values.astype("Float64").to_numpy(np.float64, na_value=np.nan))
