// The voice of a screen, the moment in which a touch can be undone, and waits that end.
"use strict";
(() => {
  const UNDO_MS = 4000;

  // --- voice: clips one after another; a consent on the screen knows whether all was heard
  let player = null, turn = 0;
  const hush = () => {
    turn += 1;
    if (player) player.pause();
    for (const each of document.querySelectorAll(".playing")) each.classList.remove("playing");
  };
  const say = (clips, button, heard) => {
    hush();
    const mine = turn;
    const next = (at) => {
      if (mine !== turn) return;
      if (at >= clips.length) { button.classList.remove("playing"); heard(); return; }
      player = new Audio(clips[at]);
      player.addEventListener("ended", () => next(at + 1), { once: true });
      player.play().then(
        () => { button.classList.add("playing"); button.classList.remove("waiting"); },
        () => { button.classList.remove("playing"); if (mine === turn) button.classList.add("waiting"); },
      );
    };
    next(0);
  };
  window.addEventListener("pagehide", hush);
  for (const button of document.querySelectorAll(".say")) {
    button.addEventListener("click", () => say(JSON.parse(button.dataset.clips), button, () => {}));
  }
  const voice = document.getElementById("voice");
  if (voice) {
    const button = voice.querySelector("button");
    const clips = JSON.parse(voice.dataset.clips);
    const heard = () => {
      voice.dataset.heard = "yes";
      if (voice.dataset.complete !== "yes") return;
      for (const mark of document.querySelectorAll("input[name=spoken]")) mark.value = "yes";
    };
    button.addEventListener("click", () => say(clips, button, heard));
    if (clips.length && voice.dataset.auto === "yes") say(clips, button, heard);
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
