// Draws the address that stands on the page as a QR code; it is sent nowhere.

import qrcode from "./shared/vendor/qrcode-generator-2.0.4/qrcode.mjs";

const MARGIN = 4; // modules of quiet, as readers expect
const SVG = "http://www.w3.org/2000/svg";
const room = document.getElementById("qr");
const code = qrcode(0, "M");
code.addData(room.dataset.address);
code.make();
const side = code.getModuleCount();
const dark = [];
for (let row = 0; row < side; row++) {
  for (let column = 0; column < side; column++) {
    if (code.isDark(row, column)) dark.push(`M${column} ${row}h1v1h-1z`);
  }
}
const svg = document.createElementNS(SVG, "svg");
const whole = side + 2 * MARGIN;
svg.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${whole} ${whole}`);
svg.setAttribute("role", "img");
svg.setAttribute("aria-label", room.dataset.label);
const path = document.createElementNS(SVG, "path");
path.setAttribute("d", dark.join(""));
svg.append(path);
room.append(svg);
