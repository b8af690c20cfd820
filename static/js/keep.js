// A receipt, kept: copied, saved as a text file, or sent to oneself.

// What is marked to be kept, as it is read, with the address under which it is found again.
function keptText() {
  const parts = [...document.querySelectorAll("[data-kept]")].map((part) => part.innerText.replace(/\n{2,}/g, "\n").trim());
  const link = document.querySelector("[data-kept-link]")?.dataset.keptLink;
  return [document.querySelector("h1").innerText, ...parts, link ? new URL(link, location.href).href : ""].filter(Boolean).join("\n\n");
}

// say: shows a message.
export async function keep({ dataset }, say) {
  const text = dataset.text ?? keptText();
  try {
    if (dataset.keep === "send") return await navigator.share({ title: document.title, text });
    if (dataset.keep === "copy") {
      await navigator.clipboard.writeText(text);
      return say("복사했습니다. 메모나 나에게 보내는 글에 붙여 넣으세요.");
    }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`\ufeff${text}\n`], { type: "text/plain;charset=utf-8" }));
    link.download = `${dataset.name}.txt`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    return say("이 기기에 저장했습니다.");
  } catch (wrong) {
    return wrong.name === "AbortError" ? undefined : say("되지 않았습니다. 화면을 찍거나 적어 두세요.");
  }
}
