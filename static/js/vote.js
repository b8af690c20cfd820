// The ballot: limits, the voter's picks, search, and the sealed way from check to receipt.
// Without this file, or without WebCrypto, the plain form does the same step by step, and the server seals.
import { josa } from "./josa.js";
import { hush, say } from "./site.js";

const won = new Intl.NumberFormat("ko-KR");

// As civic/korean.py says it: 45000000 -> "4,500만 원".
function money(amount) {
  if (amount < 10000) return `${won.format(amount)}원`;
  const parts = [];
  const eok = Math.floor(amount / 1e8);
  const man = Math.floor((amount % 1e8) / 1e4);
  const odd = amount % 1e4;
  if (eok) parts.push(`${won.format(eok)}억`);
  if (man) parts.push(`${won.format(man)}만`);
  if (odd) parts.push(won.format(odd));
  return parts.join(" ") + (odd ? "원" : " 원");
}

const memory = {
  get(key) {
    try {
      return JSON.parse(sessionStorage.getItem(key));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      if (value === null) sessionStorage.removeItem(key);
      else sessionStorage.setItem(key, JSON.stringify(value));
    } catch {
      // No storage: the picks live as long as the page.
    }
  },
};

// The same seed gives the same order: every visitor another one, and each their own again on every visit.
export function shuffled(list, seed) {
  let state = seed >>> 0;
  // mulberry32
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const out = [...list];
  for (let last = out.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [out[last], out[other]] = [out[other], out[last]];
  }
  return out;
}

function item(text, detail) {
  const line = document.createElement("li");
  const strong = document.createElement("strong");
  strong.textContent = text;
  line.append(strong);
  if (detail) {
    const more = document.createElement("span");
    more.textContent = detail;
    line.append(" ", more);
  }
  return line;
}

function warn(text) {
  say(text, "alert", 6);
}

async function post(address, body) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  let content = {};
  try {
    content = await answer.json();
  } catch {
    // Not JSON: the status says enough.
  }
  return { ok: answer.ok, content };
}

// A message beside a field, tied to it; "" takes it away.
function tell(form, name, message) {
  const box = form.querySelector(`[data-field="${name}"]`);
  if (!box) return warn(message);
  const input = box.querySelector("input");
  const id = `${input.id}-error`;
  let line = document.getElementById(id);
  const tied = new Set((input.getAttribute("aria-describedby") || "").split(" ").filter(Boolean));
  box.classList.toggle("has-error", Boolean(message));
  input.classList.toggle("is-error", Boolean(message));
  if (!message) {
    line?.remove();
    tied.delete(id);
    input.removeAttribute("aria-invalid");
  } else {
    if (!line) {
      line = document.createElement("p");
      line.id = id;
      line.className = "form-hint-invalid";
      box.querySelector(".form-conts").after(line);
    }
    line.textContent = message;
    tied.add(id);
    input.setAttribute("aria-invalid", "true");
    input.focus();
  }
  input.setAttribute("aria-describedby", [...tied].join(" "));
  return undefined;
}

function start(form) {
  const poll = form.dataset.ballot;
  const key = `madang-ballot-${poll}`;
  const api = `/api/votes/${poll}`;
  const panel = document.querySelector("[data-my-vote]");
  const steps = document.querySelector("[data-steps]");
  const casting = document.querySelector("[data-casting]");
  const boxes = [...form.querySelectorAll('input[name="choices"]')];
  const groups = [...form.querySelectorAll("[data-type]")];
  const most = Number(form.dataset.most);
  // the server counts it, and so gets the choices
  const light = "light" in form.dataset;
  const of = (box) => box.closest("[data-proposal]").dataset;
  const titleOf = (box) => box.closest("[data-proposal]").querySelector(".card-title").textContent.trim();
  const picked = () => boxes.filter((box) => box.checked);

  // ------------------------------------------------------------ order

  let seed = memory.get("madang-ballot-seed");
  if (!Number.isInteger(seed)) {
    [seed] = crypto.getRandomValues(new Uint32Array(1));
    memory.set("madang-ballot-seed", seed);
  }
  for (const list of form.querySelectorAll("[data-shuffle]")) {
    // From one known order, whatever order the page was built in.
    const known = [...list.children].sort((a, b) => (a.dataset.proposal < b.dataset.proposal ? -1 : 1));
    list.append(...shuffled(known, seed));
  }

  // ------------------------------------------------------------ picks

  function show() {
    const chosen = picked();
    for (const box of boxes) box.closest("[data-proposal]").classList.toggle("is-picked", box.checked);
    const counts = groups.map((group) => {
      const part = document.createElement("span");
      const number = document.createElement("strong");
      number.textContent = String(chosen.filter((box) => group.contains(box)).length);
      part.append(`${group.dataset.label} `, number, `/${group.dataset.most}`);
      return part;
    });
    panel.querySelector("[data-counts]").replaceChildren(...counts.flatMap((part) => [part, " "]));
    const sum = chosen.reduce((total, box) => total + Number(of(box).cost), 0);
    if (!light) {
      panel.querySelector("[data-sum]").textContent = money(sum);
      panel.querySelector("[data-bar]").value = sum;
    }
    panel.querySelector("[data-picked]").replaceChildren(...chosen.map((box) => item(titleOf(box))));
    memory.set(key, { rules: form.dataset.rules, choices: chosen.map((box) => box.value) });
  }

  const kept = memory.get(key);
  if (kept?.rules === form.dataset.rules && !picked().length) {
    for (const box of boxes) box.checked = kept.choices.includes(box.value);
  }

  form.addEventListener("change", (event) => {
    const box = event.target;
    if (box.name !== "choices") return;
    const group = box.closest("[data-type]");
    const here = picked().filter((one) => group.contains(one)).length;
    if (box.checked && here > Number(group.dataset.most)) {
      // at the limit: undo, and say why
      box.checked = false;
      warn(`${josa(group.dataset.label, "은/는")} ${group.dataset.most}개까지 고를 수 있습니다. 먼저 고른 것을 하나 빼 주세요.`);
    } else if (box.checked && picked().length > most) {
      box.checked = false;
      warn(`모두 합해 ${most}개까지 고를 수 있습니다. 먼저 고른 것을 하나 빼 주세요.`);
    // what it said no longer holds
    } else hush();
    show();
  });

  // ------------------------------------------------------------ search

  const search = form.querySelector("[data-search]");
  const area = form.querySelector("[data-area-filter]");
  const rows = [...form.querySelectorAll("[data-proposal]")];
  for (const name of [...new Set(rows.map((row) => row.dataset.area))].filter(Boolean).sort()) {
    area.append(new Option(name, name));
  }
  function filter() {
    const words = search.value.normalize("NFC").toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const row of rows) {
      const text = row.textContent.normalize("NFC").toLowerCase();
      const fits = words.every((word) => text.includes(word)) && (!area.value || row.dataset.area === area.value);
      // a pick never goes out of sight
      row.hidden = !fits && !row.querySelector("input:checked");
      if (fits) found += 1;
    }
    const asked = words.length || area.value;
    if (asked) for (const fold of form.querySelectorAll(".group-fold")) fold.open = true;
    form.querySelector("[data-found]").textContent = asked ? `${found}개를 찾았습니다. 고른 제안은 늘 보입니다.` : "";
  }
  search.addEventListener("input", filter);
  area.addEventListener("change", filter);
  search.addEventListener("keydown", (event) => {
    // would send the ballot
    if (event.key === "Enter") event.preventDefault();
  });

  show();
  // no secure context: the server seals
  if (!globalThis.crypto?.subtle) return;

  // ------------------------------------------------------------ check, code, receipt

  const contactForm = steps.querySelector("[data-contact-form]");
  const codeForm = steps.querySelector("[data-code-form]");
  // of whom an identity provider named
  const ticketForm = steps.querySelector("[data-ticket-form]");
  // where this browser has just proven its phone
  const provenForm = steps.querySelector("[data-proven-form]");
  for (const own of [contactForm, codeForm]) if (own) own.noValidate = true;
  let contact = "";
  // of our own asking for a code: nobody else can use up its tries
  let request = "";
  // kept for a second try: the same envelope, the same receipt
  let sealed = null;
  // of a light ballot: the same post again, the same receipt
  let submission = "";
  let busy = false;

  function go(step) {
    hush();
    casting.hidden = step !== "pick";
    steps.hidden = step === "pick";
    for (const part of steps.querySelectorAll("[data-step]")) part.hidden = part.dataset.step !== step;
    const heading = step === "pick" ? document.getElementById("main") : document.getElementById(`step-${step}`);
    heading.focus();
    heading.scrollIntoView({ block: "start" });
  }

  // Whoever has just proven a phone, for a sign-up or another vote, needs no second code.
  async function askProof() {
    if (!provenForm) return;
    let fresh = false;
    try {
      const answer = await fetch("/api/contacts/ticket", { headers: { Accept: "application/json" } });
      ({ fresh } = await answer.json());
    } catch {
      // Nothing is known of a proof: a code then.
    }
    provenForm.hidden = fresh !== true;
    contactForm.hidden = fresh === true;
  }

  function listPicks(place) {
    const lines = picked().map((box) => item(titleOf(box), light ? "" : money(Number(of(box).cost))));
    place.replaceChildren(...(lines.length ? lines : [item("아무것도 고르지 않은 표입니다.")]));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!picked().length && !("blank" in form.dataset)) {
      warn("하나 이상 골라 주세요.");
      boxes[0]?.focus();
      return;
    }
    sealed = null;
    submission = light ? crypto.randomUUID() : "";
    // so that it is there when the ballot is sealed
    if (!light) import("./envelope.js");
    listPicks(steps.querySelector("[data-confirm]"));
    once(form, async () => {
      await askProof();
      go("check");
    });
  });

  for (const button of steps.querySelectorAll("[data-back]")) {
    button.addEventListener("click", () => go(button.dataset.back));
  }

  // One request at a time; whatever fails is said, and nothing that was typed or picked is lost.
  async function once(own, act) {
    if (busy) return;
    busy = true;
    try {
      await act();
    } catch {
      warn("보내지 못했습니다. 인터넷 연결을 확인하고 다시 눌러 주세요. 고른 것은 그대로 있습니다.");
    } finally {
      busy = false;
    }
  }

  function refuse(own, name, content) {
    const errors = content.errors?.length ? content.errors : [{ field: name, message: content.detail || "다시 해 주세요." }];
    for (const error of errors) tell(own, error.field === "envelope" ? name : error.field, error.message);
  }

  // Seals once, sends, and shows the receipt.
  async function cast(own, name, proof) {
    if (light) {
      const { ok, content } = await post(`${api}/ballots`, { ...proof, choices: picked().map((box) => box.value), submission });
      return ok ? done(content.receipt, content.tracker, content.signature) : refuse(own, name, content);
    }
    const { seal, isGiven } = await import("./envelope.js");
    sealed ??= await seal(picked().map((box) => box.value), {
      poll,
      rules: form.dataset.rules,
      keys: form.dataset.keys.split(" "),
      needed: Number(form.dataset.needed),
      room: Number(form.dataset.room),
    });
    const { ok, content } = await post(`${api}/ballots`, { ...proof, envelope: sealed.envelope });
    if (!ok) return refuse(own, name, content);
    if (content.receipt !== sealed.receipt) {
      warn("서버가 준 접수증이 봉한 투표용지와 다릅니다. 담당 부서에 알려 주세요.");
      return;
    }
    const words = `madang receipt 1\n${poll}\n${form.dataset.rules}\n${sealed.receipt}`;
    const given = await isGiven(form.dataset.receiptKey, content.signature, words);
    done(sealed.receipt, sealed.tracker, content.signature);
    if (given === false) warn("서버의 서명이 규칙에 적힌 열쇠와 맞지 않습니다. 이 화면을 찍어 담당 부서와 감사 부서에 알려 주세요.");
    return undefined;
  }

  function done(receipt, tracker, signature) {
    for (const [name, told] of Object.entries({ receipt, tracker, signature })) {
      steps.querySelector(`[data-${name}]`).textContent = told;
    }
    listPicks(steps.querySelector("[data-cast]"));
    contactForm?.reset();
    codeForm?.reset();
    memory.set(key, null);
    for (const box of boxes) box.checked = false;
    contact = request = "";
    sealed = null;
    go("receipt");
  }

  ticketForm?.addEventListener("submit", (event) => {
    event.preventDefault();
    once(ticketForm, () => cast(ticketForm, "ticket", { ticket: ticketForm.elements.ticket.value }));
  });

  provenForm?.addEventListener("submit", (event) => {
    event.preventDefault();
    once(provenForm, async () => {
      await cast(provenForm, "ticket", {});
      // it may be too old by now
      if (steps.querySelector('[data-step="receipt"]').hidden) await askProof();
    });
  });

  contactForm?.addEventListener("submit", (event) => {
    event.preventDefault();
    once(contactForm, async () => {
      contact = contactForm.elements.contact.value.trim();
      tell(contactForm, "contact", contact ? "" : contactForm.querySelector("[data-field]").dataset.message);
      if (!contact) return;
      const { ok, content } = await post(`${api}/code`, { contact });
      if (!ok) return refuse(contactForm, "contact", content);
      request = content.request;
      // of a demonstration, which sends nothing
      const shown = steps.querySelector("[data-demo-code]");
      if (shown) shown.textContent = content.code ?? "";
      steps.querySelector("[data-contact]").textContent = contact;
      codeForm.reset();
      tell(codeForm, "code", "");
      go("code");
      codeForm.elements.code.focus();
    });
  });

  codeForm?.addEventListener("submit", (event) => {
    event.preventDefault();
    once(codeForm, async () => {
      const code = codeForm.elements.code.value.trim();
      tell(codeForm, "code", code ? "" : "인증번호 여섯 자리를 적어 주세요.");
      if (code) await cast(codeForm, "code", { contact, code, request });
    });
  });

  if (ticketForm) {
    // Back from the provider: its address says nothing after a reload, and the picks are waiting.
    history.replaceState(null, "", `/votes/${poll}/`);
    if (picked().length) form.requestSubmit();
  }
}

if (typeof document !== "undefined") {
  for (const form of document.querySelectorAll("form[data-ballot]")) start(form);
}
