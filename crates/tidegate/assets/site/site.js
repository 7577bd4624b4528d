// The search of the documentation, and the copy buttons of code blocks. Everything else works
// without a script.
"use strict";

const { root, index } = document.currentScript.dataset;
const MOST_RESULTS = 20;
const EXCERPT = 150;

const field = document.getElementById("search");
const found = document.getElementById("found");
const results = document.getElementById("results");
const count = document.getElementById("count");

/** Loads the index once; it is larger than any page. */
let loading;
function load() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = index;
    script.onload = () => resolve(window.tidegateIndex);
    script.onerror = () => { loading = undefined; reject(new Error("the index can't be loaded")); };
    document.head.append(script);
  });
  return loading;
}

/** How well a part fits: 0 unless each word is in it, or in the title of its page. */
function score(words, page, [heading, , text], isFirst) {
  const title = page.title.toLowerCase(), head = heading.toLowerCase(), body = text.toLowerCase();
  let sum = 0;
  for (const word of words) {
    const starts = (where) => new RegExp(`(^|[^\\p{L}\\p{N}])${escape(word)}`, "u").test(where);
    const inHead = head.includes(word) ? (starts(head) ? 12 : 6) : 0;
    const inTitle = title.includes(word) ? (isFirst ? 10 : 2) : 0;
    const inBody = body.includes(word) ? (starts(body) ? 3 : 1) : 0;
    if (inHead + inTitle + inBody === 0) return 0;
    sum += inHead + inTitle + inBody;
  }
  const phrase = words.join(" ");
  if (words.length > 1) sum += (head.includes(phrase) ? 10 : 0) + (body.includes(phrase) ? 4 : 0);
  return head === phrase ? sum + 20 : sum;
}

/** Pages on what was decided or changed, and on the code. */
const LATER = /^(decisions\/|changelog|architecture|contributing)/;
/** Pages that say how to use the server. */
const USERS = /^(quick-starts|guides|concepts)\//;

const escape = (word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

function search(pages, words) {
  const hits = [];
  for (const page of pages) {
    page.parts.forEach((part, at) => {
      // Pages for users come before those for developers, and what was decided once comes last.
      const weight = LATER.test(page.page) ? 0.5 : USERS.test(page.page) ? 1.3 : 1;
      const value = score(words, page, part, at === 0) * weight;
      if (value > 0) hits.push({ page, part, value });
    });
  }
  return hits.sort((a, b) => b.value - a.value);
}

/** The text around the first word. */
function excerpt(text, words) {
  const lower = text.toLowerCase();
  const places = words.map((word) => lower.indexOf(word)).filter((at) => at >= 0);
  const middle = places.length ? Math.min(...places) : 0;
  let start = Math.max(0, middle - EXCERPT / 3);
  if (start > 0) start = text.indexOf(" ", start) + 1;
  const piece = text.slice(start, start + EXCERPT);
  return (start > 0 ? "… " : "") + piece + (start + EXCERPT < text.length ? " …" : "");
}

/** Appends a text whose words are marked. */
function mark(into, text, words) {
  const pattern = new RegExp(`(${words.map(escape).join("|")})`, "giu");
  text.split(pattern).forEach((piece, at) => {
    if (at % 2 === 0) return into.append(piece);
    const marked = document.createElement("mark");
    marked.textContent = piece;
    into.append(marked);
  });
}

function show({ page, part: [heading, anchor, text] }, words) {
  const item = document.createElement("li"), link = document.createElement("a");
  const head = document.createElement("b"), body = document.createElement("p");
  link.href = root + page.page + (heading === page.title ? "" : `#${anchor}`);
  mark(head, heading, words);
  if (heading !== page.title) {
    const where = document.createElement("small");
    where.textContent = ` in ${page.title}`;
    head.append(where);
  }
  mark(body, excerpt(text, words), words);
  link.append(head, body);
  item.append(link);
  return item;
}

async function update() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return close();
  const asked = field.value;
  let hits;
  try {
    const index = await load();
    // Another event has answered for what was typed meanwhile.
    if (field.value !== asked) return;
    hits = search(index, words);
  } catch (error) {
    results.replaceChildren();
    count.textContent = error.message;
    found.hidden = false;
    return;
  }
  results.replaceChildren(...hits.slice(0, MOST_RESULTS).map((hit) => show(hit, words)));
  const more = hits.length > MOST_RESULTS ? `, the first ${MOST_RESULTS} are shown` : "";
  count.textContent = hits.length === 0 ? "Nothing found" : `${hits.length} found${more}`;
  found.hidden = false;
}

function close() {
  found.hidden = true;
  results.replaceChildren();
}

/** Moves the focus through the results; above the first is the field. */
function move(event, by) {
  const links = [...results.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement) + by;
  if (found.hidden || links.length === 0) return;
  event.preventDefault();
  (at < 0 ? field : links[Math.min(at, links.length - 1)]).focus();
}

function startSearch() {
  const box = field.closest(".search");
  box.hidden = false;
  // `update` reports an index that can't be loaded.
  field.addEventListener("focus", () => { load().catch(() => {}); });
  field.addEventListener("click", () => { if (found.hidden) update(); });
  field.addEventListener("input", update);
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") move(event, 1);
    else if (event.key === "ArrowUp") move(event, -1);
    else if (event.key === "Escape") { event.preventDefault(); close(); field.focus(); field.select(); }
    else if (event.key === "Enter" && document.activeElement === field && !found.hidden) results.querySelector("a")?.click();
  });
  document.addEventListener("keydown", (event) => {
    const types = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || types || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) close(); });
  box.addEventListener("focusout", (event) => { if (event.relatedTarget && !box.contains(event.relatedTarget)) close(); });
  results.addEventListener("click", close);
}

/** Copies by the old way where a page has no secure context. */
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser does not copy");
}

function addCopyButtons() {
  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await copy(block.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    block.append(button);
  }
}

/** Shows the page's own place in the contents. */
function showPlace() {
  const contents = document.querySelector(".contents"), here = contents.querySelector("[aria-current]");
  if (here && here.offsetTop > contents.clientHeight) contents.scrollTop = here.offsetTop - contents.clientHeight / 2;
}

startSearch();
addCopyButtons();
showPlace();
