// Every page: settings, the phone's menu, live places, share, print, copy. Each works alone.
const root = document.documentElement;

function showSettings() {
  const now = { mode: root.dataset.krdsMode || "light", size: root.dataset.size || "medium" };
  for (const button of document.querySelectorAll("[data-set]")) {
    button.setAttribute("aria-pressed", String(now[button.dataset.set] === button.dataset.value));
  }
}

function choose(button) {
  const { set, value } = button.dataset;
  if (set === "mode") root.dataset.krdsMode = value;
  else if (value === "medium") delete root.dataset.size;
  else root.dataset.size = value;
  try {
    localStorage.setItem(`madang-${set}`, value);
  } catch {
    // Not kept for the next page; this one still changes.
  }
  showSettings();
}

function closeDrops(except) {
  for (const drop of document.querySelectorAll("[data-drop][open]")) {
    if (drop !== except) drop.open = false;
  }
}

let toastTimer = 0;

// A message for a few seconds. role: "status", or "alert" where the reader must do something else.
export function say(text, role = "status", seconds = 4) {
  let toast = document.querySelector(".toast");
  if (!toast) {
    toast = document.createElement("p");
    toast.className = "toast";
    document.body.append(toast);
  }
  toast.setAttribute("role", role);
  toast.hidden = false;
  toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(hush, seconds * 1000);
}

export function hush() {
  clearTimeout(toastTimer);
  const toast = document.querySelector(".toast");
  if (toast) toast.hidden = true;
}

document.addEventListener("click", async (event) => {
  const at = event.target.closest("a, button, summary");
  closeDrops(event.target.closest("[data-drop]"));
  if (!at) return;
  if (at.dataset.set) choose(at);
  if (at.dataset.opens) {
    event.preventDefault();
    document.getElementById(at.dataset.opens).showModal();
  }
  if ("print" in at.dataset) window.print();
  if (at.dataset.keep) return import("./keep.js").then(({ keep }) => keep(at, say));
  if (at.closest("[data-share]")) {
    try {
      const address = document.querySelector('link[rel="canonical"]')?.href || location.href;
      await navigator.share({ title: document.title, url: address });
    } catch {
      // The reader changed their mind.
    }
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const open = document.querySelector("[data-drop][open]");
  if (!open || open.closest("dialog")) return;
  open.open = false;
  open.querySelector("summary").focus();
});

// A link to a part of the page also moves the focus there, and opens what hides it.
function arrive() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  const early = target.querySelector("[data-early-form]");
  if (early) early.open = true;
  if (target.tabIndex < 0 && !target.matches("main")) target.focus({ preventScroll: true });
}

window.addEventListener("hashchange", arrive);
showSettings();
arrive();
if (navigator.share) for (const share of document.querySelectorAll("[data-share]")) share.hidden = false;

// One press sends once. The button stays usable: a second press within three seconds is left out.
for (const form of document.querySelectorAll("form[data-once]")) {
  let last = 0;
  form.addEventListener("submit", (event) => {
    const now = Date.now();
    if (now - last < 3000) event.preventDefault();
    last = now;
  });
}

// Until when this browser's proof of a phone lasts, so that a form may ask whether its owner has applied.
const proven = document.querySelector("[data-proven]");
try {
  if (proven) localStorage.setItem("madang-proven", proven.dataset.proven);
  proven?.addEventListener("submit", () => localStorage.removeItem("madang-proven"));
} catch {
  // Then the check says it.
}

// A finished sign-up leaves no draft behind.
const done = document.querySelector("[data-done]");
if (done) {
  try {
    sessionStorage.removeItem(`madang-draft-${done.dataset.done}`);
  } catch {
    // Nothing was kept, then.
  }
}

const summary = document.querySelector("main [data-error-summary]:not([hidden])");
if (summary) summary.focus();

// Only where something changes by the clock or by the store: every other page loads less.
if (document.querySelector("[data-subject], [data-badge], [data-left], form[data-opens]")) {
  import("./status.js").then(({ followStatus }) => followStatus());
} else if (document.querySelector("[data-until]")) {
  import("./clock.js").then(({ follow }) => follow(() => {}));
}
