// After a while without a touch the kiosk asks whether anyone is there, then forgets
// the visit. The server forgets it too: this only spares the next farmer the sight.
"use strict";
(() => {
  const question = document.getElementById("still-there");
  const farewell = document.getElementById("farewell");
  const card = document.getElementById("card");
  if (card) {
    // A reader types like a keyboard: wherever the finger went, the card is read here.
    document.addEventListener("keydown", (event) => {
      if (event.key.length === 1 && document.activeElement === document.body) card.focus();
    });
  }
  if (!question || !farewell) return;
  const idleMs = Number(question.dataset.idleMs);
  const graceMs = Number(question.dataset.graceMs);
  let asking, leaving;
  const stay = () => {
    clearTimeout(asking);
    clearTimeout(leaving);
    if (question.open) question.close();
    asking = setTimeout(ask, idleMs);
  };
  const ask = () => {
    question.showModal();
    question.dispatchEvent(new Event("asking"));
    leaving = setTimeout(() => farewell.requestSubmit(), graceMs);
  };
  for (const touch of ["pointerdown", "keydown", "scroll"]) {
    document.addEventListener(touch, stay, { passive: true });
  }
  stay();
})();
