// The theme that was chosen on this device, before anything is painted; without a choice
// the system's wish holds (tokens.css). Any button with data-theme-choice chooses.
"use strict";
(() => {
  const KEY = "harvestline-theme";
  const THEMES = ["light", "dark", "sun"];
  const root = document.documentElement;
  const kept = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const wished = () => {
    if (matchMedia("(prefers-contrast: more)").matches) return "sun";
    return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  };
  const show = (theme) => {
    if (THEMES.includes(theme)) root.dataset.theme = theme;
    const now = root.dataset.theme || wished();
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === now));
    }
  };
  show(kept());
  document.addEventListener("DOMContentLoaded", () => show(kept()));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-choice]");
    if (!button) return;
    const theme = button.dataset.themeChoice;
    try { localStorage.setItem(KEY, theme); } catch { /* a private window: this page only */ }
    show(theme);
  });
})();
