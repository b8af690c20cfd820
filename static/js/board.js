// Finds a receipt or a tracker in the published lists. What is typed stays on this device: the lists come whole.
import { josa } from "./josa.js";

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return answer.json();
}

const plain = (text) => text.normalize("NFKC").toUpperCase().replace(/[^0-9A-Z~]/g, "");

function paragraph(text) {
  const line = document.createElement("p");
  line.textContent = text;
  return line;
}

function start(form) {
  const input = form.querySelector("input");
  const answer = form.querySelector("[data-answer]");
  const { receipts, ballots, results } = form.dataset;
  const numbers = ballots ? "접수증 번호나 표 번호" : "접수증 번호";
  let lists = null;

  function look(wanted) {
    const [board, cast, declared] = lists;
    const receipt = board?.receipts.find((each) => plain(each) === wanted);
    if (receipt) return [`접수증 ${josa(receipt, "이/가")} 명단에 있습니다. 내 봉한 투표용지가 그대로 투표함에 있었습니다.`];
    const before = board?.replaced.find((each) => plain(each) === wanted);
    if (before) return [`접수증 ${josa(before, "은/는")} 다시 투표해 바뀐 것으로 적혀 있습니다. 다시 투표하지 않았다면 담당 부서와 감사 부서에 알려 주세요.`];
    const mine = (cast?.ballots ?? []).filter((each) => plain(each.tracker).split("~")[0] === wanted.split("~")[0]);
    // Both numbers look alike: whoever types a tracker where no ballots are published must not think that theirs is lost.
    const never = ballots ? "" : "표 번호는 이 투표에서 공개하지 않습니다. ";
    if (!mine.length) return [`그런 ${numbers}가 없습니다. ${never}번호를 다시 확인하고, 그래도 없으면 담당 부서에 알려 주세요.`];
    const titles = new Map(declared.declared.proposals.map((each) => [each.slug, each.title]));
    const told = mine.map((each) => `표 번호 ${each.tracker}: ${each.choices.map((slug) => titles.get(slug) ?? slug).join(", ") || "빈 표"}`);
    return mine.length > 1 ? [...told, "같은 표 번호의 표가 둘 넘게 있습니다. 담당 부서에 알려 주세요."] : told;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const wanted = plain(input.value);
    if (!wanted) {
      answer.replaceChildren(paragraph(`${numbers}를 적어 주세요.`));
      input.focus();
      return;
    }
    try {
      lists ??= await Promise.all([receipts, ballots, results].map((address) => (address ? json(address) : null)));
      answer.replaceChildren(...look(wanted).map(paragraph));
    } catch {
      lists = null;
      answer.replaceChildren(paragraph("명단을 읽지 못했습니다. 인터넷 연결을 확인하고 다시 찾아 주세요."));
    }
  });
}

if (typeof document !== "undefined") {
  for (const form of document.querySelectorAll("[data-find]")) start(form);
}
