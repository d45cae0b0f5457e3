"use strict";
// What every part of the script uses. Blocks keep the names of a part to itself.
const root = document.documentElement;
const byId = (id) => document.getElementById(id);
const all = (what, within = document) => [...within.querySelectorAll(what)];
const make = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const button = (text, label, act) =>
  make("button", { type: "button", textContent: text, ariaLabel: label, onclick: act });
// Does something to every such part, once, and not before the folds around it are open.
const whenOpen = (what, act) => {
  const done = new Set();
  const look = () => {
    for (const part of all(what)) {
      if (done.has(part) || part.closest("details:not([open])")) continue;
      done.add(part);
      act(part);
    }
  };
  look();
  addEventListener("toggle", look, true);
};
const addTools = (part, buttons) => part.querySelector(".tools").append(make("span", { className: "acts" }, ...buttons));

// A word to the reader, in sight and for screen readers.
const said = byId("said");
let hush;
const say = (text) => {
  said.textContent = text;
  clearTimeout(hush);
  hush = setTimeout(() => (said.textContent = ""), 2500);
};
const copy = async (text, what) => {
  try {
    await navigator.clipboard.writeText(text);
    say(what + " copied");
  } catch {
    say("The browser does not allow copying");
  }
};
const save = (id, ending, content) => {
  const name = (document.title + " " + id).replace(/[^\p{L}\p{N}]+/gu, "-").slice(-100);
  const link = make("a", { download: name + ending, href: URL.createObjectURL(content) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
};

// Light and dark: the system's choice until the button is pressed; kept for this page only.
{
  const theme = byId("theme");
  theme.hidden = false;
  theme.onclick = () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme ?? dark) === "dark" ? "light" : "dark";
  };
}

// The filter over targets: their rows and folds whose name holds all that is typed; "/" goes there.
let showAll = () => {};
{
  const plain = (text) => text.normalize("NFKC").toLowerCase().replace(/[_\s]+/g, " ").trim();
  const named = [
    ...all('details[id^="t-"] > summary > span').map((name) => [name, name.closest(".fold")]),
    ...all('tbody th[scope="row"] a[href^="#t-"]').map((name) => [name, name.closest("tr")]),
  ].map(([name, part]) => [plain(name.textContent), part]);
  const names = new Set(named.map(([name]) => name));
  if (names.size >= 8) {
    const box = make("input", { type: "search", ariaLabel: "Filter targets", placeholder: "Filter  /" });
    const count = make("output");
    const filter = () => {
      const words = plain(box.value).split(" ");
      const kept = new Set([...names].filter((name) => words.every((word) => name.includes(word))));
      for (const [name, part] of named) part.hidden = !kept.has(name);
      count.textContent = box.value ? kept.size + " of " + names.size : "";
    };
    showAll = () => {
      box.value = "";
      filter();
    };
    box.oninput = filter;
    box.onkeydown = (event) => {
      if (event.key === "Escape") showAll();
    };
    document.querySelector("nav").append(make("div", { className: "find" }, box, count));
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, textarea, select, [contenteditable]")) return;
      event.preventDefault();
      box.select();
    });
  }
}

// Where the last link was followed.
let left = 0;

// A link to a part of the page opens the folds around it, and shows it where the filter hid it.
function unfold(event) {
  let aim = null;
  try {
    aim = byId(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return; // an address of no part of a page
  }
  if (!aim) return;
  if (aim.closest("[hidden]")) showAll();
  for (let up = aim; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
  if (event && aim.matches(".glossary > div") && !aim.querySelector("button")) {
    aim.append(button("Back", "Back to where you were", () => {
      // A browser forgets the way back while the page still scrolls.
      addEventListener("popstate", () => setTimeout(() => scrollTo(0, left)), { once: true });
      history.back();
    }));
  }
  aim.scrollIntoView({ behavior: event ? "auto" : "instant" });
}
addEventListener("hashchange", unfold);
unfold();
addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  left = scrollY;
  if (link.hash === location.hash) unfold();
  if (link.matches(".here")) copy(link.href, "Link");
});

// The contents follow the reader: the section that crosses a line a quarter down the window.
{
  const list = document.querySelector("nav ul");
  const watch = new IntersectionObserver((seen) => {
    const now = seen.find((one) => one.isIntersecting);
    if (!now) return;
    for (const link of all("a", list)) {
      const here = link.hash === "#" + now.target.id;
      if (!here) link.removeAttribute("aria-current");
      else {
        link.ariaCurrent = "true";
        list.scrollTo({ left: link.offsetLeft - list.clientWidth / 3, top: link.offsetTop - list.clientHeight / 2 });
      }
    }
  }, { rootMargin: "-25% 0px -75% 0px" });
  for (const section of all("main > section")) watch.observe(section);
}

// Paper cannot unfold: print everything, then fold again what was folded.
{
  let folded = [];
  addEventListener("beforeprint", () => {
    showAll();
    folded = all("details:not([open])");
    for (const one of folded) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
  });
}
