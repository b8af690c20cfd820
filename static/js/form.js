// A form that checks before sending, clears what was corrected, counts characters, keeps a draft, waits for its opening and
// goes through its steps on one page. The server checks everything again; without this file the form works all the same.
import { follow, isTold, now } from "./clock.js";
import { clock, left, opening, state } from "./status.js";

const KEPT = /^(round|party|answers\..+)$/; // of a draft: never who somebody is
const AWAY = "보내지 못했습니다. 적은 내용은 이 화면에 그대로 있습니다. 잠시 뒤에 다시 눌러 주세요. 여러 번 눌러도 한 번만 접수됩니다.";
const RESIDENT = /(?<!\d)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[\s\-\u2010-\u2015.·~_/]{0,5}[0-9]( ?\d){6}(?!\d)/;
const NO_RESIDENT = "주민등록번호는 받지 않습니다. 지우고 다시 보내 주세요. 계좌번호라면 110-123-456789처럼 붙임표를 넣어 주세요.";
const PHONE = /^\D*(\d\D{0,3}){9,15}$/; // every way to write one; the server knows which there are
const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

const fieldId = (name) => `f-${name.replace(/[._]/g, "-")}`;
const titleAtFirst = document.title.replace(/^오류: /, "");

function controls(box) {
  return [...box.querySelectorAll("input, select, textarea")];
}

function answer(box) {
  const all = controls(box);
  if (/^(radio|checkbox)$/.test(all[0]?.type)) return all.filter((one) => one.checked).map((one) => one.value);
  return all[0]?.value.trim() ?? "";
}

// How many signs a person sees: a family of four is one.
function length(text) {
  return [...(Intl.Segmenter ? new Intl.Segmenter("ko").segment(text) : text)].length;
}

// As civic/text.py finds it in the usual spellings; whatever else there is, the server finds.
function holdsResident(text) {
  return RESIDENT.test(text.normalize("NFKC"));
}

// What is wrong with one field: a sentence, or "".
function mistake(box) {
  let value = answer(box);
  if (typeof value === "string") value = value.normalize("NFKC"); // full-width digits are digits
  const message = box.dataset.message || "이 칸을 적어 주세요.";
  if ([value].flat().some(holdsResident) && !/^\s*\+/.test(value)) return NO_RESIDENT;
  if (!value.length) return "required" in box.dataset ? message : "";
  const pattern = box.dataset.pattern;
  if (pattern === "tel" && !PHONE.test(value)) return message;
  if (pattern === "email" && !EMAIL.test(value)) return message;
  if (pattern === "number" && !/^[+-]?\d[\d,\s억만천]{0,20}[가-힣]{0,2}$/.test(value)) return message;
  if (pattern === "last4" && !/^\d{4}$/.test(value)) return message;
  const most = Number(box.dataset.most || 0);
  if (most && value.length > most) return `${most}개까지 고를 수 있습니다.`;
  const max = Number(box.querySelector("[data-max]")?.dataset.max || 0);
  if (max && length(value) > max) return `${max}자까지 적을 수 있습니다. 지금 ${length(value)}자입니다.`;
  return "";
}

function show(box, message) {
  const id = fieldId(box.dataset.field);
  let text = document.getElementById(`${id}-error`);
  const all = controls(box);
  const several = all.length > 1 && box.matches("fieldset");
  const tied = several ? box : all[0];
  const ids = new Set((tied.getAttribute("aria-describedby") || "").split(" ").filter(Boolean));
  if (!message) {
    text?.remove();
    ids.delete(`${id}-error`);
  } else {
    if (!text) {
      text = document.createElement("p");
      text.id = `${id}-error`;
      text.className = "form-hint-invalid";
      const before = box.querySelector(".form-hint, .choice, .rounds");
      if (before && before.parentElement === box) before.before(text);
      else box.append(text);
    }
    const spoken = document.createElement("span");
    spoken.className = "sr-only";
    spoken.textContent = "오류: ";
    text.replaceChildren(spoken, message);
    ids.delete(`${id}-error`);
  }
  const order = message ? [`${id}-error`, ...ids] : [...ids];
  if (order.length) tied.setAttribute("aria-describedby", order.join(" "));
  else tied.removeAttribute("aria-describedby");
  box.classList.toggle("has-error", Boolean(message));
  for (const one of all) {
    if (several) continue;
    one.classList.toggle("is-error", Boolean(message));
    if (message) one.setAttribute("aria-invalid", "true");
    else one.removeAttribute("aria-invalid");
  }
}

function summarise(summary, wrong) {
  const list = summary.querySelector("ul");
  list.replaceChildren(...wrong.map(([name, message]) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `#${fieldId(name)}`;
    link.textContent = message;
    item.append(link);
    return item;
  }));
  summary.querySelector("[data-error-count]").textContent = String(wrong.length);
  summary.hidden = !wrong.length;
  document.title = wrong.length ? `오류: ${titleAtFirst}` : titleAtFirst;
}

function count(area) {
  const place = document.getElementById(`${area.id}-hint`)?.querySelector("[data-counter]");
  if (place) place.textContent = `지금 ${length(area.value)}자`;
}

// Drafts live until the tab closes, and never hold who somebody is: phones and computers are shared.
function drafts(form) {
  const key = `madang-draft-${form.dataset.form}`;
  const note = form.querySelector("[data-draft-note]");
  let timer = 0;

  function isKept(one) {
    return KEPT.test(one.name) && one.name !== "answers.companions" && !/^(tel|email|hidden)$/.test(one.type) && !one.autocomplete.match(/name|tel|email|address|bday/);
  }

  function save() {
    const values = [...form.elements]
      .filter((one) => isKept(one) && (/^(radio|checkbox)$/.test(one.type) ? one.checked : one.value) && !holdsResident(one.value))
      .map((one) => [one.name, one.value, one.closest("[data-field]")?.querySelector("legend, label")?.textContent.trim() ?? ""]);
    try {
      if (values.length) sessionStorage.setItem(key, JSON.stringify(values));
      else sessionStorage.removeItem(key);
      if (note && values.length) note.textContent = "이름과 연락처를 뺀 답을 이 창을 닫을 때까지 임시로 저장했습니다.";
    } catch {
      // No storage: no draft.
    }
  }

  // What still fits comes back; what the form no longer asks, or no longer offers, is shown.
  function restore() {
    let values = [];
    try {
      values = JSON.parse(sessionStorage.getItem(key) || "[]");
    } catch {
      // Nothing to read.
    }
    const lost = [];
    for (const [name, value, label] of values) {
      const all = [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)].filter(isKept);
      const choices = all.filter((one) => /^(radio|checkbox)$/.test(one.type));
      const fitting = choices.length ? choices.filter((one) => one.value === value) : all;
      for (const one of fitting) {
        if (choices.length) one.checked = true;
        else if (!one.value) one.value = value;
      }
      const fits = fitting.some((one) => one.type !== "select-one" || [...one.options].some((each) => each.value === value));
      if (!fits) lost.push(label ? `${label}: ${value}` : value);
    }
    if (values.length) form.dataset.typed = "";
    if (lost.length && note) note.textContent = `신청서가 바뀌었습니다. 전에 적은 것 가운데 지금 칸이 없는 것: ${lost.join(" / ")}`;
  }

  restore();
  form.addEventListener("input", (event) => {
    if (!KEPT.test(event.target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(save, 600);
  });
}

// ------------------------------------------------------------ the opening

// The button of a form that is not open can be reached and says why it waits; at the second it opens, whoever has the focus.
function waitFor(form) {
  const button = form.querySelector("[data-send]");
  if (!button) return () => "";
  const chosen = () => form.querySelector('[name="round"]:checked, input[type="hidden"][name="round"]')?.value ?? "";
  function why() {
    const found = isTold() ? state(form.dataset.form, chosen(), form) : "";
    if (found === "closed") return "신청을 마감했습니다. 적은 내용은 보내지 않았습니다.";
    if (found !== "upcoming") return "";
    const opens = opening(form.dataset.form, chosen(), form);
    if (opens <= now()) return "지금은 접수하지 않습니다. 담당 부서에 문의해 주세요.";
    return `${clock(opens)}에 버튼이 열립니다(${left(opens, now())} 남음). 적은 내용은 그대로 있고, 스스로 보내지는 않습니다.`;
  }
  const note = form.querySelector("[data-clock-note]");
  function show() {
    if (why()) button.setAttribute("aria-disabled", "true");
    else if (button.hasAttribute("aria-disabled")) {
      button.removeAttribute("aria-disabled");
      note.textContent = "신청을 시작했습니다. 이제 누를 수 있습니다.";
    }
  }
  follow(show);
  form.addEventListener("change", show);
  return () => {
    const said = why();
    if (said) {
      note.textContent = ""; // so that the same words are said again
      note.textContent = said;
    }
    return said;
  };
}

// ------------------------------------------------------------ the steps, on one page

// What the server answers to a step takes the place of the page, and Back brings the page back as it was left.
const steps = { main: document.getElementById("main"), own: null, title: "", next: null, busy: false, subject: "" };
const SENT = "madang-sent"; // in this tab: the form that was stored last

function remember(name, value) {
  try {
    sessionStorage.setItem(name, value);
  } catch {
    // No storage: the browser may fill the form again when somebody goes back to it.
  }
}

function replace(nodes, title) {
  steps.main.replaceChildren(...nodes);
  document.title = title;
}

function showAnswer(page) {
  if (!steps.own) {
    steps.own = [...steps.main.childNodes];
    steps.title = document.title;
    history.replaceState({ own: true }, ""); // told apart from a jump within the page
    history.pushState({ step: true }, "");
  }
  replace(page.querySelector("main").childNodes, page.title);
  for (const form of steps.main.querySelectorAll('form[action^="/api/forms/"]')) takeOver(form, () => "");
  const summary = steps.main.querySelector("[data-error-summary]:not([hidden])");
  const heading = steps.main.querySelector("h1");
  heading.tabIndex = -1;
  (summary ?? heading).focus();
  window.scrollTo(0, 0);
}

// Back at the form itself; refused: the page with what must be corrected, or why it was refused.
function showForm(refused) {
  if (steps.own) replace(steps.own, steps.title);
  steps.own = null;
  const form = steps.main.querySelector("form[data-form]");
  steps.main.querySelector("[data-refusal]")?.remove();
  if (!refused) return form.querySelector("[data-send]").focus();
  const panel = refused.querySelector("[data-refusal]");
  const wrong = [...refused.querySelectorAll("[data-error-summary] a")].map((link) => [link.hash, link.textContent]);
  for (const [hash, message] of wrong) {
    const box = document.querySelector(hash)?.closest("[data-field]");
    if (box) show(box, message);
  }
  const summary = form.parentElement.querySelector("[data-error-summary]") || steps.main.querySelector("[data-error-summary]");
  summarise(summary, wrong.map(([hash, message]) => [hash.replace("#f-", ""), message]));
  if (panel) form.before(panel);
  const sent = refused.querySelector('[name="submission_id"]');
  if (sent && !form.querySelector('[name="submission_id"]')) form.prepend(sent);
  (panel ?? summary).focus();
  (panel ?? summary).scrollIntoView({ block: "start" });
  return undefined;
}

window.addEventListener("popstate", (event) => {
  if (!steps.own || !event.state?.own) return;
  showForm(steps.next);
  steps.next = null;
});

function noteOf(form) {
  let note = form.querySelector("[data-clock-note]");
  if (!note) {
    note = document.createElement("p");
    note.className = "form-note";
    note.dataset.clockNote = "";
    note.setAttribute("role", "alert");
    form.append(note);
  }
  return note;
}

async function send(form, button, isAgain = false) {
  const body = new URLSearchParams(new FormData(form));
  if (button?.name) body.set(button.name, button.value);
  let answer;
  try {
    const signal = AbortSignal.timeout?.(20000); // whoever waits longer may press again: it is the same sign-up
    answer = await fetch(form.action, { method: "POST", body, signal, headers: { Accept: "text/html" } });
  } catch {
    answer = null;
  }
  if (answer?.redirected) {
    remember(SENT, steps.subject);
    return location.replace(answer.url);
  }
  if (!answer || answer.status >= 500) {
    noteOf(form).textContent = AWAY;
    return undefined;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const refusal = page.querySelector("[data-refusal]");
  const early = refusal?.dataset.refusal === "not-open" ? Date.parse(refusal.dataset.opens) - now() : Infinity;
  if (early < 1500 && !isAgain) { // some milliseconds: once more, the same sign-up
    await new Promise((later) => setTimeout(later, Math.max(early, 0) + 200));
    return send(form, button, true);
  }
  if (!page.querySelector("main form[data-form]")) return showAnswer(page);
  if (!steps.own) return showForm(page);
  steps.next = page;
  return history.back();
}

// mistakes(): "" when the form may go.
function takeOver(form, mistakes) {
  let last = 0;
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    const isStep = form.action.includes("/api/forms/");
    const isTwice = steps.busy || (!isStep && Date.now() - last < 3000);
    if (isStep || isTwice || mistakes()) event.preventDefault();
    else last = Date.now();
    if (!isStep || isTwice) return;
    if (button?.value === "edit" && steps.own) history.back();
    else if (!mistakes()) {
      steps.busy = true;
      try {
        await send(form, button);
      } finally {
        steps.busy = false;
      }
    }
  });
}

// ------------------------------------------------------------ one form

function careFor(form) {
  if (form.dataset.opens) steps.subject = form.dataset.form;
  form.noValidate = true; // our messages stand beside the fields and stay there
  const boxes = [...form.querySelectorAll("[data-field]")];
  const summary = form.parentElement.querySelector("[data-error-summary]")
    || document.querySelector("main [data-error-summary]");
  if (form.querySelector("[data-draft-note]")) drafts(form);
  for (const area of form.querySelectorAll("textarea[data-max]")) {
    count(area);
    area.addEventListener("input", () => count(area));
  }

  form.addEventListener("change", (event) => {
    const one = event.target;
    const box = one.closest("[data-field]");
    const most = Number(box?.dataset.most || 0);
    if (most && one.checked && answer(box).length > most) {
      one.checked = false; // at the limit: undo, and say why
      show(box, `${most}개까지 고를 수 있습니다. 먼저 고른 것을 하나 빼 주세요.`);
    }
    if (one.name === "birth_date" && /^\d{8}$/.test(one.value)) {
      one.value = one.value.replace(/(\d{4})(\d\d)(\d\d)/, "$1-$2-$3");
    }
    if (box && holdsResident(one.value) && mistake(box) === NO_RESIDENT) show(box, NO_RESIDENT);
  });

  form.addEventListener("input", (event) => {
    form.dataset.typed = "";
    const box = event.target.closest(".has-error[data-field]");
    if (box && !mistake(box)) show(box, "");
  });

  const whyNot = form.dataset.opens ? waitFor(form) : () => "";
  takeOver(form, () => {
    const wrong = boxes.map((box) => [box, mistake(box)]).filter(([box, message]) => {
      show(box, message);
      return message;
    });
    if (summary) summarise(summary, wrong.map(([box, message]) => [box.dataset.field, message]));
    if (wrong.length) {
      (summary || controls(wrong[0][0])[0]).focus();
      summary?.scrollIntoView({ block: "start" });
    }
    return wrong.length ? "wrong" : whyNot();
  });
}

// Who has proven a phone in this browser (data-proven, on the page of their own entries) is told of an entry that is there.
async function showApplied(place) {
  try {
    if (!(Date.parse(localStorage.getItem("madang-proven")) > now())) return;
    const answer = await fetch("/api/my", { headers: { Accept: "application/json" } });
    if (!answer.ok) return localStorage.removeItem("madang-proven");
    const { entries } = await answer.json();
    const there = entries.find((each) => each.subject === place.dataset.applied && /^(received|confirmed|waiting|offered)$/.test(each.state));
    if (!there) return;
    const link = document.createElement("a");
    link.href = "/api/my";
    link.textContent = "내 신청 보기";
    place.replaceChildren(`인증한 번호로 이미 신청하셨습니다(${there.round_label}). `, link);
    place.hidden = false;
  } catch {
    // Not known, then: the check says it.
  }
}

// A link in the summary leads to the field itself, not merely near it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-error-summary] a");
  const target = link && document.getElementById(link.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  target.focus();
  target.closest("[data-field]")?.scrollIntoView({ block: "start" });
});

for (const form of document.querySelectorAll("form[data-form]")) careFor(form);
for (const place of document.querySelectorAll("[data-applied]")) showApplied(place);
// Back from the receipt: the page itself and not its last step, with an empty form, for computers are shared.
window.addEventListener("pageshow", (event) => {
  if (event.persisted && steps.own) showForm(null);
  try {
    if (!steps.subject || sessionStorage.getItem(SENT) !== steps.subject) return;
    sessionStorage.removeItem(SENT);
  } catch {
    return;
  }
  const form = steps.main.querySelector("form[data-form]");
  form.reset();
  form.querySelector('[name="submission_id"]')?.remove();
});
