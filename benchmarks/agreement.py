"""Do the verdicts and the moves of a trained model agree with the factors that drew its images?

    python -m benchmarks.agreement runs/demo

Reads a run on data with true factors (generated faces, dSprites), after `latentlab demo` or
`latentlab run`, and writes benchmarks/results/agreement.json. Two questions, asked of every factor
that the probe reads with R2 of at least 0.5:

- what is its verdict, and do the two directions made for it (probe, difference of means) move it
  upwards, by each judge that measures it;
- of the latents that correlate with it on the test images: does moving the latent change the factor
  in the direction of that correlation. Latents that a judge does not see move it (|slope| under
  `verdicts.effect`, or q above `verdicts.significance`) are counted apart: a latent may correlate
  with what it does not draw.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import measuring
from latentlab import files
from latentlab.artifacts import latent_columns
from pipelines.stages import open_workspace

ENCODED = 0.5  # R2 from which a factor counts as encoded
CORRELATED = (0.2, 0.3, 0.5)  # |r| of latent and factor from which a sign is expected
JUDGES = ("pixels", "landmarks")  # not the circular one, which is the model itself


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a run folder with verdicts")
    work = open_workspace(parser.parse_args().run)
    tables = {name: work.run.table(name) for name in ("probes", "verdicts", "interventions")}
    encoded = encoded_factors(tables["probes"])
    latents = work.run.latents()
    tested = latents[latents["split"] == "test"]
    truth = work.data.targets().values.reindex(tested["image_id"])[list(encoded)]
    found = {
        "name": "agreement",
        "factors": per_factor(encoded, tables["verdicts"], tables["interventions"]),
        "signs": sign_counts(
            correlations(tested[latent_columns(tested)], truth.astype(float)),
            tables["interventions"],
            effect=work.config.verdicts.effect,
            significance=work.config.verdicts.significance,
        ),
        "n": len(tested),
        "anchors": work.config.intervene.anchors,
        **measuring.circumstances(),
    }
    files.write_json(measuring.RESULTS / "agreement.json", [found])
    print(pd.DataFrame(found["factors"]).T.to_string())
    print(pd.DataFrame(found["signs"]).to_string())


def encoded_factors(probes: pd.DataFrame) -> dict[str, float]:
    """Factor -> R2 on test, of those that reach ENCODED."""
    rows = probes[(probes["role"] == "factor") & (probes["metric"] == "r2")]
    scores = dict(zip(rows["target"], rows["value"].astype(float), strict=True))
    return {name: score for name, score in scores.items() if score >= ENCODED}


def per_factor(
    encoded: dict[str, float], verdicts: pd.DataFrame, interventions: pd.DataFrame
) -> dict[str, dict[str, Any]]:
    """Factor -> R2, verdict, and the slope with its interval of each direction made for it, in
    standard deviations of the factor per standard deviation along the direction."""
    words = dict(zip(verdicts["target"], verdicts["verdict"], strict=True))
    own = interventions[interventions["of"] == interventions["target"]]
    found: dict[str, dict[str, Any]] = {}
    for name, score in encoded.items():
        found[name] = {"r2": round(score, 3), "verdict": words[name]}
        for row in own[own["target"] == name].to_dict("records"):
            if row["judge"] in JUDGES and row["kind"] in ("probe", "mean_difference"):
                numbers = [round(float(row[key]), 3) for key in ("slope", "low", "high")]
                found[name][f"{row['judge']} {row['kind']}"] = numbers
    return found


def correlations(codes: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Of every latent with every factor: (latents, factors)."""
    both = np.corrcoef(codes.to_numpy(float), truth.to_numpy(float), rowvar=False)
    width = codes.shape[1]
    return pd.DataFrame(both[:width, width:], index=codes.columns, columns=truth.columns)


def sign_counts(
    correlated: pd.DataFrame,
    interventions: pd.DataFrame,
    *,
    effect: float,
    significance: float,
    thresholds: Sequence[float] = CORRELATED,
) -> list[dict[str, Any]]:
    """A row a judge and threshold: pairs of latent and factor with |r| of at least the threshold,
    those the judge sees move, and those of them that move as the correlation says."""
    alone = interventions[interventions["kind"] == "latent"]
    rows = []
    for judge in JUDGES:
        of_judge = alone[(alone["judge"] == judge) & alone["target"].isin(correlated.columns)]
        r = np.array(
            [
                correlated.at[latent, factor]
                for latent, factor in zip(of_judge["direction"], of_judge["target"], strict=True)
            ]
        )
        slope = of_judge["slope"].to_numpy(float)
        moves = (np.abs(slope) >= effect) & (of_judge["q"].to_numpy(float) <= significance)
        for threshold in thresholds:
            asked = np.abs(r) >= threshold
            rows.append({
                "judge": judge,
                "least_r": threshold,
                "pairs": int(asked.sum()),
                "moved": int((asked & moves).sum()),
                "moved_as_correlated": int((asked & moves & (np.sign(r) == np.sign(slope))).sum()),
                "same_sign_of_all": int((asked & (np.sign(r) == np.sign(slope))).sum()),
            })  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
