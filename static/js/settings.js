// Text size and high contrast, as this reader chose them: set before the first paint, so nothing flashes.
// A classic script on purpose: modules run after the page is drawn. Nothing is kept but these two words.
(function () {
  var root = document.documentElement;
  root.classList.add("js");
  try {
    var mode = localStorage.getItem("madang-mode");
    var size = localStorage.getItem("madang-size");
    if (mode === "high-contrast") root.setAttribute("data-krds-mode", mode);
    if (/^(small|large|xlarge|xxlarge)$/.test(size || "")) root.setAttribute("data-size", size);
  } catch (blocked) {
    // Storage is switched off: the usual look it is.
  }
})();
