// The voice of a screen, the moment in which a touch can be undone, and waits that end.
"use strict";
(() => {
  const UNDO_MS = 4000;

  // --- voice: clips one after another; a consent on the screen knows whether all was heard
  const voice = document.getElementById("voice");
  if (voice) {
    const button = voice.querySelector("button");
    const clips = JSON.parse(voice.dataset.clips);
    const whole = voice.dataset.complete === "yes";
    let player = null;
    let turn = 0;
    const heard = () => {
      button.classList.remove("playing");
      voice.dataset.heard = "yes";
      if (whole) for (const mark of document.querySelectorAll("input[name=spoken]")) mark.value = "yes";
    };
    const say = (at, mine) => {
      if (mine !== turn) return;
      if (at >= clips.length) { heard(); return; }
      player = new Audio(clips[at]);
      player.addEventListener("ended", () => say(at + 1, mine), { once: true });
      player.addEventListener("error", () => { button.classList.remove("playing"); }, { once: true });
      player.play().then(
        () => { button.classList.add("playing"); button.classList.remove("waiting"); },
        () => { button.classList.remove("playing"); button.classList.add("waiting"); },
      );
    };
    const hush = () => { turn += 1; if (player) player.pause(); };
    button.addEventListener("click", () => { hush(); say(0, turn); });
    window.addEventListener("pagehide", hush);
    if (clips.length && voice.dataset.auto === "yes") say(0, turn);
  }

  // --- undo: what was touched counts only when this has run out
  const undo = document.getElementById("undo");
  if (undo) {
    let waiting = null;
    document.addEventListener("submit", (event) => {
      const by = event.submitter, form = event.target;
      if (!by || by.dataset.undo === undefined || by.dataset.sure === "yes") return;
      event.preventDefault();
      undo.showModal();
      const run = undo.querySelector(".bar-left span");
      run.animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: UNDO_MS });
      waiting = setTimeout(() => {
        by.dataset.sure = "yes";
        undo.close();
        form.requestSubmit(by);
      }, UNDO_MS);
    });
    undo.addEventListener("close", () => clearTimeout(waiting));
  }

  // --- a wait that ends: look again by itself
  const again = document.querySelector("[data-again-s]");
  if (again) setTimeout(() => location.assign("/known"), Number(again.dataset.againS) * 1000 + 500);
})();
