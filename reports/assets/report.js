"use strict";
// Light and dark: the system's choice until the button is pressed; kept for this page only.
const root = document.documentElement;
document.getElementById("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = root.dataset.theme || (dark ? "dark" : "light");
  root.dataset.theme = now === "dark" ? "light" : "dark";
});

// A link to a target opens the part of the page that it is folded into.
function unfold() {
  const aim = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let up = aim; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  if (aim) aim.scrollIntoView();
}
addEventListener("hashchange", unfold);
unfold();

// Sort by a column: numbers by value, the rest as words; what has no value stays last.
const key = (row, index) => {
  const cell = row.cells[index];
  return cell.dataset.value !== undefined ? cell.dataset.value : cell.textContent.trim();
};
for (const table of document.querySelectorAll("table[data-sortable]")) {
  table.querySelectorAll("thead th").forEach((head, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const numeric = head.classList.contains("n");
      const before = head.getAttribute("aria-sort");
      const up = before ? before === "descending" : !numeric;
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
        rows.sort((a, b) => {
          const [p, q] = [key(a, index), key(b, index)];
          if (p === "" || q === "") return (p === "") - (q === "");
          const order = numeric ? p - q : p.localeCompare(q, undefined, { numeric: true });
          return up ? order : -order;
        });
        body.append(...rows);
      }
    });
  });
}

// CSV: numbers in full, each interval in two columns of its own. A spreadsheet would run a text
// that begins like a formula, so it gets an apostrophe; all that begins so is quoted.
const quoted = (text) => {
  const plain = text.replace(/\s+/g, " ").trim();
  if (!/^[=+\-@]/.test(plain)) return /[",]/.test(plain) ? '"' + plain.replace(/"/g, '""') + '"' : plain;
  return '"' + (isNaN(plain) ? "'" : "") + plain.replace(/"/g, '""') + '"';
};
function csv(table) {
  const rows = [...table.rows].filter((row) => !row.classList.contains("group"));
  const wide = rows[0] ? [...rows[0].cells].map((_, i) => rows.some((row) => row.cells[i].dataset.low)) : [];
  return rows.map((row, line) => [...row.cells].flatMap((cell, i) => {
    const own = cell.dataset.value || cell.textContent;
    if (!wide[i]) return [own];
    const { low = "", high = "" } = cell.dataset;
    return line ? [own, low, high] : [own, own + " low", own + " high"];
  }).map(quoted).join(",")).join("\n") + "\n";
}
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(csv(document.getElementById(button.dataset.table)));
    } catch {
      said = "The browser does not allow copying";
    }
    button.textContent = said;
    setTimeout(() => (button.textContent = "Copy as CSV"), 1500);
  });
}

// Paper cannot unfold: print everything, then fold again what was folded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  for (const one of folded) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of folded) one.open = false;
});
