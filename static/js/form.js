// A form that checks before sending, clears what was corrected, counts characters and keeps a draft.
// The server checks everything again; without this file the form works all the same.

const PRIVATE = new Set(["name", "phone", "email", "birth_date", "consent", "website", "step", "submission_id"]);
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

// What is wrong with one field: a sentence, or "".
function mistake(box) {
  let value = answer(box);
  if (typeof value === "string") value = value.normalize("NFKC"); // full-width digits are digits
  const message = box.dataset.message || "이 칸을 적어 주세요.";
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

  function kept(name) {
    return name && !PRIVATE.has(name);
  }

  function save() {
    const values = [...new FormData(form)].filter(([name, value]) => kept(name) && value);
    try {
      if (values.length) sessionStorage.setItem(key, JSON.stringify(values));
      else sessionStorage.removeItem(key);
      if (note && values.length) note.textContent = "이름과 연락처를 뺀 답을 이 창을 닫을 때까지 임시로 저장했습니다.";
    } catch {
      // No storage: no draft.
    }
  }

  function restore() {
    let values;
    try {
      values = JSON.parse(sessionStorage.getItem(key) || "[]");
    } catch {
      return;
    }
    for (const [name, value] of values) {
      if (!kept(name)) continue;
      for (const one of form.querySelectorAll(`[name="${CSS.escape(name)}"]`)) {
        if (one.type === "hidden") continue;
        if (/^(radio|checkbox)$/.test(one.type)) one.checked = one.checked || one.value === value;
        else if (!one.value) one.value = value;
      }
    }
  }

  restore();
  form.addEventListener("input", (event) => {
    if (!kept(event.target.name)) return;
    clearTimeout(timer);
    timer = setTimeout(save, 600);
  });
}

function careFor(form) {
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
  });

  form.addEventListener("input", (event) => {
    const box = event.target.closest(".has-error[data-field]");
    if (box && !mistake(box)) show(box, "");
  });

  let last = 0;
  form.addEventListener("submit", (event) => {
    const wrong = boxes.map((box) => [box, mistake(box)]).filter(([box, message]) => {
      show(box, message);
      return message;
    });
    if (summary) summarise(summary, wrong.map(([box, message]) => [box.dataset.field, message]));
    if (wrong.length) {
      event.preventDefault();
      (summary || controls(wrong[0][0])[0]).focus();
      summary?.scrollIntoView({ block: "start" });
    } else if (Date.now() - last < 3000) {
      event.preventDefault(); // pressed twice
    } else {
      last = Date.now();
    }
  });
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
