"""The page's own decoder against plain loops in the same browser, one picture at a time.

    python -m benchmarks.playground [--decodes N] [--rounds N]

`report.playground`: the reference network (32 latents, 64x64, 3 channels) as the report carries it,
computed by `reports/assets/decoder.js` in headless Chromium, against the definition of its layers
written as nested loops (NAIVE), in the same page, in turns. Weights are random, since the
arithmetic does not depend on them; both must give the same picture. Beside it stand decodes a
second, of which sliders need LEAST, and the time of `model.decode` of one code in PyTorch with one
thread, which is what a server behind the sliders would compute.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import measuring
from latentlab.models import build_model
from latentlab.models.vae import VAE
from latentlab.portable.export import portable
from latentlab.randomness import numpy_generator
from reports.build import script_of

LATENTS, SIDE = 32, 64
LEAST = 20  # decodes a second that sliders need
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# Channels first, as PyTorch has them; what lies beyond an edge is left out.
NAIVE = """
function naive(program, weights) {
  return (code) => {
    let x = Float32Array.from(code), shape = [1, 1, code.length];
    for (const op of program.ops) {
      const [height, width, channels] = op.shape, [high, wide, depth] = shape;
      const y = new Float32Array(height * width * channels);
      if (op.kind === "weigh") {
        for (const { at, taps, weights_at } of op.phases)
          for (let c = 0; c < channels; c++)
            for (let i = at[0], a = 0; i < height; i += op.step[0], a++)
              for (let j = at[1], b = 0; j < width; j += op.step[1], b++) {
                let sum = weights[op.bias_at + c];
                for (let t = 0; t < taps.length; t++)
                  for (let d = 0; d < depth; d++) {
                    const r = a * op.stride[0] + taps[t][0], s = b * op.stride[1] + taps[t][1];
                    if (r >= 0 && r < high && s >= 0 && s < wide)
                      sum += x[(d * high + r) * wide + s]
                        * weights[weights_at + (c * taps.length + t) * depth + d];
                  }
                y[(c * height + i) * width + j] = sum;
              }
      } else for (let n = 0; n < x.length; n++)
        y[n] = op.kind === "reshape" ? x[n] : op.function === "relu" ? Math.max(x[n], 0)
          : 1 / (1 + Math.exp(-x[n]));
      [x, shape] = [y, op.shape];
    }
    return x;
  };
}
"""
SET_UP = """([program, weights, codes]) => {
  const began = performance.now();
  window.decoder = portableDecoder(program);
  const took = performance.now() - began;
  window.plain = naive(program, Float32Array.from(weights));
  window.codes = codes;
  return took;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decodes", type=int, default=100, help="a round")
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model = build_model("vae", {"latents": LATENTS}, channels=3, side=SIDE, seed=0).eval()
    measuring.write("playground", [measured(model, asked.decodes, asked.rounds)])


def measured(model: VAE, decodes: int, rounds: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    rng = numpy_generator(0, "playground benchmark")
    codes = rng.normal(size=(decodes, LATENTS))
    program = portable(model, codes[:50])
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        raise SystemExit("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        file = Path(folder) / "decoder.html"
        script = f"{script_of(['decoder.js'])}\n{NAIVE}"
        file.write_text(f"<script>{script}</script>", encoding="utf-8")
        page.goto(file.as_uri())
        given = [program.plain(), program.weights.astype(float).tolist(), codes.tolist()]
        opening = page.evaluate(SET_UP, given)
        check_alike(page)

        def ours() -> None:
            page.evaluate("() => { for (const code of codes) decoder.decode(code) }")

        def instead() -> None:
            page.evaluate("() => { for (const code of codes) plain(code) }")

        ours(), instead()  # until the browser has compiled what it runs
        seconds = measuring.side_by_side(ours, instead, rounds=rounds)
        version = browser.version
        browser.close()
    return measuring.result(
        "report.playground",
        *seconds,
        n=decodes,
        unit="s a decode",
        per_second=decodes / float(np.median(seconds[0])),
        wanted_per_second=LEAST,
        pytorch_seconds=in_pytorch(model, codes),
        opening_seconds=opening / 1000,
        weights_bytes=program.weights.nbytes,
        grey_levels=program.deviation,
        chromium=version,
        instead_is="nested loops over the same layers in the same page",
    )


def check_alike(page: Any) -> None:
    """Both must give the same picture, or one of them is not what it says."""
    mine, theirs = page.evaluate(
        "() => [Array.from(decoder.decode(codes[0])), Array.from(plain(codes[0]))]"
    )
    channels_first = np.reshape(mine, (SIDE * SIDE, 3)).T.ravel()
    if np.abs(channels_first - theirs).max() > 1e-4:
        raise SystemExit("the two decoders give different pictures")


def in_pytorch(model: VAE, codes: np.ndarray) -> float:
    """Seconds a decode of one code at a time."""
    tensors = torch.from_numpy(codes).float()
    with torch.no_grad():
        model.decode(tensors[:1])
        began = time.perf_counter()
        for code in tensors:
            model.decode(code[None])
    return (time.perf_counter() - began) / len(tensors)


if __name__ == "__main__":
    main()
