// Works a published draw out again in the reader's own browser: list, order and places, from draw.json alone.

const bytes = (text) => new TextEncoder().encode(text);

async function sha256(text) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Numbers are ASCII of one length: their order as text is their order as bytes.
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const byNumber = (a, b) => byText(a[0], b[0]);

// JSON in its one spelling: keys sorted, nothing between.
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

const COMMITTED = ["label", "frozen_at", "places", "waiting", "by_staff", "kind", "source", "late", "closing"];
const BALL = "(?:[1-9]|[1-3][0-9]|4[0-5])";
const SPELT = { lotto: new RegExp(`^${BALL}(?: ${BALL}){5}$`), number: /^(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?$/ };
const DAY = 24 * 60 * 60 * 1000;

// Two names that differ by spaces or unseen signs alone are one person's.
const seen = (name) => name.normalize("NFKC").replace(/[\p{C}\p{Z}]/gu, "");

function isSpelt(kind, seed) {
  const balls = kind === "lotto" ? seed.split(" ").map(Number) : [];
  return SPELT[kind]?.test(seed) && balls.every((ball, place) => !place || balls[place - 1] < ball);
}

async function wrongSeed(round) {
  if (round.kind !== "two") {
    if (!isSpelt(round.kind, round.seed)) return "추첨 값의 적는 법이 다릅니다.";
    return Date.parse(round.at) < Date.parse(round.seed_at) ? "추첨 값이 나오기 전에 추첨했습니다." : "";
  }
  const pair = round.pairs.at(-1) ?? [];
  if (pair.length !== 2 || seen(pair[0].by) === seen(pair[1].by) || pair[0].hash === pair[1].hash) return "두 사람의 무작위 값이 모이지 않았습니다.";
  for (const half of pair) {
    if (!/^[0-9a-f]{32}$/.test(half.bits) || await sha256(half.bits) !== half.hash) return "밝힌 무작위 값이 걸어 둔 확인 값과 다릅니다.";
  }
  if (round.seed !== await sha256(round.commitment + pair[0].bits + pair[1].bits)) return "추첨 값이 두 사람의 무작위 값에서 나온 값이 아닙니다.";
  const hung = pair.map((half) => Date.parse(half.at));
  const last = Math.max(...hung);
  const right = Date.parse(round.frozen_at) <= Math.min(...hung)
    && pair.every((half) => Date.parse(half.revealed) >= last && Date.parse(half.revealed) <= last + DAY);
  return right ? "" : "무작위 값을 약속하고 밝힌 때가 맞지 않습니다.";
}

const OF_ROUND = [...COMMITTED, "applications", "people", "drawn", "seed_at", "commitment", "pairs", "seed", "by", "at", "entries", "excluded"];
const OF_ENTRY = ["number", "size", "result"];
const OF_EXCLUDED = ["number", "size", "digest", "reason", "salt"];
const OF_HALF = ["by", "hash", "at", "bits", "revealed"];
const isCount = (value) => Number.isInteger(value) && value >= 0;

// Names and values in another form than they are published in; "" when nothing.
function misshapen(round) {
  const has = (names) => (row) => Object.keys(row).sort().join() === [...names].sort().join();
  const named = has(OF_ROUND)(round) && round.entries.every(has(OF_ENTRY)) && round.excluded.every(has(OF_EXCLUDED));
  if (!named || !round.pairs.flat().every(has(OF_HALF))) return "모르는 이름이 있거나 있어야 할 이름이 없습니다.";
  const counts = [round.places, round.by_staff, round.applications, round.people, round.waiting ?? 0];
  const rows = [...round.entries, ...round.excluded];
  const right = counts.every(isCount) && typeof round.late === "boolean" && typeof round.drawn === "boolean"
    && rows.every(({ number, size }) => /^[A-Z0-9]{4}(-[A-Z0-9]{4}){2}$/.test(number) && isCount(size));
  return right ? "" : "번호나 수, 참, 거짓의 꼴이 맞지 않습니다.";
}

// What cannot be in the list and what it was committed to, in a sentence; "" when nothing.
async function wrongList(subject, id, round) {
  const listed = round.entries.map((entry) => [entry.number, entry.size]).sort(byNumber);
  const out = round.excluded.map((entry) => [entry.number, entry.size, entry.digest]).sort(byNumber);
  const terms = { format: "madang-draw/3", subject, round: id, entries: listed, excluded: out, seed_at: round.seed_at ?? "" };
  for (const key of COMMITTED) terms[key] = round[key];
  if (await sha256(canonical(terms)) !== round.commitment) return "명단, 자리, 뺀 신청, 추첨 값의 출처 가운데 하나가 확정할 때 공개한 확인 값과 다릅니다.";
  const both = [...listed, ...out.map(([number, size]) => [number, size])].sort(byNumber);
  if (new Set(both.map(([number]) => number)).size !== both.length) return "한 추첨 번호가 두 번 있습니다.";
  if (await sha256(canonical(both)) !== round.closing) return "명단이 접수를 마감할 때의 명단과 다릅니다.";
  for (const { reason, salt, digest } of round.excluded) {
    if ((reason || salt) && await sha256(salt + reason) !== digest) return "뺀 까닭이 그 확인 값과 다릅니다.";
  }
  if ((round.kind === "two") !== !round.seed_at || (round.late && round.kind !== "two")) return "추첨 값의 종류와 때가 맞지 않습니다.";
  if (round.seed_at && Date.parse(round.frozen_at) >= Date.parse(round.seed_at)) return "추첨 값이 나온 뒤에 명단을 확정했습니다.";
  return "";
}

// What is wrong with one round, in a sentence; "" when all of it follows from the list and the seed.
export async function check(subject, id, round) {
  const wrong = misshapen(round) || await wrongList(subject, id, round);
  if (wrong) return wrong;
  const numbers = round.entries.map((entry) => entry.number);
  const people = round.entries.reduce((sum, entry) => sum + entry.size, 0);
  const counted = numbers.length === round.applications && people === round.people;
  if (!counted || round.entries.some((entry) => !(entry.size >= 1))) return "신청이나 사람의 수가 다릅니다.";
  if (typeof round.seed !== "string" || !round.at) {
    const told = round.seed !== null || round.drawn || round.entries.some((entry) => entry.result);
    return told ? "추첨 값이 없는데 결과가 있습니다." : "아직 추첨하지 않았습니다.";
  }
  if (round.drawn !== (people > round.places)) return "추첨이 필요했는지가 다릅니다.";
  if (!round.drawn && round.seed) return "추첨하지 않는 회차에 추첨 값이 있습니다.";
  const spoilt = round.drawn ? await wrongSeed(round) : "";
  if (spoilt) return spoilt;
  const keyed = await Promise.all(numbers.map(async (number) => [round.drawn ? await sha256(round.seed + number) : number, number]));
  const again = keyed.sort(byNumber).map(([, number]) => number);
  if (again.some((number, place) => number !== numbers[place])) return "추첨 순서가 추첨 값과 다릅니다.";
  let left = round.places;
  let rest = round.waiting ?? people;
  for (const entry of round.entries) {
    const result = entry.size <= left ? "confirmed" : entry.size <= rest ? "waiting" : "rejected";
    if (entry.result !== result) return `${entry.number}의 결과가 순서와 다릅니다.`;
    if (result === "confirmed") left -= entry.size;
    if (result === "waiting") rest -= entry.size;
  }
  return "";
}

// What to say of the whole file, a line for each round; noted: a hash that the reader wrote down at the freeze, or "".
export async function report(draw, noted) {
  const rounds = Object.entries(draw.rounds);
  if (draw.format !== "madang-draw/3") return ["이 화면이 아는 추첨 결과가 아닙니다."];
  if (!rounds.length) return ["회차가 하나도 없습니다. 확인한 것이 없습니다."];
  const lines = [];
  for (const [id, round] of rounds) {
    const right = `맞습니다. 추첨 번호 ${round.applications.toLocaleString("ko-KR")}개의 명단과 순서, 결과가 모두 같습니다.`;
    lines.push(`${round.label}: ${await check(draw.subject, id, round) || right} 확인 값 ${round.commitment}, 추첨 값 ${round.seed || "없음"}`);
  }
  if (!noted) lines.push("밖에서 본 확인 값과 견주지 않았습니다. 접수증에 적힌 확인 값을 넣어야 명단이 바뀌지 않았는지 압니다.");
  else if (!rounds.some(([, round]) => round.commitment === noted)) lines.push("적어 두신 확인 값의 명단이 없습니다.");
  return lines;
}

const button = document.querySelector("[data-draw-run]");
const said = document.querySelector("[data-draw-said]");
const noted = document.querySelector("[data-draw-noted]");

const say = (lines) => said.replaceChildren(...lines.map((line) => Object.assign(document.createElement("p"), { textContent: line })));

button?.addEventListener("click", async () => {
  say(["다시 계산하고 있습니다."]);
  try {
    const answer = await fetch(button.dataset.file);
    if (!answer.ok) throw new Error(String(answer.status));
    say(await report(await answer.json(), noted.value.trim().toLowerCase()));
  } catch {
    say(["결과 파일을 읽지 못했습니다. 잠시 뒤에 다시 하거나 파이썬 프로그램으로 확인하세요."]);
  }
});
