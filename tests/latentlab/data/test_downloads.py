"""Published files from a local server: whole ones are kept, a quota page is told from a file."""

import gzip
import hashlib
import http.server
import threading
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
import torchvision

from latentlab.data import downloads
from latentlab.data.celeba import CelebA
from latentlab.data.mnist import MNIST
from latentlab.errors import DataError

QUOTA = b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"
FILES = {"attr": b"2\nSmiling\n1.jpg 1\n2.jpg -1\n", "partition": b"1.jpg 0\n2.jpg 1\n"}


@pytest.fixture
def server():
    """Yields (address, answers, asked): what is sent for a name, and the names asked for."""
    answers, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlparse(self.path)
            name = parse_qs(url.query).get("id", [url.path.split("/")[-1]])[0]
            asked.append(name)
            content = answers.get(name)
            self.send_response(200 if content is not None else 404)
            kind = "text/html" if content in (QUOTA, None) else "application/octet-stream"
            self.send_header("Content-Type", kind)
            if content is not None and kind != "text/html":
                self.send_header("Content-Disposition", f'attachment; filename="{name}"')
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", answers, asked
        running.shutdown()


@pytest.fixture
def celeba(server, monkeypatch):
    address, answers, asked = server
    answers |= FILES
    monkeypatch.setattr(downloads, "DRIVE", f"{address}/uc?id=")
    published = [
        ("attr", hashlib.md5(FILES["attr"]).hexdigest(), "list_attr_celeba.txt"),
        ("partition", hashlib.md5(FILES["partition"]).hexdigest(), "list_eval_partition.txt"),
    ]
    monkeypatch.setattr(torchvision.datasets.CelebA, "file_list", published)
    return answers, asked


def test_whole_files_are_kept_and_not_fetched_again(celeba, tmp_path):
    _, asked = celeba
    root, named = tmp_path / "celeba", []
    CelebA(root).download(named.append)
    assert (root / "list_attr_celeba.txt").read_bytes() == FILES["attr"]
    assert named == ["list_attr_celeba.txt", "list_eval_partition.txt"]
    (root / "list_eval_partition.txt").write_bytes(b"cut")
    asked.clear()
    CelebA(root).download(named.append)
    assert asked == ["partition"]
    assert sorted(path.name for path in root.iterdir()) == named[:2]


@pytest.mark.parametrize(
    ("sent", "match"),
    [
        (QUOTA, r"was not sent|web page, as Google Drive sends"),
        (b"something else", r"is not what came: its MD5"),
        (None, r"was not sent"),
    ],
)
def test_what_is_not_the_file_is_told_with_the_way_by_hand(celeba, tmp_path, sent, match):
    answers, _ = celeba
    answers["partition"] = sent
    root = tmp_path / "celeba"
    with pytest.raises(DataError, match=match) as caught:
        CelebA(root).download(lambda name: None)
    message = str(caught.value)
    assert str(root / "list_eval_partition.txt") in message
    assert "https://drive.google.com/file/d/partition/view" in message
    assert hashlib.md5(FILES["partition"]).hexdigest() in message
    assert [path.name for path in root.iterdir()] == ["list_attr_celeba.txt"]


def test_a_web_page_in_the_place_of_a_file_is_recognised(tmp_path):
    page = tmp_path / "img_align_celeba.zip"
    page.write_bytes(b"  " + QUOTA)
    assert "quota" in downloads._wrong(page, "0" * 32)
    assert downloads._wrong(tmp_path / "none", "0" * 32) == "nothing did"


def test_mnist_comes_by_torchvision_or_is_told(server, monkeypatch, tmp_path):
    address, answers, _ = server
    resources = []
    for start, count in (("train", 12), ("t10k", 4)):
        for what, dimensions in (("images-idx3", (count, 28, 28)), ("labels-idx1", (count,))):
            kind = (2048 + len(dimensions)).to_bytes(4, "big")
            sizes = b"".join(size.to_bytes(4, "big") for size in dimensions)
            content = gzip.compress(kind + sizes + np.ones(dimensions, np.uint8).tobytes())
            name = f"{start}-{what}-ubyte.gz"
            answers[name] = content
            resources.append((name, hashlib.md5(content).hexdigest()))
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"{address}/"])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    source = MNIST(tmp_path / "mnist")
    source.download(lambda name: None)
    assert source.listing.samples["digit_1"].all()
    answers[resources[0][0]] = QUOTA
    with pytest.raises(DataError, match=r"MNIST was not sent .*train-images-idx3-ubyte\.gz \(MD5"):
        MNIST(tmp_path / "again").download(lambda name: None)
