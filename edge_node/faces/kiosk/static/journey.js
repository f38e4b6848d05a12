// The voice of a screen, the moment in which a touch can be undone, and waits that end.
"use strict";
(() => {
  const UNDO_MS = 4000;

  // --- voice: clips one after another; a consent on the screen knows whether all was heard
  // Clips are put on one clock, so that the words of a number follow one another as in speech;
  // between sentences, and after a number, there is a breath.
  const BREATH_S = 0.08, LEAD_S = 0.03;
  const ofNumber = (path) => path.includes("/w-");
  const decoded = new Map();
  let ear = null, playing = [], turn = 0;
  const hush = () => {
    turn += 1;
    for (const each of playing) each.stop();
    playing = [];
    for (const each of document.querySelectorAll(".playing")) each.classList.remove("playing");
  };
  const clip = (path) => {
    if (!decoded.has(path)) {
      const found = fetch(path).then((answer) => {
        if (!answer.ok) throw new Error(`no clip at ${path}`);
        return answer.arrayBuffer();
      }).then((data) => ear.decodeAudioData(data));
      found.catch(() => decoded.delete(path)); // to be tried again at the next touch
      decoded.set(path, found);
    }
    return decoded.get(path);
  };
  // A browser may hold sound back until a touch; the button says so then.
  const maySound = async (path) => {
    if (navigator.userActivation?.hasBeenActive) return true;
    const probe = new Audio(path);
    probe.volume = 0;
    try {
      await probe.play();
    } catch {
      return false;
    }
    probe.pause();
    return true;
  };
  const say = async (clips, button, heard) => {
    hush();
    const mine = turn;
    const held = () => { if (mine === turn) { hush(); button.classList.add("waiting"); } };
    if (!clips.length) return;
    if (!(await maySound(clips[0]))) { held(); return; }
    if (mine !== turn) return;
    ear ??= new AudioContext();
    ear.resume().then(() => {
      if (mine === turn) { button.classList.add("playing"); button.classList.remove("waiting"); }
    });
    let ends = 0, began = 0, last = null;
    try {
      clips.forEach(clip);
      for (const [at, path] of clips.entries()) {
        const sound = await clip(path);
        if (mine !== turn) return;
        const breath = at && !(ofNumber(path) && ofNumber(clips[at - 1])) && ends ? BREATH_S : 0;
        const starts = Math.max(ends + breath, ear.currentTime + LEAD_S);
        last = new AudioBufferSourceNode(ear, { buffer: sound });
        last.connect(ear.destination);
        last.start(starts);
        playing.push(last);
        began ||= starts;
        ends = starts + sound.duration;
      }
    } catch {
      held();
      return;
    }
    button.dataset.lastsS = (ends - began).toFixed(3);
    // By now, some of it was heard: what comes later is fetched while the first is said.
    if (last) button.dataset.heardS = Math.max(0, Math.min(ear.currentTime, ends) - began).toFixed(3);
    if (!last) return;
    last.addEventListener("ended", () => {
      if (mine !== turn) return;
      button.classList.remove("playing");
      heard();
    }, { once: true });
  };
  window.addEventListener("pagehide", hush);
  for (const button of document.querySelectorAll(".say")) {
    button.addEventListener("click", () => say(JSON.parse(button.dataset.clips), button, () => {}));
  }
  const voice = document.getElementById("voice");
  if (voice) {
    const button = voice.querySelector("button");
    const clips = JSON.parse(voice.dataset.clips);
    const all = [...clips, ...JSON.parse(voice.dataset.more)];
    const heard = () => {
      voice.dataset.heard = "yes";
      if (voice.dataset.complete !== "yes") return;
      for (const mark of document.querySelectorAll("input[name=spoken]")) mark.value = "yes";
    };
    button.addEventListener("click", () => say(all, button, heard));
    if (clips.length && voice.dataset.auto === "yes") say(clips, button, heard);
  }

  const question = document.getElementById("still-there");
  if (question) {
    question.addEventListener("asking", () => {
      say(JSON.parse(question.dataset.clips), question.querySelector("button"), () => {});
    });
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
      say(JSON.parse(undo.dataset.clips), undo.querySelector("button"), () => {});
      const run = undo.querySelector(".bar-left span");
      run.animate([{ transform: "scaleX(1)" }, { transform: "scaleX(0)" }], { duration: UNDO_MS });
      waiting = setTimeout(() => {
        by.dataset.sure = "yes";
        undo.close();
        form.requestSubmit(by);
      }, UNDO_MS);
    });
    undo.addEventListener("close", () => { clearTimeout(waiting); hush(); });
  }

  // --- a wait that ends: look again by itself
  const again = document.querySelector("[data-again-s]");
  if (again) setTimeout(() => location.assign("/known"), Number(again.dataset.againS) * 1000 + 500);
})();
