// Figures to take along: charts as SVG and PNG, rows of pictures as PNG, each standing alone.
{
  const STYLE =
    "fill stroke stroke-width stroke-dasharray opacity paint-order font-family font-size font-weight text-anchor";
  const body = getComputedStyle(document.body);
  const titled = (figure) => figure.querySelector(".title > span:not(.acts)")?.textContent ?? "";
  const draw = (tag, attributes, text = "") => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const name in attributes) made.setAttribute(name, attributes[name]);
    made.textContent = text;
    return made;
  };

  // The chart with the colours it has now, its title above and its legend below.
  const alone = (figure) => {
    const svg = figure.querySelector("svg"), made = svg.cloneNode(true), items = all(".legend li", figure);
    const copies = [made, ...all("*", made)];
    [svg, ...all("*", svg)].forEach((one, index) => {
      const style = getComputedStyle(one);
      for (const name of STYLE.split(" ")) copies[index].setAttribute(name, style.getPropertyValue(name));
    });
    const { width, height } = svg.viewBox.baseVal, whole = height + 36 + 18 * items.length;
    const at = { viewBox: `0 -28 ${width} ${whole}`, width, height: whole };
    for (const name in at) made.setAttribute(name, at[name]);
    const words = (y, text, more) => draw("text", { x: 62, y, fill: body.color, ...more }, text);
    made.prepend(
      draw("rect", { y: -28, width, height: whole, fill: body.backgroundColor }),
      words(-10, titled(figure), { x: 8, "font-size": 14, "font-weight": 600 }),
    );
    items.forEach((item, index) => {
      const y = height + 16 + 18 * index, line = made.querySelectorAll(".line")[index].cloneNode();
      line.setAttribute("d", `M62 ${y - 4}h24`);
      made.append(line, words(y, item.textContent, { x: 94 }));
    });
    return [new XMLSerializer().serializeToString(made), width, whole];
  };
  const picture = async (src) => {
    const image = make("img", { src });
    await image.decode();
    return image;
  };
  // A picture of its own, painted by a function; `scale` device pixels a unit.
  const png = (figure, width, height, scale, paint) => {
    const made = make("canvas", { width: width * scale, height: height * scale }), pen = made.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = body.backgroundColor;
    pen.fillRect(0, 0, width, height);
    pen.fillStyle = body.color;
    paint(pen);
    made.toBlob((content) => save(figure.id, ".png", content));
  };
  const chart = async (figure) => {
    const [text, width, height] = alone(figure);
    const image = await picture("data:image/svg+xml," + encodeURIComponent(text));
    png(figure, width, height, 2, (pen) => pen.drawImage(image, 0, 0, width, height));
  };
  // Each tile enlarged by a whole number, with what stands below it.
  const strip = async (figure) => {
    const tiles = all(".strip > i", figure), style = getComputedStyle(tiles[0]);
    const image = await picture(style.backgroundImage.slice(5, -2)), per = Math.min(tiles.length, 15);
    const wide = image.width / style.getPropertyValue("--n"), times = Math.max(1, Math.round(128 / wide));
    const w = wide * times, h = image.height * times, foot = tiles[0].dataset.mark ? 26 : 4;
    png(figure, per * (w + 4) + 12, Math.ceil(tiles.length / per) * (h + foot) + 40, 1, (pen) => {
      pen.imageSmoothingEnabled = false;
      pen.font = "16px " + body.fontFamily;
      pen.fillText(titled(figure), 8, 24);
      pen.textAlign = "center";
      tiles.forEach((tile, index) => {
        const x = 8 + (index % per) * (w + 4), y = 36 + Math.floor(index / per) * (h + foot);
        const from = getComputedStyle(tile).getPropertyValue("--i") * wide;
        pen.drawImage(image, from, 0, wide, image.height, x, y, w, h);
        pen.fillText(tile.dataset.mark ?? "", x + w / 2, y + h + 18);
      });
    });
  };

  whenOpen("figure:has(> .tools)", (figure) => {
    const svg = () => save(figure.id, ".svg", new Blob([alone(figure)[0]], { type: "image/svg+xml" }));
    const ways = figure.matches(".chart") ? { SVG: svg, PNG: () => chart(figure) } : { PNG: () => strip(figure) };
    addTools(figure, Object.keys(ways).map((name) =>
      button(name + " ↓", "Download as " + name, ways[name])));
  });
}
