// Draws the enrolment address that stands behind the # as a QR code; it is sent nowhere.

import qrcode from "/tablet/shared/vendor/qrcode-generator-2.0.4/qrcode.mjs";

import { speak, t, wished } from "./words.js";

await speak(wished());
document.title = `Harvestline: ${t("A code for a tablet")}`;
document.querySelector("h1").textContent = t("A code for a tablet");
document.getElementById("how").textContent = t("Let the tablet's camera read this. It counts once, for a day. The tablet must trust this station first:");
document.getElementById("authority").textContent = t("the station's own authority");

const told = location.hash.slice(1);
if (told) {
  const code = qrcode(0, "M");
  code.addData(told);
  code.make();
  const side = code.getModuleCount();
  const dark = [];
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      if (code.isDark(row, column)) dark.push(`M${column} ${row}h1v1h-1z`);
    }
  }
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `-4 -4 ${side + 8} ${side + 8}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", told);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", dark.join(""));
  svg.append(path);
  document.getElementById("qr").append(svg);
}
