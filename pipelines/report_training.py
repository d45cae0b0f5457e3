"""What the page shows of training and data: epochs, neighbours of draws, the census."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from latentlab.artifacts import DataFolder, Targets
    from latentlab.data.batches import Pictures
    from latentlab.decoding import Places
    from latentlab.models.vae import VAE
    from pipelines.stages import Workspace
    from reports.contents import Census, Epochs, Neighbours

EPOCHS, IN_EACH = 8, 8  # epochs shown, and faces of each
DRAWN = 128  # draws, and as many test and training images, whose nearest image is looked for
NEIGHBOURS = 8  # of them shown
SEARCHED = 20_000  # training images looked at: more would take longer than the rest of the page
IN_CENSUS = 24  # images of the data shown
REASONS = 8  # for refusals; there may be one a file


def kept_epochs(work: "Workspace") -> "Epochs | None":
    """Some of the grids that training wrote, evenly over the epochs, the first and the last among
    them."""
    import numpy as np

    from latentlab.data.source import evenly
    from latentlab.pictures import from_png, untile
    from reports.contents import Epochs

    found = {
        int(match[1]): path
        for path in sorted(work.run.grids_folder.glob("epoch_*.png"))
        if (match := re.fullmatch(r"epoch_(\d+)\.png", path.name))
    }
    trained = int(work.run.history()["epoch"].max())
    numbers = sorted(number for number in found if number <= trained)
    if not numbers:
        return None
    shown = [numbers[at] for at in evenly(len(numbers), min(EPOCHS, len(numbers)))]
    side = int(work.data.description["side"])
    pairs = [untile(from_png(found[number].read_bytes()), side) for number in shown]
    return Epochs(
        tuple(shown),
        pairs[0][0][:IN_EACH],
        np.stack([rows[1][:IN_EACH] for rows in pairs]),
    )


def neighbours(
    work: "Workspace",
    model: "VAE",
    given: "Pictures",
    latents: "pd.DataFrame",
    places: "Places",
    draws: "np.ndarray",
) -> "Neighbours | None":
    """Training images that look like draws from the prior, and how near test images have theirs.

    Args:
        places, draws: Where the draws lie, and what they look like.

    Returns:
        None where there is no image of train or of test.
    """
    import numpy as np

    from latentlab.decoding import reconstruct
    from latentlab.neighbours import grey_levels_apart, nearest_pictures
    from latentlab.randomness import numpy_generator
    from reports.contents import Neighbours

    split = latents["split"].to_numpy()
    train, test = (np.flatnonzero(split == name) for name in ("train", "test"))
    if not len(train) or not len(test):
        return None
    chance = numpy_generator(work.config.seed, "neighbours")
    among = np.sort(chance.permutation(train)[:SEARCHED])
    unseen, seen = (np.sort(chance.permutation(rows)[:DRAWN]) for rows in (test, train))
    images, again = given.images, reconstruct(model, given, unseen)
    found = nearest_pictures(np.concatenate([draws, again]), images, among)
    by_code, codes_apart = _by_code(latents, places, unseen, among)
    return Neighbours(
        draws=draws[:NEIGHBOURS],
        by_pixels=np.asarray(images[found.rows[: len(draws)][:NEIGHBOURS]]),
        by_code=np.asarray(images[by_code]),
        pixels_apart={
            "draws": found.distances[: len(draws)],
            "test": found.distances[len(draws) :],
            "copies": grey_levels_apart(reconstruct(model, given, seen), np.asarray(images[seen])),
        },
        codes_apart=codes_apart,
        searched=len(among),
        train=len(train),
    )


def _by_code(
    latents: "pd.DataFrame", places: "Places", unseen: "np.ndarray", among: "np.ndarray"
) -> "tuple[np.ndarray, dict[str, np.ndarray]]":
    """Rows of the training images nearest to the first draws by code, and the distances; nothing
    for codes that are no places in latent space."""
    import numpy as np

    from latentlab.artifacts import latent_columns
    from latentlab.neighbours import nearest_codes

    names = latent_columns(latents)
    if not names[0].startswith("mu_") or places.z.ndim != 2 or places.z.shape[1] != len(names):
        return np.empty(0, np.int64), {}
    codes = latents[names].to_numpy(np.float64)
    of_draws = nearest_codes(places.z, codes, among)
    of_test = nearest_codes(codes[unseen], codes, among)
    return of_draws.rows[:NEIGHBOURS], {"draws": of_draws.distances, "test": of_test.distances}


def data_census(targets: "Targets", data: "DataFolder | None" = None) -> "Census":
    """What the labels hold; with a data folder also what was refused, and some of its images."""
    import numpy as np
    import pandas as pd

    from latentlab.census import correlated_pairs, target_census
    from latentlab.data.source import evenly
    from reports.contents import Census

    attributes = [name for name, role in targets.roles.items() if role == "attribute"]
    table, pairs = target_census(targets), correlated_pairs(targets.values, attributes)
    if data is None:
        return Census(table, pairs)
    counts = data.refused().groupby(["what", "reason"]).size().rename("count").reset_index()
    counts = counts.sort_values(["count", "what", "reason"], ascending=[False, True, True])
    images = data.images()
    shown = evenly(len(images), min(IN_CENSUS, len(images)))
    rest = counts.iloc[REASONS:]
    if len(rest):
        other = {
            "what": "other",
            "reason": f"{len(rest)} more reasons",
            "count": rest["count"].sum(),
        }
        counts = pd.concat([counts.iloc[:REASONS], pd.DataFrame([other])])
    return Census(table, pairs, counts.reset_index(drop=True), np.asarray(images[shown]))
