// The playground: a starting face, offsets along axes, and what the decoder and the probes make of
// it. It starts when it comes near the window, so that opening the page does not wait for it.
{
  const box = document.getElementById("play");
  const MINUS = "\u2212";
  const signed = (value, digits) => (Math.abs(value) < 0.5 * 10 ** -digits ? "0" : (value > 0 ? "+" : MINUS) + Math.abs(value).toFixed(digits));
  const amount = (value) => (value < 0 ? MINUS : "") + (Math.abs(value) >= 100 ? Math.abs(value).toFixed(0) : Math.abs(value).toPrecision(3));
  const perCent = (p) => (p > 0 && p < 0.005 ? "<1" : p < 1 && p >= 0.995 ? ">99" : (100 * p).toFixed(0)) + "\u00a0%";

  const start = () => {
    const { program, faces, latents, mean, deviation, axes, readers, far } = JSON.parse(document.getElementById("play-data").textContent);
    const decoder = portableDecoder(program), { width, height, channels } = decoder;
    const part = (name) => document.getElementById("play-" + name);
    const sliders = all("[data-axis]", box).sort((a, b) => a.dataset.axis - b.dataset.axis);
    const rows = all("[data-reader]", box).sort((a, b) => a.dataset.reader - b.dataset.reader);
    const bodies = all(".play-reads tbody", box).map((body) => [body, [...body.rows]]);
    const screens = [part("before"), part("after")].map((canvas) => canvas.getContext("2d"));
    const offsets = axes.map(() => 0);
    let face = 0, at = [], now = [], ownMost = 0, waiting = false;

    const moved = () => {
      const code = faces[face].code.slice();
      axes.forEach(({ vector }, a) => {
        if (offsets[a]) for (let d = 0; d < vector.length; d++) code[d] += offsets[a] * vector[d];
      });
      return code;
    };
    const answer = ({ coefficients, intercept, spread }, code) => {
      let sum = intercept;
      for (let d = 0; d < coefficients.length; d++) sum += coefficients[d] * code[d];
      return spread === null ? 1 / (1 + Math.exp(-sum)) : sum;
    };
    const paint = (screen, code) => {
      const levels = decoder.decode(code), image = screen.createImageData(width, height);
      for (let p = 0; p < width * height; p++) {
        for (let c = 0; c < 3; c++) image.data[4 * p + c] = Math.round(255 * levels[p * channels + (channels > 1 ? c : 0)]);
        image.data[4 * p + 3] = 255;
      }
      screen.putImageData(image, 0, 0);
    };

    // Where a number stands on its bar: a probability between 0 and 1, another within 3 standard
    // deviations of where it began.
    const along = (reader, value, begin) => {
      const share = reader.spread === null ? value : 0.5 + (value - begin) / (6 * reader.spread);
      return (100 * Math.min(Math.max(share, 0), 1)).toFixed(1);
    };
    const change = ({ spread }, value, begin) => (spread === null ? value - begin : (value - begin) / spread);
    const read = (code) => {
      now = readers.map((reader) => answer(reader, code));
      rows.forEach((row, r) => {
        const reader = readers[r], write = reader.spread === null ? perCent : amount;
        const by = change(reader, now[r], at[r]);
        const texts = [write(at[r]), write(now[r]), reader.spread === null ? signed(100 * by, 0) : signed(by, 2)];
        [at[r], now[r], by].forEach((value, c) => {
          row.cells[c + 1].textContent = texts[c];
          row.cells[c + 1].dataset.value = value;
        });
        const [from, to] = [at[r], now[r]].map((value) => along(reader, value, at[r]));
        row.querySelector(".range").setAttribute("d", `M${from} 0V6M${from} 3H${to}`);
      });
    };
    const farthest = (code) => {
      let most = 0, where = 0;
      deviation.forEach((sd, d) => {
        const away = sd > 0 ? Math.abs(code[d] - mean[d]) / sd : 0;
        if (away > most) [most, where] = [away, d];
      });
      return [most, where];
    };
    // A real image may lie far out in one dimension: only what was moved there is warned of.
    const warn = (code) => {
      const [most, where] = farthest(code), beyond = most > far && most > ownMost + 0.05;
      part("far").classList.toggle("beyond", beyond);
      part("far").textContent = beyond
        ? `Extrapolated: ${latents[where]} is ${most.toFixed(1)} standard deviations from the mean, where hardly any image lies.`
        : `Farthest from the mean of the codes: ${latents[where]}, by ${most.toFixed(1)} standard deviations.`;
    };
    const draw = () => {
      waiting = false;
      const code = moved();
      paint(screens[1], code);
      read(code);
      warn(code);
    };
    const drawSoon = () => {
      if (!waiting) requestAnimationFrame(draw);
      waiting = true;
    };

    // What is told in words, and where rows stand, changes when a hand rests: not at every step.
    const words = () => {
      const off = axes.map(({ name }, a) => offsets[a] && `${name} ${signed(offsets[a], 1)}`).filter(Boolean);
      if (!off.length) return "Nothing is moved.";
      const most = readers.map((reader, r) => [Math.abs(change(reader, now[r], at[r])), r]).sort((a, b) => b[0] - a[0]);
      const attributes = most.filter(([size, r]) => readers[r].spread === null && size >= 0.005).slice(0, 2);
      const changed = attributes.map(([, r]) => `${readers[r].target} from ${perCent(at[r])} to ${perCent(now[r])}`);
      const more = off.length > 3 ? ` and ${off.length - 3} more` : "";
      return `Moved by standard deviations: ${off.slice(0, 3).join(", ")}${more}.` + (changed.length ? ` Read off the code: ${changed.join(", ")}.` : "");
    };
    const settle = () => {
      if (waiting) draw();
      part("told").textContent = words();
      const sorted = part("sort") && part("sort").checked && offsets.some(Boolean);
      const size = (row) => Math.abs(change(readers[row.dataset.reader], now[row.dataset.reader], at[row.dataset.reader]));
      for (const [body, order] of bodies) body.append(...(sorted ? order.slice().sort((a, b) => size(b) - size(a)) : order));
      const state = offsets.some(Boolean) || face ? "#" + written() : "";
      if (state || location.hash.startsWith("#play=")) remember(state);
    };
    const written = () => {
      const state = new URLSearchParams({ play: faces[face].name });
      offsets.forEach((offset, a) => { if (offset) state.set(axes[a].key, String(offset)); });
      return state.toString();
    };
    const remember = (hash) => {
      try {
        history.replaceState(null, "", hash || location.pathname + location.search);
      } catch { /* a page within a page may not; the link is then left as it was */ }
    };

    const show = (a, offset) => {
      offsets[a] = offset;
      const slider = sliders[a], text = signed(offset, 1);
      slider.value = offset;
      slider.setAttribute("aria-valuetext", `${text} standard deviations`);
      slider.previousElementSibling.textContent = text;
      slider.closest(".move").classList.toggle("moved", offset !== 0);
    };
    const choose = (number) => {
      face = number;
      at = readers.map((reader) => answer(reader, faces[face].code));
      all("[name=play-face]", box)[face].checked = true;
      [ownMost] = farthest(faces[face].code);
      paint(screens[0], faces[face].code);
    };
    const restore = () => {
      const state = new URLSearchParams(location.hash.slice(1));
      if (!state.has("play")) return;
      choose(Math.max(faces.findIndex(({ name }) => name === state.get("play")), 0));
      axes.forEach(({ key }, a) => {
        const offset = Number(state.get(key)), slider = sliders[a];
        show(a, offset ? Math.round(10 * Math.min(Math.max(offset, slider.min), slider.max)) / 10 : 0);
        const fold = slider.closest("details");
        if (offset && fold) fold.open = true;
      });
      draw();
      settle();
      box.closest("section").scrollIntoView();
    };

    sliders.forEach((slider, a) => {
      const set = (offset) => {
        show(a, offset);
        drawSoon();
      };
      slider.addEventListener("input", () => set(Number(slider.value)));
      slider.addEventListener("change", settle);
      const zero = () => {
        set(0);
        settle();
      };
      slider.addEventListener("dblclick", zero);
      slider.addEventListener("keydown", ({ key }) => { if (key === "0" || key === "Delete" || key === "Backspace") zero(); });
    });
    box.addEventListener("change", ({ target }) => {
      if (target.name === "play-face") {
        choose(Number(target.value));
        draw();
        settle();
      }
    });
    part("reset").addEventListener("click", () => {
      axes.forEach((_, a) => show(a, 0));
      draw();
      settle();
    });
    part("link").addEventListener("click", () => copy(location.href.replace(/#.*/, "") + "#" + written(), "Link"));
    part("smooth").addEventListener("change", ({ target }) => box.classList.toggle("smooth", target.checked));
    if (readers.length) {
      part("sort").addEventListener("change", settle);
      part("all").addEventListener("change", ({ target }) => {
        for (const [body] of bodies) body.parentElement.classList.toggle("few", !target.checked);
      });
    }
    addEventListener("hashchange", restore);
    choose(0);
    draw();
    restore();
    box.dataset.ready = "";
  };

  if (box) {
    const linked = () => new URLSearchParams(location.hash.slice(1)).has("play");
    let begun = false;
    const begin = () => {
      if (!begun) start();
      begun = true;
    };
    addEventListener("hashchange", () => { if (linked()) begin(); });
    new IntersectionObserver((seen, near) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      near.disconnect();
      begin();
    }, { rootMargin: "600px" }).observe(box);
    if (linked()) begin();
  }
}
