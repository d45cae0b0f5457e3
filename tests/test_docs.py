"""What the docs show as code does what they say."""

import re
from pathlib import Path

import pandas as pd

DOCS = Path(__file__).parents[1] / "docs"


def test_a_model_of_somebody_else_is_examined_as_the_page_says(capsys):
    page = (DOCS / "any_model.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    code, changed = re.subn(
        r"FACES, LATENTS, EPOCHS = .*", "FACES, LATENTS, EPOCHS = 400, 8, 2", code
    )
    assert changed == 1
    names = {}
    exec(code, names)
    verdicts = names["verdicts"]
    assert isinstance(verdicts, pd.DataFrame)
    assert verdicts["target"].tolist() == names["names"]
    assert verdicts["rule"].str.len().min() > 10
    assert "verdict" in capsys.readouterr().out
    interventions = names["found"].interventions
    assert interventions["slope"].notna().any()
    still = interventions.loc[interventions["kind"] == "zero", "slope"].dropna()
    assert len(still) and still.abs().max() < 1e-3  # sums of a network depend on its company
