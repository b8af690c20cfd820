// Counts a published vote again from its files alone, checks who signed it, and names every difference.
// Written from docs/rules.md, like static/verify.py and apart from it; fractions are exact (whole numbers of any size).

import { isGiven } from "./envelope.js";

const WORDINGS = {
  selected: "선정",
  "over-budget": "예산 부족",
  stopped: "앞 순위에서 선정 마감",
  "below-threshold": "기준 미달",
  duplicate: "동일 사업 중복",
  "no-votes": "득표 없음",
  withdrawn: "철회",
  "not-voted": "투표 대상 아님",
};

// ---------------------------------------------------------------- fractions: [numerator, denominator > 0], reduced

function fraction(over, under = 1n) {
  let [a, b] = [over < 0n ? -over : over, under];
  while (b) [a, b] = [b, a % b];
  return a ? [over / a, under / a] : [0n, 1n];
}

function read(text) {
  const found = /^(-?\d+)(?:\/([1-9]\d*))?$/.exec(String(text));
  if (!found) throw new Error(`수가 아닙니다: ${text}`);
  return fraction(BigInt(found[1]), BigInt(found[2] ?? 1));
}

const plus = (a, b) => fraction(a[0] * b[1] + b[0] * a[1], a[1] * b[1]);
const times = (a, b) => fraction(a[0] * b[0], a[1] * b[1]);
const by = (a, b) => fraction(a[0] * b[1], a[1] * b[0]);
const order = (a, b) => {
  const gap = a[0] * b[1] - b[0] * a[1];
  return gap < 0n ? -1 : gap > 0n ? 1 : 0;
};
const write = (a) => (a[1] === 1n ? String(a[0]) : `${a[0]}/${a[1]}`);

// ---------------------------------------------------------------- rules

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

// SHA-256 in hexadecimal; null where the browser offers none (a page that came without https).
async function sha256(text) {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Of the declared rules; null as above.
export async function fingerprint(declared) {
  return sha256(JSON.stringify(sorted(declared)));
}

function pollOf(declared) {
  const rules = declared.rules;
  const types = new Map(rules.types.map((kind) => [kind.id, kind]));
  const proposals = new Map(declared.proposals.map((each) => [each.slug, each]));
  const given = rules.bodies ?? [];
  const weights = given.map((body) => [body.id, body.weight]);
  if (given.length) weights.unshift(["online", 100 - given.reduce((sum, body) => sum + body.weight, 0)]);
  const own = rules.types.filter((kind) => kind.budget != null);
  const pots = own.map((kind) => ({ id: kind.id, budget: kind.budget, types: [kind.id] }));
  const shared = rules.types.filter((kind) => kind.budget == null).map((kind) => kind.id);
  const rest = (rules.budget ?? 0) - own.reduce((sum, kind) => sum + kind.budget, 0);
  if (shared.length) pots.push({ id: "all", budget: rest, types: shared });
  return {
    types,
    proposals,
    weights,
    pots,
    most: rules.max_picks ?? 1,
    blank: rules.blank_allowed ?? false,
    threshold: rules.threshold ?? 0,
    stop: rules.when_too_big === "stop",
    byDraw: rules.ties === "draw",
    exclusions: rules.exclusions ?? [],
    out(slug) {
      const each = proposals.get(slug);
      if (each.withdrawn) return "withdrawn";
      return types.get(each.type).max ? "" : "not-voted";
    },
    rivals(slug) {
      const groups = this.exclusions.filter((group) => group.includes(slug));
      return new Set(groups.flat().filter((other) => other !== slug));
    },
  };
}

function* faults(poll, ballot) {
  const { tracker, choices } = ballot;
  if (!choices.length && !poll.blank) yield `${tracker}: 빈 표를 받지 않는 투표입니다`;
  if (new Set(choices).size < choices.length) yield `${tracker}: 같은 제안이 두 번 있습니다`;
  if (choices.length > poll.most) yield `${tracker}: ${poll.most}개까지인데 ${choices.length}개를 골랐습니다`;
  const kinds = new Map();
  for (const slug of choices) {
    const each = poll.proposals.get(slug);
    if (!each) yield `${tracker}: 없는 제안입니다: ${slug}`;
    else {
      // Withdrawn after it was picked: the count passes over it.
      if (poll.out(slug) === "not-voted") yield `${tracker}: 고를 수 없는 제안입니다: ${slug}`;
      kinds.set(each.type, (kinds.get(each.type) ?? 0) + 1);
    }
  }
  for (const [kind, many] of kinds) {
    const limit = poll.types.get(kind).max;
    if (many > limit) yield `${tracker}: ${kind} 유형은 ${limit}개까지인데 ${many}개를 골랐습니다`;
  }
}

// ---------------------------------------------------------------- the count

function scoresOf(poll, members, votes, tables) {
  const scores = new Map(members.map((slug) => [slug, poll.weights.length ? [0n, 1n] : read(votes.get(slug) ?? 0)]));
  for (const [body, weight] of poll.weights) {
    const points = new Map();
    for (const slug of members) {
      const told = body === "online" ? votes.get(slug) ?? 0 : tables[body]?.[slug];
      if (told === undefined) throw new Error(`${body}: ${slug}의 점수가 없습니다`);
      points.set(slug, read(told));
    }
    const best = [...points.values()].reduce((a, b) => (order(a, b) < 0 ? b : a), [0n, 1n]);
    if (!best[0]) continue;
    for (const slug of members) {
      scores.set(slug, plus(scores.get(slug), by(times(read(weight), points.get(slug)), best)));
    }
  }
  return scores;
}

// Funds these proposals in this order. The purse is left as it was; a new one comes back with what became of each.
function fund(poll, slugs, purse) {
  let { left, stopped } = purse;
  const won = new Set(purse.won);
  const fates = new Map();
  for (const slug of slugs) {
    const { cost } = poll.proposals.get(slug);
    const rivals = [...poll.rivals(slug)].filter((other) => won.has(other)).sort();
    if (rivals.length) fates.set(slug, ["duplicate", rivals[0]]);
    else if (stopped) fates.set(slug, ["stopped", ""]);
    else if (cost > left) {
      fates.set(slug, ["over-budget", ""]);
      stopped = poll.stop;
    } else {
      fates.set(slug, ["selected", ""]);
      won.add(slug);
      left -= cost;
    }
  }
  return { left, stopped, won, fates };
}

function* allOrders(list) {
  if (list.length < 2) {
    yield list;
    return;
  }
  for (let at = 0; at < list.length; at += 1) {
    const others = [...list.slice(0, at), ...list.slice(at + 1)];
    for (const rest of allOrders(others)) yield [list[at], ...rest];
  }
}

// Up to five equals in every order; of more, each first and each last among the others in three orders.
function* someOrders(list) {
  if (list.length <= 5) {
    yield* allOrders(list);
    return;
  }
  for (const slug of list) {
    const others = list.filter((other) => other !== slug);
    const odd = others.filter((_, at) => at % 2);
    const even = others.filter((_, at) => at % 2 === 0);
    yield [slug, ...others];
    yield [...others, slug];
    yield [...[...others].reverse(), slug];
    yield [...odd, ...even, slug];
  }
}

// The equals whose order decides who wins, sorted; none when it is all one.
function contested(poll, group, purse) {
  const times = new Map(group.map((slug) => [slug, 0]));
  let tried = 0;
  for (const each of someOrders(group)) {
    tried += 1;
    const { won } = fund(poll, each, purse);
    for (const slug of group) if (won.has(slug)) times.set(slug, times.get(slug) + 1);
  }
  const sometimes = group.filter((slug) => times.get(slug) > 0 && times.get(slug) < tried);
  if (sometimes.length && poll.stop) sometimes.push(...group.filter((slug) => times.get(slug) === 0));
  return sometimes.sort();
}

// (lines, spent, tie) by the declared rules.
export function recount(poll, votes, tables, draw) {
  const lines = [];
  const spent = {};
  let tie = null;
  let won = new Set();
  const place = new Map(draw.map((slug, at) => [slug, at]));
  for (const pot of poll.pots) {
    const members = [...poll.proposals.values()].filter((each) => pot.types.includes(each.type)).map((each) => each.slug);
    const scores = scoresOf(poll, members, votes, tables);
    const cheaper = (a, b) => poll.proposals.get(a).cost - poll.proposals.get(b).cost || (a < b ? -1 : 1);
    const ranked = [...members].sort((a, b) => order(scores.get(b), scores.get(a)) || cheaper(a, b));
    let purse = { left: pot.budget, stopped: false, won };
    for (let at = 0; at < ranked.length; ) {
      const score = scores.get(ranked[at]);
      const group = ranked.slice(at).filter((slug) => order(scores.get(slug), score) === 0);
      const fates = new Map();
      for (const slug of group) {
        const count = votes.get(slug) ?? 0;
        if (poll.out(slug)) fates.set(slug, [poll.out(slug), ""]);
        else if (!count) fates.set(slug, ["no-votes", ""]);
        else if (count < poll.threshold) fates.set(slug, ["below-threshold", ""]);
      }
      let alive = group.filter((slug) => !fates.has(slug));
      const tied = contested(poll, alive, purse);
      if (tied.length) {
        tie ??= tied;
        if (poll.byDraw) {
          const missing = tied.filter((slug) => !place.has(slug));
          if (missing.length) throw new Error(`추첨으로 정해야 할 동점이 추첨 기록에 없습니다: ${tied.join(", ")}`);
          const drawn = (slug) => place.get(slug) ?? draw.length;
          alive = [...alive].sort((a, b) => drawn(a) - drawn(b) || cheaper(a, b));
        }
      }
      const after = fund(poll, alive, purse);
      for (const slug of group) {
        const [reason, instead] = fates.get(slug) ?? after.fates.get(slug);
        lines.push({ slug, pot: pot.id, votes: votes.get(slug) ?? 0, score: write(score), rank: at + 1, reason, instead });
      }
      purse = after;
      at += group.length;
    }
    spent[pot.id] = pot.budget - purse.left;
    won = purse.won;
  }
  return { lines, spent, tie };
}

const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value));
const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

// Did enough of the holders whom the rules name sign board and result? Empty when they did; null: cannot be told here.
async function unsigned(rules, ballots, results, board, signatures) {
  const keys = new Map((rules.keys ?? []).map((each) => [each.holder, each.signing]));
  const needed = rules.keys_needed ?? 2;
  const found = [];
  if (signatures.poll !== rules.slug) found.push(`signatures.json: 다른 투표의 서명입니다: ${signatures.poll}`);
  if (keys.size < needed || needed < 2) found.push(`열쇠를 맡은 사람이 ${keys.size}명뿐입니다`);
  const words = {
    board: await fingerprint(board),
    result: `${await fingerprint(results)}\n${await fingerprint(ballots)}`,
  };
  for (const [kind, said] of Object.entries(words)) {
    let good = 0;
    for (const [holder, signature] of Object.entries(signatures[kind])) {
      const right = await isGiven(keys.get(holder) ?? "", signature, `madang ${kind} 1\n${said}`);
      if (right === null) return null;
      if (right) good += 1;
      else found.push(`signatures.json: ${kind}: ${holder}의 서명이 맞지 않습니다`);
    }
    if (good < needed) found.push(`signatures.json: ${kind}: 서명이 ${needed}개 있어야 하는데 ${good}개입니다`);
  }
  return found;
}

// Everything that does not hold, a sentence each; nothing when the result is right. `blind` of the answer is true where
// the browser could not check the signatures.
export async function differences(ballots, results, board, signatures) {
  const found = [];
  const kinds = [[ballots, "ballots"], [results, "results"], [board, "board"], [signatures, "signatures"]];
  if (kinds.some(([each, kind]) => each.format !== `madang-${kind}/1`)) return ["모르는 형식입니다"];
  const tell = (what, told, counted) => {
    if (!same(told, counted)) found.push(`${what}: 적힌 것 ${shown(told)}, 다시 센 것 ${shown(counted)}`);
  };
  const { rules } = results.declared;
  const computed = await fingerprint(results.declared);
  if (computed) {
    tell("results.json 규칙 확인 값", results.rules_hash, computed);
    tell("results.json 명단 확인 값", results.board, await fingerprint(board));
  }
  tell("ballots.json 규칙 확인 값", ballots.rules_hash, results.rules_hash);
  tell("board.json 규칙 확인 값", board.rules, results.rules_hash);
  for (const [name, each] of Object.entries({ results, ballots, board })) tell(`${name}.json 투표`, each.poll, rules.slug);
  tell("results.json 제목", results.title, rules.title);
  const faulty = await unsigned(rules, ballots, results, board, signatures);
  found.blind = faulty === null;
  found.push(...(faulty ?? []));
  const poll = pollOf(results.declared);
  const cast = ballots.ballots;
  if (cast.some((each, at) => at && cast[at - 1].tracker >= each.tracker)) {
    found.push("ballots.json: 표 번호가 겹치거나 차례대로가 아닙니다");
  }
  for (const ballot of cast) found.push(...faults(poll, ballot));
  tell("유효한 표", results.ballots, cast.length);
  tell("무효", results.void, ballots.void.length);
  tell("빈 표", results.blank, cast.filter((each) => !each.choices.length).length);
  tell("투표한 사람", results.voters, cast.length + ballots.void.length);
  const sheets = (list) => {
    const many = {};
    for (const each of list) if (each.batch) many[each.batch] = (many[each.batch] ?? 0) + 1;
    return many;
  };
  const filled = (pairs) => Object.fromEntries(pairs.filter(([, many]) => many));
  tell("종이 표 묶음", filled(results.paper.map((each) => [each.batch, each.ballots])), sheets(cast));
  tell("board.json 종이", filled(Object.entries(board.urns)), sheets([...cast, ...ballots.void]));
  const inUrns = Object.values(board.urns).reduce((sum, many) => sum + many, 0);
  if (inUrns > board.marked) found.push(`board.json: 종이 ${inUrns}장인데 용지를 받은 사람은 ${board.marked}명입니다`);
  if (rules.assurance === 2 && board.receipts.length + board.marked > board.roll) {
    found.push(`board.json: 명부는 ${board.roll}명인데 투표한 사람이 더 많습니다`);
  }
  if (board.closed < rules.closes) found.push("board.json: 투표가 끝나기 전에 닫은 명단입니다");
  tell("다른 기구의 점수", results.tables, board.tables);
  tell("점수를 준 기구", Object.keys(board.tables).sort(), (rules.bodies ?? []).map((body) => body.id).sort());
  tell("접수증", board.receipts.length, [...cast, ...ballots.void].filter((each) => !each.batch).length);
  const known = new Set(board.receipts);
  if (new Set([...known, ...board.replaced]).size !== board.receipts.length + board.replaced.length) {
    found.push("board.json: 같은 접수증이 두 번 있습니다");
  }
  if (new Set(ballots.void.map((each) => each.receipt)).size !== ballots.void.length) {
    found.push("ballots.json: 같은 무효표가 두 번 있습니다");
  }
  for (const each of ballots.void) {
    if (!each.batch && !known.has(each.receipt)) found.push(`무효표 ${each.receipt}: 접수증 명단에 없습니다`);
  }
  const votes = new Map();
  for (const each of cast) for (const slug of each.choices) votes.set(slug, (votes.get(slug) ?? 0) + 1);
  let again;
  try {
    again = recount(poll, votes, results.tables, results.draw);
  } catch (wrong) {
    return [...found, `다시 셀 수 없습니다: ${wrong.message}`];
  }
  const published = new Map(results.lines.map((line) => [line.slug, line]));
  if (published.size !== results.lines.length || !same([...published.keys()].sort(), again.lines.map((line) => line.slug).sort())) {
    return [...found, "results.json: 제안의 목록이 규칙의 목록과 다릅니다"];
  }
  for (const line of again.lines) {
    const told = published.get(line.slug);
    const title = poll.proposals.get(line.slug).title;
    for (const name of ["pot", "votes", "rank", "reason", "instead"]) tell(`${title}(${line.slug}) ${name}`, told[name], line[name]);
    tell(`${title}(${line.slug}) 선정`, told.won, line.reason === "selected");
    tell(`${title}(${line.slug}) 결과`, told.wording, WORDINGS[line.reason]);
    tell(`${title}(${line.slug}) 점수`, write(read(told.score)), line.score);
  }
  tell("선정", [...results.winners].sort(), again.lines.filter((line) => line.reason === "selected").map((line) => line.slug).sort());
  tell("쓴 예산", results.spent, again.spent);
  tell("동점", results.tie, again.tie);
  return found;
}

// ---------------------------------------------------------------- on the page

// A document as it was written. A name that stands twice in it would be read here once, and elsewhere otherwise.
export function parse(text) {
  const document = JSON.parse(text);
  if (`${JSON.stringify(document, null, 2)}\n`.length !== text.replaceAll("\r\n", "\n").length) {
    throw new Error("파일이 쓴 그대로가 아닙니다. 같은 이름이 두 번 있을 수 있습니다");
  }
  return document;
}

async function text(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(address);
  return answer.text();
}

function start(panel) {
  const button = panel.querySelector("[data-recount-start]");
  const answer = panel.querySelector("[data-recount-answer]");
  const list = panel.querySelector("[data-recount-differences]");
  let busy = false;
  button.addEventListener("click", async () => {
    if (busy) return;
    busy = true;
    list.replaceChildren();
    answer.classList.remove("is-right", "is-wrong");
    answer.textContent = "공개된 표를 읽고 셉니다.";
    try {
      const names = ["ballots", "results", "board", "signatures"];
      const texts = await Promise.all(names.map((name) => text(`${panel.dataset.recount}${name}.json`)));
      let found;
      let many = "";
      let winners = 0;
      try {
        const documents = texts.map(parse);
        many = new Intl.NumberFormat("ko-KR").format(documents[0].ballots?.length ?? 0);
        winners = documents[1].winners?.length;
        found = await differences(...documents);
      } catch (wrong) {
        found = [`형식에 맞지 않습니다: ${wrong.message}`];
      }
      const blind = found.blind ? " 이 브라우저는 서명을 확인하지 못합니다. verify.py로 확인하세요." : "";
      answer.textContent = found.length
        ? `다릅니다. 표 ${many}장을 다시 세었는데 맞지 않는 곳이 ${found.length}곳 있습니다.`
        : `맞습니다. 표 ${many}장을 다시 세었고, 선정 ${winners}건과 모든 숫자가 공표와 같습니다.${blind}`;
      answer.classList.add(found.length ? "is-wrong" : "is-right");
      list.replaceChildren(...found.slice(0, 200).map((text) => {
        const line = document.createElement("li");
        line.textContent = text;
        return line;
      }));
    } catch {
      answer.textContent = "파일을 읽지 못했습니다. 인터넷 연결을 확인하고 다시 눌러 주세요.";
    } finally {
      busy = false;
    }
  });
}

if (typeof document !== "undefined") {
  for (const panel of document.querySelectorAll("[data-recount]")) start(panel);
}
