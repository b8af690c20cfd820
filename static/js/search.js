// The site's search in the browser. What is found by which word, in which order, and what is marked is said once, in
// civic/content/search.py, and done here with the same steps; tests give both the same cases.

const LONGEST_QUERY = 100, MOST_WORDS = 8, SHOWN = 8, BEFORE = 30, AROUND = 120;
// Written so that the site's font, which has what its scripts say, does not have to have them.
const INITIALS = [..."\u3131\u3132\u3134\u3137\u3138\u3139\u3141\u3142\u3143\u3145\u3146\u3147\u3148\u3149\u314a\u314b\u314c\u314d\u314e"];
const PARTICLES = ["에서", "으로", ..."을를이가은는의에로과와도만"];
const ALIKE = 0.4;

const nfc = (text) => text.normalize("NFC");
const isSyllable = (c) => c >= "가" && c <= "힣" && c.length === 1;
const code = (c) => c.charCodeAt(0) - 0xac00;

export function fold(text) {
  const low = nfc(text).toLowerCase();
  if (low.length === nfc(text).length) return low;
  return [...nfc(text)].map((c) => (c.toLowerCase().length === c.length ? c.toLowerCase() : c)).join("");
}

export function words(query) {
  const typed = fold([...query].slice(0, LONGEST_QUERY).join("")).split(/\s+/u).map((word) =>
    word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "").replace(/(?<=[가-힣])[\u3131-\u314e\u314f-\u3163]+$/u, ""));
  return [...new Set(typed.filter(Boolean))].slice(0, MOST_WORDS);
}

export function forms(word) {
  const particle = PARTICLES.find((each) => word.endsWith(each) && [...word].length - each.length > 1);
  return particle ? [word, word.slice(0, -particle.length)] : [word];
}

export const initials = (title) => [...title].filter(isSyllable).map((c) => INITIALS[Math.floor(code(c) / 588)]).join("");

function* decoded(steps) {
  let at = 0;
  for (const step of steps) {
    at += step;
    yield [at >> 1, at & 1];
  }
}

async function postings(part, read) {
  const letters = [...part];
  const { shards } = await read("index");
  const shard = await read(`g/${(letters[0].codePointAt(0) * 31 + (letters[1]?.codePointAt(0) ?? 0)) % shards}`);
  const found = new Map();
  for (const key of letters.length === 2 ? Object.keys(shard).filter((each) => each.startsWith(part)) : [part]) {
    for (const [number, titled] of decoded(shard[key] ?? [])) found.set(number, (found.get(number) ?? 0) | titled);
  }
  return found;
}

async function pages(form, read) {
  const letters = [...form];
  const last = letters.length - 3;
  const starts = [];
  for (let at = 0; at < last; at += 2) starts.push(at);
  const parts = last < 0 ? [form] : [...starts, last].map((at) => letters.slice(at, at + 3).join(""));
  const [first, ...more] = await Promise.all(parts.map((part) => postings(part, read)));
  return more.reduce((found, each) =>
    new Map([...found].filter(([number]) => each.has(number)).map(([number, titled]) => [number, titled & each.get(number)])), first);
}

export async function search(query, read) {
  let found = null;
  for (const word of words(query)) {
    const points = new Map();
    const each = await Promise.all(forms(word).map((form) => pages(form, read)));
    each.forEach((had, index) => {
      for (const [number, titled] of had) points.set(number, Math.max(points.get(number) ?? 0, (index ? 0 : 2) + titled));
    });
    const before = found;
    found = before ? new Map([...points].filter(([n]) => before.has(n)).map(([n, some]) => [n, some + before.get(n)])) : points;
  }
  return [...(found ?? [])].sort((one, other) => other[1] - one[1] || one[0] - other[0]).map(([number]) => number);
}

export async function show(number, query, read) {
  const page = await read(`d/${number}`);
  const asked = words(query).map(forms);
  const low = fold(`${page.title} ${page.text}`);
  const first = initials(fold(page.title));
  if (!asked.every((both) => both.some((form) => low.includes(form) || (form.length > 1 && first.includes(form))))) return null;
  const marked = asked.flat();
  return { link: page.link, head: page.head, title: marks(page.title, marked), text: marks(snippet(page.text, marked), marked) };
}

export function snippet(text, marked) {
  const low = fold(text);
  const places = marked.map((form) => low.indexOf(form)).filter((at) => at >= 0);
  const first = places.length ? Math.min(...places) : 0;
  const start = first > BEFORE ? text.lastIndexOf(" ", Math.max(0, first - BEFORE)) + 1 : 0;
  const end = start + AROUND;
  return `${start ? "… " : ""}${text.slice(start, end).trim()}${end < text.length ? " …" : ""}`;
}

export function marks(text, marked) {
  const longest = [...new Set(marked)].sort((one, other) => other.length - one.length || (one < other ? -1 : 1));
  if (!longest.length) return [[text, false]];
  const escaped = longest.map((form) => form.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  let at = 0;
  return fold(text).split(new RegExp(`(${escaped.join("|")})`, "u")).map((piece, index) => {
    at += piece.length;
    return [nfc(text).slice(at - piece.length, at), index % 2 === 1];
  }).filter(([piece]) => piece);
}

function pairs(text) {
  const letters = [...text.normalize("NFD")];
  return new Set(letters.slice(1).map((letter, at) => letters[at] + letter));
}

export function nearest(word, known) {
  const own = pairs(word);
  const share = (other) => {
    const both = [...other].filter((pair) => own.has(pair)).length;
    return both / (own.size + other.size - both);
  };
  return known.map((each) => [share(pairs(each)), each]).filter(([much]) => much >= ALIKE)
    .sort((one, other) => other[0] - one[0] || (one[1] < other[1] ? -1 : 1)).slice(0, 3).map(([, each]) => each);
}

const FRESH = 300_000; // ms: after a new build its files belong together again
let kept = new Map();
let since = 0;

async function fetched(name) {
  if (Date.now() - since > FRESH) [kept, since] = [new Map(), Date.now()];
  if (!kept.has(name)) {
    kept.set(name, fetch(`/search/${name}.json`).then((answer) => {
      if (answer.ok) return answer.json();
      throw new Error(answer.status);
    }));
  }
  return kept.get(name);
}

function made(tag, parts) {
  const element = document.createElement(tag);
  for (const [text, isMarked] of parts) {
    const mark = isMarked && document.createElement("mark");
    if (mark) mark.textContent = text;
    element.append(mark || text);
  }
  return element;
}

function item(hit) {
  const element = document.createElement("li");
  element.className = "hit";
  element.innerHTML = hit.head; // made by our own templates
  const title = document.createElement("h2");
  title.className = "hit-title";
  const link = made("a", hit.title);
  link.href = hit.link;
  title.append(link);
  const text = made("p", hit.text);
  text.className = "hit-text";
  element.append(title, text);
  return element;
}

function follow(box) {
  const field = box.querySelector("input");
  const part = (name) => box.querySelector(`[data-${name}]`);
  const [count, near, list, more, help] = ["search-count", "search-near", "hits", "search-more", "search-help"].map(part);
  const address = (query) => `${location.pathname}${query ? `?q=${encodeURIComponent(query)}` : ""}`;
  let turn = 0;
  let found = [];
  let shown = 0;

  async function add(query, mine) {
    const some = await Promise.all(found.slice(shown, shown + SHOWN).map((number) => show(number, query, fetched)));
    if (mine !== turn) return 0;
    const hits = some.filter(Boolean);
    if (!shown) list.replaceChildren();
    list.append(...hits.map(item));
    shown += some.length;
    more.hidden = shown >= found.length;
    return some.length - hits.length;
  }

  async function ask() {
    const query = field.value.trim();
    const mine = (turn += 1);
    try {
      const numbers = await search(query, fetched);
      if (mine !== turn) return;
      [found, shown] = [numbers, 0];
      const total = found.length - (await add(query, mine));
      const known = query && !total ? await fetched("words") : [];
      if (mine !== turn) return;
      const close = words(query).flatMap((word) => nearest(word, known));
      near.querySelectorAll("a").forEach((link) => link.remove());
      for (const word of close) {
        const link = made("a", [[word, false]]);
        link.href = address(word);
        near.append(link, " ");
      }
      near.hidden = !close.length;
      help.hidden = total > 0;
      count.textContent = !query ? "" : total ? `찾은 글 ${total}개` : "찾은 글이 없습니다. 낱말을 줄이거나 다른 말로 찾아보세요.";
      part("search-pages")?.remove();
      history.replaceState(null, "", address(query));
    } catch {
      // The server answers the form, if this browser cannot.
    }
  }

  let timer = 0;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  });
  box.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
  more.addEventListener("click", async () => {
    const last = list.children.length;
    await add(field.value.trim(), turn);
    list.children[last]?.querySelector("a").focus();
  });
  const asked = new URLSearchParams(location.search).get("q");
  if (asked && !list.children.length) {
    field.value = asked;
    ask();
  } else if (asked) {
    search(asked, fetched).then((numbers) => {
      if (turn) return;
      found = numbers;
      shown = list.children.length;
    }).catch(() => {});
  } else if (matchMedia("(min-width: 1024px)").matches) {
    field.focus();
  }
}

if (typeof document !== "undefined") {
  const box = document.querySelector("[data-search]");
  if (box) follow(box);
}
