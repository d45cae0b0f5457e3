"""The page's bytes: the same for the same contents, and not too many."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from reports.build import build
from reports.comparison import page as comparison_page

ROOT = Path(__file__).parents[2]
DIGEST = """
import hashlib, json
from reports.build import build
from reports.claims import claims
from tests.reports.conftest import _make_contents
contents = _make_contents()
for text in (build(contents), json.dumps(claims(contents))):
    print(hashlib.sha256(text.encode()).hexdigest())
"""


def test_two_processes_that_hash_differently_write_the_same_bytes():
    found = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, text=True, check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    (digests,) = found
    assert len(set(digests.split())) == 2


def test_the_same_comparison_is_the_same_bytes(comparison):
    digests = {
        hashlib.sha256(comparison_page.build(comparison).encode()).hexdigest() for _ in range(2)
    }
    assert len(digests) == 1


def test_the_largest_page_is_small_enough_and_opens_in_a_browser(
    make_contents, tmp_path, open_page
):
    path = tmp_path / "large.html"
    path.write_text(build(make_contents(attributes=40, latents=32, side=64)), encoding="utf-8")
    assert path.stat().st_size < 6_000_000  # of noise, which WebP cannot shrink as it does faces
    opened = open_page(path)
    assert opened.quiet, opened
    assert opened.page.locator("#heat tbody tr:not(.group)").count() > 40
