// Only on a site made by `build.py --watch`: loads the page anew after each build, and shows what is wrong.

let seen = "";

function show(mistakes) {
  document.querySelector("[data-live]")?.remove();
  if (!mistakes.length) return;
  const box = document.createElement("section");
  box.className = "error-summary";
  box.dataset.live = "";
  box.setAttribute("role", "alert");
  const heading = document.createElement("h2");
  heading.textContent = `고칠 곳이 ${mistakes.length}개 있습니다. 화면은 고치기 전 그대로입니다.`;
  const list = document.createElement("ul");
  for (const mistake of mistakes) {
    const item = document.createElement("li");
    item.textContent = mistake;
    list.append(item);
  }
  box.append(heading, list);
  document.body.prepend(box);
}

async function look() {
  try {
    const answer = await fetch("/live.json", { cache: "no-store" });
    if (answer.ok) {
      const { build, mistakes } = await answer.json();
      if (seen && seen !== build) return location.reload();
      seen = build;
      const text = mistakes.join("\n");
      if (look.shown !== text) show(mistakes);
      look.shown = text;
    }
  } catch (away) {
    // The server is starting again.
  }
  setTimeout(look, 700);
}

look.shown = "";
look();
