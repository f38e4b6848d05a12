// Reads a card's or a receipt's square through the camera, where there is one. The text goes
// into the same field that a reader types into, so that both are one way.
import QrScanner from "./shared/vendor/qr-scanner-1.4.2/qr-scanner.min.js";

const LOOK_MS = 150;
const place = document.querySelector("[data-camera]");
const field = place && document.getElementById(place.dataset.camera);

async function watch() {
  const video = place.querySelector("video");
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false,
  });
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  window.addEventListener("pagehide", stop);
  video.srcObject = stream;
  await video.play();
  place.hidden = false;
  const canvas = document.createElement("canvas");
  const engine = QrScanner.createQrEngine();
  for (;;) {
    const found = await QrScanner.scanImage(video, {
      qrEngine: engine, canvas, returnDetailedScanResult: true,
    }).catch(() => null);
    if (found && found.data) {
      field.value = found.data;
      stop();
      field.form.requestSubmit();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

// No camera, or nobody lets us: the reader and the keys remain.
if (field && navigator.mediaDevices) watch().catch(() => { place.hidden = true; });
