// Filters that combine, and orders, on the list of a kind. Every choice is a link whose address can be shared; without
// this script each leads to the list through that one filter.
import { show as showStatus } from "./status.js";

const MOST = 12; // cards at a time, as on a page of the list

const box = document.querySelector("[data-list]");
const base = box.dataset.list;
const chips = [...box.querySelectorAll("[data-by]")];
const sorts = [...box.querySelectorAll("[data-sort]")];
const names = [...new Set(chips.map((chip) => chip.dataset.by))];
let entries = null;

function chosen() {
  const asked = new URLSearchParams(location.search);
  if (location.pathname === base) return asked;
  const current = chips.find((chip) => chip.dataset.key && chip.hasAttribute("data-first"));
  return new URLSearchParams(current ? [[current.dataset.by, current.dataset.key], ...asked] : asked);
}

function changed(state, name, value) {
  const next = new URLSearchParams(state);
  if (value) next.set(name, value);
  else next.delete(name);
  return `${base}${next.size ? `?${next}` : ""}`;
}

function fits(entry, state, besides = "") {
  return names.every((name) => name === besides || !state.get(name) || entry.keys[name].includes(state.get(name)));
}

// Empty ones come last; the newest first, all others the soonest.
function ordered(found, by) {
  if (!by) return found;
  const way = by === "newest" ? -1 : 1;
  return [...found].sort((one, other) => !one[by] - !other[by] || way * (one[by] < other[by] ? -1 : one[by] > other[by] ? 1 : 0));
}

function mark(link, isCurrent) {
  if (isCurrent) link.setAttribute("aria-current", "true");
  else link.removeAttribute("aria-current");
}

function show(state, count = MOST) {
  for (const chip of chips) {
    const { by, key } = chip.dataset;
    const some = entries.filter((entry) => fits(entry, state, by) && (!key || entry.keys[by].includes(key))).length;
    const isCurrent = (state.get(by) ?? "") === key;
    chip.href = changed(state, by, key);
    mark(chip, isCurrent);
    chip.querySelector(".filter-count").firstChild.textContent = ` ${some}`;
    chip.parentElement.hidden = !some && !isCurrent;
  }
  for (const sort of sorts) {
    sort.href = changed(state, "sort", sort.dataset.sort);
    mark(sort, (state.get("sort") ?? "") === sort.dataset.sort);
  }
  const found = ordered(entries.filter((entry) => fits(entry, state)), state.get("sort"));
  const summary = box.querySelector(".filters > summary");
  const labels = chips.filter((chip) => chip.dataset.key && chip.hasAttribute("aria-current")).map((chip) => chip.firstChild.textContent);
  if (summary) summary.textContent = labels.length ? `조건 골라 보기: ${labels.join(", ")}` : "조건 골라 보기";
  box.querySelector(".list-total").innerHTML = `모두 <strong>${found.length}개</strong>`;
  const list = box.querySelector(".cards") ?? document.createElement("ul");
  list.className = "cards";
  list.innerHTML = found.slice(0, count).map((entry) => `<li class="card">${entry.html}</li>`).join(""); // of our own templates
  box.querySelector(".list-head").after(list);
  showStatus();
  box.querySelectorAll(".krds-pagination, .notice, .list-more").forEach((old) => old.remove());
  if (found.length <= count) return;
  const more = document.createElement("p");
  more.className = "list-more";
  more.innerHTML = '<button type="button" class="krds-btn medium tertiary">더 보기</button>';
  more.firstChild.addEventListener("click", () => {
    show(state, count + MOST);
    list.children[count].querySelector("a").focus();
  });
  list.after(more);
}

async function go(address) {
  try {
    entries ??= await fetch(`${base}index.json`).then((answer) => answer.json());
  } catch {
    if (address) location.assign(address);
    return;
  }
  if (address) history.pushState(null, "", address);
  show(chosen());
}

box.addEventListener("click", (event) => {
  const link = event.target.closest("[data-by], [data-sort]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const state = chosen();
  go(changed(state, link.dataset.by ?? "sort", link.dataset.by ? link.dataset.key : link.dataset.sort));
});
window.addEventListener("popstate", () => go());
chips.filter((chip) => chip.hasAttribute("aria-current")).forEach((chip) => chip.toggleAttribute("data-first", true));
if (location.search) go();
