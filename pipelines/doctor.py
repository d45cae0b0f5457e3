"""`latentlab doctor`: does everything that latentlab leans on really work here?"""

from collections.abc import Callable

import typer

from pipelines import console


def doctor() -> None:
    """Try each thing latentlab needs and say what to do about what fails."""
    found: dict[str, dict[str, str | bool]] = {}
    for name, check in CHECKS.items():
        try:
            found[name] = {"works": True, "detail": check()}
        except Exception as error:  # whatever breaks is what the user wants to hear about
            found[name] = {"works": False, "detail": " ".join(str(error).split())}
    lines = [
        f"{'ok  ' if entry['works'] else 'FAIL'} {name}: {entry['detail']}"
        for name, entry in found.items()
    ]
    console.result(found, "\n".join(lines))
    if not all(entry["works"] for entry in found.values()):
        raise typer.Exit(4)


def _python() -> str:
    import platform

    return platform.python_version()


def _torch() -> str:
    import torch

    from latentlab.training import choose_device

    device = choose_device("auto")
    product = float((torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)).sum())
    if product != 8:
        raise RuntimeError(f"a matrix product on {device} gave {product}, not 8")
    return f"{torch.__version__}, computes on {device}, {torch.get_num_threads()} threads"


def _torchvision() -> str:
    """Decode an image: importing is not enough, since its operators load on first use."""
    try:
        import torch
        import torchvision
        from torchvision.io import decode_jpeg, encode_jpeg

        picture = torch.full((3, 16, 16), 128, dtype=torch.uint8)
        again = decode_jpeg(encode_jpeg(picture))
    except Exception as error:
        raise RuntimeError(
            f"torchvision does not fit torch ({error}). Install both from the same place:"
            " pip install 'torch>=2.14' 'torchvision>=0.29'"
        ) from error
    if int((again.int() - picture.int()).abs().max()) > 2:
        raise RuntimeError("an image comes back changed from torchvision's JPEG coder")
    return f"{torchvision.__version__}, encodes and decodes a JPEG"


def _face_landmarker() -> str:
    from latentlab.landmarks.model_file import find_model

    return find_model(None).name


def _mediapipe() -> str:
    from importlib.metadata import version

    import numpy as np

    from latentlab.data.faces import Faces
    from latentlab.landmarks.detector import FaceDetector
    from latentlab.landmarks.model_file import find_model

    picture = np.asarray(Faces(limit=10).original(0))
    with FaceDetector(find_model(None)) as detector:
        if detector.detect(picture) is None:
            raise RuntimeError("MediaPipe finds no face in a generated one")
    return f"{version('mediapipe')}, finds a generated face"


def _disk() -> str:
    import shutil

    free = shutil.disk_usage(".").free / 2**30
    if free < 1:
        raise RuntimeError(f"{free:.1f} GiB free in this folder; a run needs about 1")
    return f"{free:.0f} GiB free in this folder"


CHECKS: dict[str, Callable[[], str]] = {
    "Python": _python,
    "torch": _torch,
    "torchvision": _torchvision,
    "face landmark model": _face_landmarker,
    "MediaPipe": _mediapipe,
    "disk": _disk,
}
