"""What the report's playground needs of a run: the decoder as a program, faces, axes and probes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.artifacts import Targets
    from latentlab.models.vae import VAE
    from pipelines.stages import Workspace
    from reports.playground import Axis, LiveDecoder, NoDecoder, Reader

FACES = 12  # to start from
CHECKED = 50  # codes on which the program is held against the model

TABLES = ("probe_weights",)  # that only the playground reads


def playground(
    work: "Workspace",
    model: "VAE",
    latents: "pd.DataFrame",
    targets: "Targets",
    dimensions: "pd.DataFrame",
    verdicts: "pd.DataFrame",
    probed: "dict[str, np.ndarray]",
    moves: "pd.DataFrame | None",
) -> "LiveDecoder | NoDecoder | None":
    """None where it is switched off or there is nothing to decode.

    Args:
        probed: Probe direction, as the table `moves` names it -> where it points, (latents,).
        moves: The table of this name, if latents were moved.
    """
    import numpy as np

    from latentlab.artifacts import latent_columns
    from latentlab.decoding import decode
    from latentlab.errors import NotPortable
    from latentlab.portable.export import portable
    from pipelines.places import decodable, places_of_images
    from reports.playground import LiveDecoder, NoDecoder

    if not (work.config.report.playground and work.config.report.faces and decodable(latents)):
        return None
    names = latent_columns(latents)
    codes = latents[names].to_numpy(np.float64)
    known = dimensions.set_index("latent").reindex(names)
    selective = _most_selective(verdicts)
    others = _other_directions(moves, set(selective) - set(probed), names)
    axes = _axes(codes, known, probed | others, selective)
    chosen = _to_start_from(latents)
    start = places_of_images(work.run, model, latents, chosen)
    told = start.context if model.conditions else None
    inputs = start.z if told is None else np.concatenate([start.z, told], axis=1)
    try:
        program = portable(model, _moved(inputs, axes, work.config.seed))
    except NotPortable as error:
        return NoDecoder(str(error))
    readers, unread = _readers(work, targets, names)
    return LiveDecoder(
        program=program,
        images=tuple(chosen),
        codes=inputs,
        pictures=decode(model, start),
        latents=tuple(names),
        mean=codes.mean(axis=0),
        deviation=codes.std(axis=0),
        axes=axes,
        readers=readers,
        unread=unread,
    )


def _to_start_from(latents: "pd.DataFrame") -> list[str]:
    """The first images of test; of all, where none is test."""
    test = latents.loc[latents["split"] == "test", "image_id"]
    return list(map(str, (test if len(test) else latents["image_id"])[:FACES]))


def _most_selective(verdicts: "pd.DataFrame") -> dict[str, float]:
    """The most selective direction made for each target -> its selectivity."""
    if "other_direction" not in verdicts:
        return {}
    known = verdicts[verdicts["other_direction"].notna() & verdicts["other_selectivity"].notna()]
    return dict(
        zip(known["other_direction"], known["other_selectivity"].astype(float), strict=True)
    )


def _other_directions(
    moves: "pd.DataFrame | None", wanted: set[str], names: list[str]
) -> "dict[str, np.ndarray]":
    """Some directions of the table `moves`, (latents,) each."""
    if moves is None:
        return {}
    rows = moves[moves["direction"].isin(wanted) & moves["latent"].notna()]
    return {
        str(name): own.set_index("latent")["weight"].reindex(names).fillna(0.0).to_numpy()
        for name, own in rows.groupby("direction", sort=False)
    }


def _axes(
    codes: "np.ndarray",
    dimensions: "pd.DataFrame",
    directions: "dict[str, np.ndarray]",
    selectivity: dict[str, float],
) -> "tuple[Axis, ...]":
    """Active latents, most KL first, then the directions, each by standard deviations of the codes.

    Args:
        codes: (images, latents).
        dimensions: The table, in the order of the latents.
        directions: Name -> (latents,), any length above 0.
    """
    import numpy as np

    from latentlab.traversals import spread, unit_direction
    from reports.playground import Axis

    active = dimensions[dimensions["active"].astype(bool)]
    latents = active.sort_values("kl", ascending=False, kind="stable").index
    wanted = {str(name): np.eye(codes.shape[1])[dimensions.index.get_loc(name)] for name in latents}
    axes = []
    for name, vector in (*wanted.items(), *directions.items()):
        unit = unit_direction(vector)
        kind, _, target = name.partition(":")
        axes.append(
            Axis(
                name=target or name,
                kind=kind if target else "latent",
                vector=unit * spread(codes, unit),
                selectivity=selectivity.get(name),
            )
        )
    return tuple(axes)


def _moved(inputs: "np.ndarray", axes: "tuple[Axis, ...]", seed: int) -> "np.ndarray":
    """Codes as the playground shows them, (CHECKED, inputs): a face moved along two of the axes."""
    import numpy as np

    from latentlab.randomness import numpy_generator
    from reports.playground import REACH

    rng = numpy_generator(seed, "playground")
    codes = inputs[np.arange(CHECKED) % len(inputs)].astype(np.float64)
    for code in codes if axes else ():
        for choice in rng.integers(0, len(axes), 2):
            vector = axes[choice].vector
            code[: len(vector)] += rng.uniform(-REACH, REACH) * vector
    return codes


def _readers(
    work: "Workspace", targets: "Targets", names: list[str]
) -> "tuple[tuple[Reader, ...], str]":
    """The probes, and why there are none."""
    from latentlab.parquet import read_table
    from latentlab.probes.weights import weights_of
    from reports.playground import Reader

    path = work.run.table_path("probe_weights")
    if not path.is_file():
        return (), "this run was probed before probes were kept; `latentlab probe` keeps them"
    readers = []
    for target, (_, coefficients, intercept) in weights_of(read_table(path), names).items():
        role = targets.roles[target]
        spread = None if role == "attribute" else float(targets.values[target].std())
        readers.append(Reader(target, role, coefficients, intercept, spread))
    return tuple(readers), "" if readers else "no target could be probed"
