"""The judges of a run, made ready. Those that are trained belong to the data: once for all runs."""

from typing import TYPE_CHECKING, Any

from pipelines import console

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import numpy as np
    import torch

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
    """The judge of this name, trained once for all runs with these data and these settings.

    It has a seed of its own and a folder of its own for every way to train it, so that runs of
    several seeds are measured with one instrument; who needs it while another process trains it
    waits for that one.
    """
    from latentlab import files
    from latentlab.judges.pixels import PixelJudge
    from latentlab.training import choose_device

    data, config = work.data, work.config
    landmarks = data.landmarks_path
    made_from = {
        "data": data.digest,
        "landmarks": files.digest(landmarks) if landmarks.is_file() else None,
        "epochs": config.intervene.judge_epochs,
        "seed": config.intervene.judge_seed,
    }
    folder = data.judge_folder(f"{name}-{files.digest_of(made_from)[:12]}")
    device = choose_device(config.train.device)
    if not folder.is_dir():
        with files.taking_turns(
            folder.with_suffix(".lock"),
            lambda: console.say(f"judge {name}: waiting for the process that trains it"),
        ):
            if not folder.is_dir():  # nor has the other process made it
                _trained(work, targets, name, train, device).save(folder)
    return PixelJudge.load(folder).to(device)


def _trained(
    work: "Workspace",
    targets: "Targets",
    name: str,
    train: "Callable[..., PixelJudge]",
    device: "torch.device",
) -> "PixelJudge":
    import numpy as np

    data, settings = work.data, work.config.intervene
    samples = data.samples()
    split = samples["split"].to_numpy()
    train_rows, valid_rows = (np.flatnonzero(split == which) for which in ("train", "valid"))
    with console.progress(f"judge {name}", settings.judge_epochs * len(train_rows)) as advance:
        return train(
            data.images(),
            _numbers(targets, samples["image_id"].to_numpy()),
            targets.roles,
            train_rows,
            valid_rows,
            seed=settings.judge_seed,
            epochs=settings.judge_epochs,
            device=device,
            progress=advance,
        )


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
