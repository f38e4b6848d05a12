// Reads a card's or a receipt's square through the camera, where there is one. The text goes
// into the same field that a reader types into, so that both are one way.
import QrScanner from "./shared/vendor/qr-scanner-1.4.2/qr-scanner.min.js";

const place = document.querySelector("[data-camera]");
const field = place && document.getElementById(place.dataset.camera);
if (field && navigator.mediaDevices) {
  const video = place.querySelector("video");
  let done = false;
  const scanner = new QrScanner(
    video,
    (found) => {
      if (done || !found.data) return;
      done = true;
      field.value = found.data;
      scanner.stop();
      field.form.requestSubmit();
    },
    { returnDetailedScanResult: true, maxScansPerSecond: 8 },
  );
  scanner.start().then(
    () => { place.hidden = false; },
    () => { place.hidden = true; },
  );
  window.addEventListener("pagehide", () => scanner.destroy());
}
