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
      const up = head.ariaSort ? head.ariaSort === "descending" : !numeric;
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

// CSV: a spreadsheet would run a cell that begins like a formula, unless it is quoted.
const csv = (text) => {
  const plain = text.replace(/\s+/g, " ").trim().replace(/^\u2212(?=[\d.])/, "-");
  const safe = /^[=+\-@\t\r]/.test(plain) && isNaN(plain) ? "'" + plain : plain;
  return /[",\n]/.test(safe) ? '"' + safe.replace(/"/g, '""') + '"' : safe;
};
for (const button of document.querySelectorAll("button.copy")) {
  button.addEventListener("click", async () => {
    const table = document.getElementById(button.dataset.table);
    const rows = [...table.rows].filter((row) => !row.classList.contains("group"));
    const lines = rows.map((row) => [...row.cells].map((cell) => csv(cell.textContent)).join(","));
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(lines.join("\n"));
    } catch {
      said = "The browser does not allow copying";
    }
    const before = button.textContent;
    button.textContent = said;
    setTimeout(() => (button.textContent = before), 1500);
  });
}
