// Works a published draw out again in the reader's own browser: list, order and places, from draw.json alone.

const bytes = (text) => new TextEncoder().encode(text);

async function sha256(text) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Numbers are ASCII of one length: their order as text is their order as bytes.
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

// What is wrong with one round, in a sentence; "" when all of it follows from the list and the seed.
export async function check(round) {
  const numbers = round.entries.map((entry) => entry.number);
  if (!round.seed) return numbers.length || round.drawn ? "씨앗이 없는데 결과가 있습니다." : "아직 추첨하지 않았습니다.";
  const listed = [...numbers].sort(byText).map((number) => `${number}\n`).join("");
  if (await sha256(listed) !== round.list_hash) return "명단이 지문과 다릅니다.";
  const people = round.entries.reduce((sum, entry) => sum + entry.size, 0);
  const counted = new Set(numbers).size === numbers.length && numbers.length === round.applications;
  if (!counted || people !== round.people || round.entries.some((entry) => !(entry.size >= 1))) return "신청이나 사람의 수가 다릅니다.";
  if (round.drawn !== (people > round.places)) return "추첨이 필요했는지가 다릅니다.";
  if (round.drawn) {
    const keyed = await Promise.all(numbers.map(async (number) => [await sha256(round.seed + number), number]));
    const again = keyed.sort((a, b) => byText(a[0], b[0])).map(([, number]) => number);
    if (again.some((number, place) => number !== numbers[place])) return "추첨 순서가 씨앗과 다릅니다.";
  }
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
  const rounds = Object.values(draw.rounds);
  if (!rounds.length) return ["회차가 하나도 없습니다. 확인한 것이 없습니다."];
  const lines = [];
  for (const round of rounds) {
    const right = `맞습니다. 접수번호 ${round.applications.toLocaleString("ko-KR")}개의 명단과 순서, 결과가 모두 같습니다.`;
    lines.push(`${round.label}: ${await check(round) || right} 지문 ${round.list_hash}, 씨앗 ${round.seed || "없음"}`);
  }
  if (noted && !rounds.some((round) => round.list_hash === noted)) lines.push("적어 두신 지문의 명단이 없습니다.");
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
