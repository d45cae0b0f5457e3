"""What the house promises about itself: where imports point, and what waits for torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("latentlab", "reports", "pipelines")  # each may import itself and those before it
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Full names of the modules that a file imports, at its top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    later = PACKAGES[PACKAGES.index(package) + 1 :]
    against = [name for name in imported(path) if name.split(".")[0] in later]
    assert against == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_library_prints_nothing_and_parses_no_arguments(path):
    if path.relative_to(ROOT).parts[0] == "pipelines":
        return
    calls = [
        node.func.id
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    assert "print" not in calls
    assert not {"argparse", "typer", "click"} & {name.split(".")[0] for name in imported(path)}


def test_numbers_and_pictures_do_not_know_configs():
    """Modules take plain numbers; only the commands and the config itself know Config."""
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] != "pipelines" and path.name != "config.py":
            assert not {name for name in imported(path) if name.startswith("latentlab.config")}


def test_nothing_is_called_utils():
    assert [path for path in MODULES if "util" in path.stem or "helper" in path.stem] == []


@pytest.mark.parametrize(
    ("modules", "slow"),
    [
        ("pipelines.cli", {"torch", "pandas", "sklearn", "mediapipe", "pydantic"}),
        ("latentlab.rankings, latentlab.metrics, reports.build, reports.claims", {"torch"}),
    ],
    ids=["--help", "analyses of tables"],
)
def test_what_need_not_wait_for_slow_imports_does_not(modules, slow):
    code = f"import sys, {modules}; print(sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
