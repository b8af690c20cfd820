// Works a published draw out again in the reader's own browser: list, order and places, from draw.json alone.

const bytes = (text) => new TextEncoder().encode(text);

async function sha256(text) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Numbers are ASCII of one length: their order as text is their order as bytes.
const byText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export async function check(draw) {
  const wrong = [];
  for (const round of Object.values(draw.rounds)) {
    const numbers = round.entries.map((entry) => entry.number);
    const listed = [...numbers].sort(byText).map((number) => `${number}\n`).join("");
    if (await sha256(listed) !== round.list_hash) wrong.push(`${round.label}: 얼린 명단의 지문이 다릅니다.`);
    if (round.drawn) {
      const keyed = await Promise.all(numbers.map(async (number) => [await sha256(draw.seed + number), number]));
      const again = keyed.sort((a, b) => byText(a[0], b[0])).map(([, number]) => number);
      if (again.some((number, place) => number !== numbers[place])) wrong.push(`${round.label}: 추첨 순서가 다릅니다.`);
    }
    let left = round.places;
    for (const entry of round.entries) {
      const result = entry.size <= left ? "confirmed" : "waiting";
      if (result === "confirmed") left -= entry.size;
      if (entry.result !== result) wrong.push(`${round.label}: ${entry.number}의 결과가 다릅니다.`);
    }
  }
  return wrong;
}

const button = document.querySelector("[data-draw-run]");
const said = document.querySelector("[data-draw-said]");

button?.addEventListener("click", async () => {
  said.textContent = "다시 계산하고 있습니다.";
  try {
    const answer = await fetch(button.dataset.file);
    if (!answer.ok) throw new Error(String(answer.status));
    const draw = await answer.json();
    const wrong = await check(draw);
    const count = Object.values(draw.rounds).reduce((sum, round) => sum + round.entries.length, 0);
    said.textContent = wrong.length
      ? wrong.join(" ")
      : `맞습니다. 접수번호 ${count.toLocaleString("ko-KR")}개의 명단과 순서, 결과가 모두 같습니다.`;
  } catch {
    said.textContent = "결과 파일을 읽지 못했습니다. 잠시 뒤에 다시 하거나 파이썬 프로그램으로 확인하세요.";
  }
});
