// The server's clock on this page. The server is asked once per view, and again after a sleep or a while in another tab; at an
// opening nothing is asked: every page knows the second from its one look.

// ms around an opening in which a page that comes back into view waits before it asks
const QUIET = 20000;
let ahead = 0; // ms that the server's clock is before this machine's: at most the way of one answer too little, so never early
let wall = Date.now();
let steady = performance.now();
// subject -> what /api/status tells of it
export let forms = {};
export let asked = 0; // when the forms were told, by the server's clock
const followers = new Set();

export const now = () => Date.now() + ahead;
export const isTold = () => asked > 0; // until then nobody is kept from anything by this machine's clock
export const ms = (iso) => (iso ? Date.parse(iso) : NaN);

// The machine slept, or its clock was set: what was measured no longer holds.
function isAstray() {
  return Math.abs(Date.now() - wall - (performance.now() - steady)) > 2000;
}

// What holds only from a moment, or until one: a vote, an offer.
function showMoments(at) {
  for (const part of document.querySelectorAll("[data-from], [data-until]")) {
    const hide = at < ms(part.dataset.from) || at >= ms(part.dataset.until);
    if (part.hidden !== hide) part.hidden = hide;
  }
}

// Everything again, as it is at this moment; the same moment twice changes nothing.
function show() {
  const at = now();
  if (isTold()) showMoments(at);
  for (const follower of followers) follower(at);
}

function moments() {
  const told = Object.values(forms).flatMap((form) => [form, ...Object.values(form.rounds)]);
  const written = [...document.querySelectorAll("[data-opens], [data-from], [data-until]")].map((place) => place.dataset);
  const all = [...told, ...written].flatMap(({ opens, closes, from, until }) => [opens, closes, from, until]);
  return all.map(ms).filter(Number.isFinite);
}

let timer = 0;

// One timer: to the next full minute, or to what comes before it.
function wait() {
  clearTimeout(timer);
  const at = now();
  const next = moments().reduce((first, each) => (each > at && each < first ? each : first), at - (at % 60000) + 60000);
  timer = setTimeout(() => (isAstray() ? ask() : step()), next - at);
}

function step() {
  show();
  wait();
}

async function ask() {
  [wall, steady] = [Date.now(), performance.now()];
  try {
    const showsForms = document.querySelector("[data-subject], [data-badge], [data-left], form[data-opens]");
    // for the time alone the head is enough
    const method = showsForms ? "GET" : "HEAD";
    const answer = await fetch("/api/status", { method, cache: "no-cache", headers: { Accept: "application/json" } });
    if (answer.ok) {
      const told = showsForms ? await answer.json() : { forms };
      asked = ms(answer.headers.get("Madang-Now") ?? told.now) || Date.now();
      ahead = asked - Date.now();
      forms = told.forms;
    }
  } catch {
    // What the page says without us stays true enough.
  }
  hasAsked = true;
  step();
}

let started = false;
let hasAsked = false; // before the answer this machine's clock may be wrong: what it changed would jump back

// act(at): whenever something may have changed, and once the server has been asked.
export function follow(act) {
  followers.add(act);
  if (hasAsked) act(now());
  if (started) return;
  started = true;
  ask();
  let last = Date.now();
  const back = () => {
    if (document.visibilityState !== "visible") return;
    step();
    if (Date.now() - last < 5000) return;
    last = Date.now();
    const isNear = moments().some((each) => Math.abs(each - now()) < QUIET);
    setTimeout(ask, isNear && !isAstray() ? QUIET + Math.random() * QUIET : 0);
  };
  document.addEventListener("visibilitychange", back);
  window.addEventListener("pageshow", (event) => event.persisted && back());
}
