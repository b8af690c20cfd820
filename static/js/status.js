// Live places: asks /api/status once per view and again when the reader comes back to the tab.

const LABELS = { upcoming: "접수예정", open: "접수중", full: "정원마감", closed: "접수마감" };
const TONES = {
  upcoming: "bg-light-information",
  open: "bg-light-success",
  full: "bg-light-warning",
  closed: "bg-light-gray",
};

const inSeoul = new Intl.DateTimeFormat("ko-KR", {
  timeZone: "Asia/Seoul", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});

function clock(iso) {
  const parts = Object.fromEntries(inSeoul.formatToParts(new Date(iso)).map((part) => [part.type, part.value]));
  return `${parts.month}월 ${parts.day}일 ${parts.hour}:${parts.minute}`;
}

export function left(untilIso, nowIso) {
  const minutes = Math.floor((new Date(untilIso) - new Date(nowIso)) / 60000);
  if (minutes < 0) return "";
  const [days, hours, rest] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24, minutes % 60];
  if (days) return hours ? `${days}일 ${hours}시간` : `${days}일`;
  if (hours) return rest ? `${hours}시간 ${rest}분` : `${hours}시간`;
  return `${Math.max(rest, 1)}분`;
}

// Free places of one round. While somebody waits, a freed place is theirs.
export function free(round) {
  return round.waiting > 0 ? 0 : Math.max(0, round.places - round.taken);
}

// Rounds that take sign-ups now. Where rounds have their own times, the page says them: "id|opens|closes …".
function openRounds(place, form, now) {
  if (!place.dataset.rounds) return Object.values(form.rounds);
  const at = new Date(now);
  return place.dataset.rounds.split(" ")
    .map((text) => text.split("|"))
    .filter(([, opens, closes]) => new Date(opens) <= at && at < new Date(closes))
    .map(([id]) => form.rounds[id])
    .filter(Boolean);
}

function sum(rounds, value) {
  return rounds.reduce((total, round) => total + value(round), 0);
}

const figure = (count) => count.toLocaleString("ko-KR");

function showBadges(forms) {
  for (const badge of document.querySelectorAll("[data-badge]")) {
    const form = forms[badge.dataset.badge];
    if (!form || badge.textContent === LABELS[form.state]) continue;
    badge.textContent = LABELS[form.state];
    badge.classList.remove(...Object.values(TONES));
    badge.classList.add(TONES[form.state]);
  }
}

function showLeft(forms, now) {
  for (const place of document.querySelectorAll("[data-left]")) {
    const form = forms[place.dataset.left];
    if (!form || form.state !== "open") continue;
    const places = sum(openRounds(place, form, now), free);
    place.textContent = places ? ` · ${figure(places)}자리 남음` : " · 대기자 접수 중";
  }
}

function showPlaces(card, form, now) {
  const line = card.querySelector("[data-places-line]");
  const when = card.querySelector("[data-places-time]");
  if (card.dataset.selection !== "first-come" || !line || !when) return;
  const rounds = openRounds(card, form, now);
  if (!rounds.length) return;
  const places = sum(rounds, (round) => round.places);
  const taken = sum(rounds, (round) => Math.min(round.taken, round.places));
  const open = sum(rounds, free);
  const waiting = sum(rounds, (round) => round.waiting);
  const strong = document.createElement("strong");
  strong.textContent = open ? `${figure(open)}자리` : form.state === "full" ? "자리가 없습니다" : "대기자 접수 중";
  line.replaceChildren(strong, open ? " 남았습니다" : "");
  const bar = card.querySelector("[data-places-bar]");
  bar.max = places;
  bar.value = taken;
  bar.parentElement.classList.add("is-live");
  const sums = open ? `${figure(places)}명 가운데 ${figure(taken)}명 신청` : `정원 ${figure(places)}명 · 대기 ${figure(waiting)}명`;
  when.textContent = `${sums} · ${clock(now)} 기준`;
}

function showRounds(form, now) {
  for (const place of document.querySelectorAll("[data-round]")) {
    const round = form.rounds[place.dataset.round];
    if (!round) continue;
    const places = free(round);
    const at = new Date(now);
    if (at < new Date(place.dataset.opens) || at >= new Date(place.dataset.closes)) {
      place.textContent = at < new Date(place.dataset.opens) ? "접수 전" : "접수마감";
      place.classList.add("is-full");
      continue;
    }
    place.textContent = places ? `${figure(places)}자리 남음` : `자리 없음${round.waiting ? ` · 대기 ${figure(round.waiting)}명` : ""}`;
    place.classList.toggle("is-full", !places);
  }
}

function showCard(card, form, now) {
  const rest = left(form.state === "upcoming" ? form.opens : form.closes, now);
  const time = card.querySelector("[data-time-left]");
  if (time && rest && form.state !== "closed") {
    time.textContent = form.state === "upcoming" ? `${rest} 뒤에 시작합니다` : `${rest} 남았습니다`;
  }
  if (form.state !== "upcoming") {
    showPlaces(card, form, now);
    if (card.dataset.selection === "first-come") showRounds(form, now);
  }
  const button = card.querySelector("[data-apply-button]");
  const early = document.querySelector("[data-early-form]");
  if (form.state === "open" && early) {
    // The page was built before the opening: say that it is open now.
    early.open = true;
    document.querySelector("[data-upcoming-note]").textContent = "신청을 받고 있습니다.";
    card.querySelector(".apply-when").textContent = "신청을 받고 있습니다.";
    button.textContent = "신청하기";
    button.classList.replace("secondary", "primary");
  }
  if (form.state === "closed" && time) {
    card.querySelector(".apply-when").textContent = "신청을 마감했습니다.";
  }
}

async function refresh() {
  let status;
  try {
    const answer = await fetch("/api/status", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    status = await answer.json();
  } catch {
    return; // What the page says without us stays true enough.
  }
  showBadges(status.forms);
  showLeft(status.forms, status.now);
  for (const card of document.querySelectorAll("[data-subject]")) {
    const form = status.forms[card.dataset.subject];
    if (form) showCard(card, form, status.now);
  }
}

export function followStatus() {
  refresh();
  let last = Date.now();
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible" || Date.now() - last < 5000) return;
    last = Date.now();
    refresh();
  });
}
