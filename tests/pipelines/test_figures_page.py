"""What docs/figures.md and docs/notebooks.md show as code runs on a finished run."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def code_of(page):
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    changed = code.replace("runs/demo", "runs/small")
    assert changed != code
    return changed


@pytest.fixture
def beside(finished, tmp_path, monkeypatch):
    """A folder of its own that has the finished run."""
    (tmp_path / "runs").symlink_to(finished.folder / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_figures_of_the_page_are_written(beside):
    exec(code_of("figures.md"), {})
    written = {path.name: path.read_bytes() for path in (beside / "figures").iterdir()}
    assert set(written) == {
        "heat_map.pdf", "training.pdf", "verdicts.pdf", "side_effects.pdf", "ranking.svg",
        "curves.pdf",
    }  # fmt: skip
    assert all(content[:4] == b"%PDF" for name, content in written.items() if name != "ranking.svg")
    assert b"<text" in written["ranking.svg"]


def test_a_table_is_shown_as_the_page_says(beside):
    names = {}
    code, last = code_of("notebooks.md").rsplit("show(", 1)
    exec(f"{code}shown = show({last}", names)
    assert "Smiling" in names["shown"]._repr_html_()
    assert names["shown"]._repr_html_().count("<tr>") == 1 + min(5, len(names["smiling"]))
