// Marks today on the month calendar, by the server's clock where it answers: a demonstration has one of its own.
import { follow, now } from "./clock.js";

const SEOUL = 9 * 3600 * 1000; // ms ahead of UTC, all year

function mark() {
  const today = new Date(now() + SEOUL).toISOString().slice(0, 10);
  for (const place of document.querySelectorAll("[data-month] [data-day]")) {
    const isToday = place.dataset.day === today;
    if (isToday === place.hasAttribute("aria-current")) continue;
    place.querySelector(".today")?.remove();
    place.removeAttribute("aria-current");
    if (!isToday) continue;
    place.setAttribute("aria-current", "date");
    const word = document.createElement("span");
    word.className = "today krds-badge bg-light-information";
    word.textContent = "오늘";
    place.querySelector(".day").append(word);
  }
}

follow(mark);
