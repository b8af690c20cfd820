// What the clock and the store change on a page that shows forms: badges, places, rounds, lines.
import { asked, follow, forms, ms, now } from "./clock.js";

const LABELS = { upcoming: "접수예정", open: "접수중", full: "정원마감", closed: "접수마감" };
const TONES = {
  upcoming: "bg-light-information",
  open: "bg-light-success",
  full: "bg-light-warning",
  closed: "bg-light-gray",
};
const figure = (count) => count.toLocaleString("ko-KR");

const inSeoul = new Intl.DateTimeFormat("ko-KR", {
  timeZone: "Asia/Seoul", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

export function clock(at) {
  const parts = Object.fromEntries(inSeoul.formatToParts(new Date(at)).map((part) => [part.type, part.value]));
  return `${parts.month}월 ${parts.day}일 ${parts.hour}:${parts.minute}`;
}

export function left(until, from) {
  const minutes = Math.floor((new Date(until) - new Date(from)) / 60000);
  if (minutes < 0) return "";
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days) return hours ? `${days}일 ${hours}시간` : `${days}일`;
  if (hours) return rest ? `${hours}시간 ${rest}분` : `${hours}시간`;
  return `${Math.max(rest, 1)}분`;
}

// ------------------------------------------------------------ states

// As the store said it, moved on by the clock. part: a form or a round, or what a page says where nothing was told.
function stateOf(part, form, at) {
  const [opens, closes] = [ms(part.opens ?? form.opens), ms(part.closes ?? form.closes)];
  if (part.state === "closed" || at >= closes) return "closed";
  if (at < opens || (part.state === "upcoming" && asked >= opens)) return "upcoming";
  return part.state === "full" ? "full" : "open";
}

// The state of a form, or of one of its rounds; "" where nothing is known of it. place: an element with its times.
export function state(subject, round = "", place = null, at = now()) {
  const form = forms[subject] ?? (place?.dataset.opens && { ...place.dataset, rounds: {} });
  if (!form) return "";
  if (round && form.rounds[round]) return stateOf(form.rounds[round], form, at);
  const states = Object.values(form.rounds).map((each) => stateOf(each, form, at));
  return ["open", "upcoming", "full", "closed"].find((each) => states.includes(each)) ?? stateOf(form, form, at);
}

// When the form, or that round, opens next: ms.
export function opening(subject, round, place) {
  const form = forms[subject] ?? { opens: place?.dataset.opens, rounds: {} };
  return ms(form.rounds[round]?.opens ?? form.opens);
}

// Free places of one round. While somebody waits, a freed place is theirs.
export function free(round) {
  return round.waiting > 0 ? 0 : Math.max(0, round.places - round.taken);
}

function openRounds(form, at) {
  return Object.values(form.rounds).filter((each) => ["open", "full"].includes(stateOf(each, form, at)));
}

function sum(rounds, value) {
  return rounds.reduce((total, round) => total + value(round), 0);
}

// ------------------------------------------------------------ what is shown

function showBadges(at) {
  for (const badge of document.querySelectorAll("[data-badge]")) {
    const found = state(badge.dataset.badge, "", null, at);
    // What the page says of the time after the closing (a draw, a result, an end) is more than the store knows.
    if (!found || found === badge.dataset.state || (found === "closed" && !(badge.dataset.state in LABELS))) continue;
    badge.dataset.state = found;
    badge.textContent = LABELS[found];
    badge.classList.remove(...Object.values(TONES));
    badge.classList.add(TONES[found]);
  }
}

function showLeft(at) {
  for (const place of document.querySelectorAll("[data-left]")) {
    const form = forms[place.dataset.left];
    if (!form) continue;
    const found = state(place.dataset.left, "", null, at);
    const places = sum(openRounds(form, at), free);
    place.textContent = found !== "open" ? "" : places ? ` · ${figure(places)}자리 남음` : " · 대기자 접수 중";
  }
}

// Home: nothing stands under "now" that cannot be had, and what opens moves there.
function sortHome(at) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const { part: name } = part.dataset;
    const count = document.querySelector(`[data-count="${name}"]`);
    for (const card of part.querySelectorAll(".card:not([hidden])")) {
      const badge = card.querySelector("[data-badge]");
      const found = badge && state(badge.dataset.badge, "", null, at);
      const other = name === "coming" && found === "open" && document.querySelector('[data-part="open"] .cards');
      const isGone = name !== "coming" && ["full", "closed"].includes(found);
      if (other) {
        other.prepend(card);
        const more = document.querySelector('[data-count="open"]');
        if (more) more.textContent = Number(more.textContent) + 1;
      } else if (isGone) card.hidden = true;
      if ((other || isGone) && count) count.textContent = Math.max(0, Number(count.textContent) - 1);
    }
    part.hidden = !part.querySelector(".card:not([hidden])");
    if (count) count.closest("li").hidden = part.hidden;
  }
}

function showPlaces(card, form, found, at) {
  const line = card.querySelector("[data-places-line]");
  const when = card.querySelector("[data-places-time]");
  const rounds = openRounds(form, at);
  if (card.dataset.selection !== "first-come" || !line || !when || !rounds.length) return;
  const places = sum(rounds, (round) => round.places);
  const taken = sum(rounds, (round) => Math.min(round.taken, round.places));
  const open = sum(rounds, free);
  const waiting = sum(rounds, (round) => round.waiting);
  const strong = document.createElement("strong");
  strong.textContent = open ? `${figure(open)}자리` : found === "full" ? "자리가 없습니다" : "대기자 접수 중";
  line.replaceChildren(strong, open ? " 남았습니다" : "");
  const bar = card.querySelector("[data-places-bar]");
  bar.max = places;
  bar.value = taken;
  bar.parentElement.classList.add("is-live");
  const sums = open ? `${figure(places)}명 가운데 ${figure(taken)}명 신청` : `정원 ${figure(places)}명 · 대기 ${figure(waiting)}명`;
  when.textContent = `${sums} · ${clock(asked)} 기준`;
}

// Rounds that nobody can get cannot be chosen; one that was chosen stays until the reader chooses another.
function showRounds(subject, isOrdered, at) {
  const form = forms[subject];
  for (const place of form ? document.querySelectorAll("[data-round]") : []) {
    const round = form.rounds[place.dataset.round];
    if (!round) continue;
    const found = state(subject, place.dataset.round, null, at);
    const places = free(round);
    const waits = round.waiting ? ` · 대기 ${figure(round.waiting)}명` : "";
    const inOrder = places ? `${figure(places)}자리 남음` : found === "full" ? `자리 없음${waits}` : `대기자 접수 중${waits}`;
    place.textContent = { upcoming: "접수 전", closed: "접수마감" }[found] ?? (isOrdered || found === "full" ? inOrder : "");
    place.classList.toggle("is-full", found !== "open" || (isOrdered && !places));
    const choice = place.closest(".choice")?.querySelector("input");
    if (choice && !choice.checked) choice.disabled = ["full", "closed"].includes(found);
  }
}

function showPhases(card, found, at) {
  const { subject } = card.dataset;
  for (const line of document.querySelectorAll("[data-phase]")) {
    const hide = !line.dataset.phase.split(" ").includes(found);
    if (hide && "keeps" in line.dataset && line.querySelector("form[data-typed]")) continue; // what was typed stays in sight
    line.hidden = hide;
  }
  const rest = found === "upcoming" ? left(opening(subject, "", card), at) : left(forms[subject]?.closes ?? card.dataset.closes, at);
  for (const time of card.querySelectorAll("[data-time-left]")) {
    time.textContent = rest && (found === "upcoming" ? `${rest} 뒤에 시작합니다` : `${rest} 남았습니다`);
  }
  const early = document.querySelector("[data-early-form]");
  if (early && found === "open") {
    early.open = true;
    const title = early.querySelector("summary");
    title.hidden = title !== document.activeElement; // the focus stays where it is
  }
  if (card.dataset.shown && card.dataset.shown !== found && found !== "open") { // of the opening the form itself says it
    const said = card.querySelector(".apply-when:not([hidden])");
    for (const note of document.querySelectorAll("[data-clock-note]")) note.textContent = said?.querySelector("span").textContent.trim() ?? "";
  }
  card.dataset.shown = found;
}

export function show(at = now()) {
  showBadges(at);
  showLeft(at);
  sortHome(at);
  for (const card of document.querySelectorAll("[data-subject]")) {
    const found = state(card.dataset.subject, "", card, at);
    showPhases(card, found, at);
    if (forms[card.dataset.subject] && found !== "upcoming") showPlaces(card, forms[card.dataset.subject], found, at);
    showRounds(card.dataset.subject, card.dataset.selection === "first-come", at);
  }
}

let started = false;

export function followStatus() {
  if (!started) follow(show);
  started = true;
}
