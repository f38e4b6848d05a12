// A receipt as dots: the browser draws it, because it shapes every script; the station prints
// it. 384 dots wide, black or white; the square's modules are whole dots, so that it scans.
import qrcode from "./shared/vendor/qrcode-generator-2.0.4/qrcode.mjs";

const WIDE = 384, MARGIN = 8, QUIET = 4, LEVEL = "M";
const proof = document.querySelector("[data-code]");

function square(text) {
  const made = qrcode(0, LEVEL);
  made.addData(text, "Alphanumeric");
  made.make();
  return made;
}

function drawSquare(context, made, top) {
  const count = made.getModuleCount() + 2 * QUIET;
  const dot = Math.max(1, Math.floor(WIDE / count));
  const left = Math.floor((WIDE - dot * count) / 2);
  for (let row = 0; row < made.getModuleCount(); row += 1) {
    for (let column = 0; column < made.getModuleCount(); column += 1) {
      if (made.isDark(row, column)) {
        context.fillRect(left + (column + QUIET) * dot, top + (row + QUIET) * dot, dot, dot);
      }
    }
  }
  return dot * count;
}

function wrapped(context, text, wide) {
  const lines = [];
  let line = "";
  const pieces = /\s/.test(text) ? text.split(/\s+/) : [...text];
  const gap = /\s/.test(text) ? " " : "";
  for (const piece of pieces) {
    const longer = line ? line + gap + piece : piece;
    if (line && context.measureText(longer).width > wide) { lines.push(line); line = piece; } else line = longer;
  }
  if (line) lines.push(line);
  return lines;
}

export function dots(text, rows) {
  const canvas = document.createElement("canvas");
  canvas.width = WIDE;
  canvas.height = 2400;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const face = getComputedStyle(document.body).fontFamily;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, WIDE, canvas.height);
  context.fillStyle = "#000";
  context.textBaseline = "top";
  let top = MARGIN;
  for (const { words, size, bold, value } of rows) {
    context.font = `${bold ? "bold " : ""}${size}px ${face}`;
    for (const line of wrapped(context, words, WIDE - 2 * MARGIN)) {
      context.fillText(line, MARGIN, top);
      top += Math.ceil(size * 1.3);
    }
    if (value) {
      context.font = `bold ${size}px ${face}`;
      const wide = context.measureText(value).width;
      context.fillText(value, WIDE - MARGIN - wide, top);
      top += Math.ceil(size * 1.4);
    }
  }
  top += drawSquare(context, square(text), top);
  const high = Math.min(canvas.height, top + MARGIN);
  const shown = context.getImageData(0, 0, WIDE, high).data;
  const packed = new Uint8Array((WIDE / 8) * high);
  for (let at = 0; at < WIDE * high; at += 1) {
    const light = (shown[at * 4] * 3 + shown[at * 4 + 1] * 6 + shown[at * 4 + 2]) / 10;
    if (light < 160) packed[at >> 3] |= 0x80 >> (at & 7);
  }
  return packed;
}

function rowsOf(receipt) {
  const rows = [{ words: "Harvestline", size: 24, bold: true }];
  for (const each of receipt.querySelectorAll("h1, .figure, .price > div, .facts > div, [data-paper]")) {
    if (each.matches("div")) {
      const [name, value] = each.children;
      rows.push({ words: name.textContent.trim(), size: 20, value: value.textContent.trim() });
    } else {
      rows.push({ words: each.textContent.trim(), size: each.matches(".figure") ? 44 : 24, bold: !each.matches("[data-paper]") });
    }
  }
  return rows;
}

async function squeezed(data) {
  const stream = new Blob([data]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

if (proof) {
  proof.insertAdjacentHTML("afterbegin", square(proof.dataset.code).createSvgTag({ scalable: true, margin: QUIET }));
  const button = document.getElementById("print");
  button.addEventListener("click", async () => {
    button.disabled = true;
    const packed = dots(proof.dataset.code, rowsOf(proof.closest(".receipt")));
    const answer = await fetch(button.dataset.to, {
      method: "POST", body: await squeezed(packed), headers: { "x-csrf-token": button.dataset.csrf },
    });
    const told = answer.ok ? await answer.json() : { printed: false };
    document.body.dataset.printed = told.printed ? "paper" : "browser";
    if (!told.printed) window.print();
    button.disabled = false;
  });
  document.body.dataset.ready = "yes";
}
