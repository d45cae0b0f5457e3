// Tables: what their columns mean, sorting, CSV.
{
  // What a column means, in place: the column's own words and the glossary's, with the way there.
  const word = make("div", { id: "word", popover: "auto", role: "dialog", ariaLabel: "Explanation" });
  document.body.append(word);
  const explain = (by, about, entry) => {
    word.replaceChildren(make("p", { textContent: about }));
    if (entry) {
      const more = make("a", { href: "#" + entry.id, textContent: "All words" });
      more.onclick = () => word.hidePopover();
      word.append(make("dl", {}, ...entry.cloneNode(true).children), more);
    }
    word.append(button("Close", "Close", () => word.hidePopover()));
    word.showPopover();
    const { left, bottom } = by.getBoundingClientRect();
    word.style.left = Math.max(8, Math.min(left - 8, innerWidth - word.offsetWidth - 8)) + "px";
    word.style.top = Math.max(8, Math.min(bottom + 6, innerHeight - word.offsetHeight - 8)) + "px";
    word.querySelector("a, button").focus();
  };

  // What a cell says, without its note, reason or interval.
  const text = (cell) => {
    if (cell.dataset.value) return cell.dataset.value;
    if (!cell.firstElementChild) return cell.textContent.trim();
    const bare = cell.cloneNode(true);
    for (const aside of all("small, .none", bare)) aside.remove();
    return bare.textContent.replace(/\s+/g, " ").trim();
  };
  // A spreadsheet would run a text that begins like a formula, so it gets an apostrophe.
  const quoted = (said) => {
    const formula = /^[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/.test(said);
    const own = formula && isNaN(said) ? "'" + said : said;
    return formula || /[",;]/.test(own) ? '"' + own.replace(/"/g, '""') + '"' : own;
  };
  // Numbers in full under the names that claims.json has; intervals, reasons, notes and groups in
  // columns of their own.
  const READ = {
    "": text,
    " low": (cell) => cell.dataset.low,
    " high": (cell) => cell.dataset.high,
    " reason": (cell) => cell.querySelector(".none")?.title,
    " note": (cell) => cell.querySelector(".note")?.textContent,
  };
  const csv = (table) => {
    const rows = all("tbody tr:not(.group)", table);
    const columns = all("thead th", table).flatMap((head, index) =>
      Object.keys(READ).map((name) => [head.dataset.key + name, ...rows.map((row) => READ[name](row.cells[index]) ?? "")]));
    columns.push(["group", ...rows.map((row) => row.parentElement.querySelector(".group")?.textContent.trim() ?? "")]);
    const kept = columns.filter((column, index) => !index || column.slice(1).some(Boolean));
    return kept[0].map((_, line) => kept.map((column) => quoted(column[line])).join(",") + "\n").join("");
  };

  whenOpen("table[data-sortable]", (table) => {
    const heads = all("thead th", table);
    heads.forEach((head, index) => {
      const title = head.textContent.trim(), about = head.title, link = head.querySelector(".term");
      const sorts = button(title, null, () => {
        const numeric = head.matches(".n"), before = head.ariaSort;
        const up = before ? before === "descending" : !numeric;
        for (const other of heads) other.ariaSort = null;
        head.ariaSort = up ? "ascending" : "descending";
        // Numbers by value, the rest as words; what has no value stays last; groups stay together.
        for (const body of table.tBodies) {
          const rows = all("tr:not(.group)", body).map((row) => [text(row.cells[index]), row]);
          rows.sort(([p], [q]) => {
            if (!p || !q) return !p - !q;
            const order = numeric ? p - q : p.localeCompare(q, undefined, { numeric: true });
            return up ? order : -order;
          });
          body.append(...rows.map(([, row]) => row));
        }
      });
      head.replaceChildren(sorts, ...all(".to", head));
      if (table.closest(".heat")) sorts.title = about;
      else if (link || about) {
        const why = link ?? make("button", { type: "button", className: "term", ariaLabel: "What " + title + " means" });
        why.onclick = (event) => {
          event.preventDefault();
          explain(why, about, link && byId(link.hash.slice(1)));
        };
        sorts.after(why);
      }
      head.removeAttribute("title");
    });
    // A map's cell says on pointing what it is, in full.
    if (table.closest(".heat")) table.onpointerover = ({ target: cell }) => {
      const { value, low, high } = cell.dataset;
      if (value) cell.title = `${cell.parentNode.cells[0].textContent}, ${heads[cell.cellIndex].dataset.key}: ${value}` + (low ? ` [${low}, ${high}]` : "");
    };
    addTools(table, [
      button("Copy", "Copy as CSV", () => copy(csv(table), "Table")),
      // The mark at its beginning tells a spreadsheet that the file is Unicode.
      button("CSV ↓", "Download as CSV", () => save(table.id, ".csv", new Blob(["\uFEFF" + csv(table)]))),
    ]);
  });
}
