"""What tests share: real data, beside the repository where it is at hand, and a browser. Both are
required in CI."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Two workers with two threads each would wait for one another on two cores; torch reads this when
# it is first imported, also in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data sets; a test that asks for it is skipped where there is none."""
    if not SHARED.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have ../shared/data beside the repository")
        pytest.skip("../shared/data is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def face_model():
    """MediaPipe's face_landmarker.task: the shared one, or as `latentlab` itself finds it."""
    from latentlab.landmarks.model_file import find_model

    shared = SHARED / "mediapipe" / "face_landmarker.task"
    return find_model(shared if shared.is_file() else None)


@dataclass
class Opened:
    """A page in the browser, with all that it did which it should not.

    Attributes:
        page: Playwright's page.
        requests: Addresses it asked for beside its own file.
        complaints: Errors and warnings on its console, and uncaught exceptions.
        dialogs: Messages of alert boxes and the like.
    """

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    @property
    def quiet(self) -> bool:
        return not (self.requests or self.complaints or self.dialogs)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium of this system; tests that ask for it are skipped where there is none."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have Chromium: apt-get install chromium")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            # As root there is no sandbox; the rest keeps it from calling home.
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
        )  # fmt: skip
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """`open_page(path, width=1280, height=900, **context)` opens an HTML file -> `Opened`.

    What else goes to `chromium.new_context`: `color_scheme`, `reduced_motion`, `permissions`, ...
    """
    contexts = []

    def open_page(path: Path, width: int = 1280, height: int = 900, **context: Any) -> Opened:
        contexts.append(
            chromium.new_context(
                viewport={"width": width, "height": height}, offline=True, **context
            )
        )
        page = contexts[-1].new_page()
        opened, own = Opened(page), path.resolve().as_uri()

        def asked(request: Any) -> None:
            # What lies in the file itself, and the file, are no requests to anywhere.
            if not request.url.startswith(("data:", "blob:", own)):
                opened.requests.append(request.url)

        def said(message: Any) -> None:
            if message.type in ("error", "warning"):
                opened.complaints.append(message.text)

        def asks(dialog: Any) -> None:
            opened.dialogs.append(dialog.message)
            dialog.dismiss()

        page.on("request", asked)
        page.on("console", said)
        page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        page.on("dialog", asks)
        page.goto(own)
        return opened

    yield open_page
    for context in contexts:
        context.close()
