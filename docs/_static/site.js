// What the theme's markup leaves out for the keyboard and for screen readers.
document.addEventListener("DOMContentLoaded", () => {
  // What scrolls can be reached and scrolled with the keyboard.
  for (const box of document.querySelectorAll(".table-wrapper, .highlight pre, .cell_output pre")) {
    if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) {
      box.setAttribute("tabindex", "0");
    }
  }
  // Captions of the navigation are headings, and headings have a level.
  for (const caption of document.querySelectorAll('.caption[role="heading"]')) {
    caption.setAttribute("aria-level", "2");
  }
  // Arguments on lines of their own are a list of definitions without terms.
  for (const part of document.querySelectorAll(".sig > dl, .sig > dl > dd")) {
    part.setAttribute("role", "presentation");
  }
  // The two side bars have a name each.
  document.querySelector("aside.sidebar-drawer")?.setAttribute("aria-label", "Site");
  document.querySelector("aside.toc-drawer")?.setAttribute("aria-label", "On this page");
});
