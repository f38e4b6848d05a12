// What hands and camera bring: photos, a signature, an ear tag read from its code.

import { useEffect, useRef, useState } from "preact/hooks";

import { html } from "./parts.js";
import { keepBlob, keepPhoto } from "./photos.js";
import { vault } from "./vault.js";
import { t } from "./words.js";

const PHOTOS_MAX = 24;
const SCANNER = "/tablet/shared/vendor/qr-scanner-1.4.2/qr-scanner.min.js";

export function PhotoTaker({ photos, change }) {
  const [fault, setFault] = useState("");
  const take = async (event) => {
    const files = [...event.target.files].slice(0, PHOTOS_MAX - photos.length);
    event.target.value = "";
    try {
      const made = [];
      for (const file of files) made.push(await keepPhoto(file, "plot"));
      const fresh = made.filter((one) => !photos.some((old) => old.sha256 === one.sha256));
      change([...photos, ...fresh]);
      setFault("");
    } catch (error) {
      setFault(t("This is no picture that can be used."));
    }
  };
  return html`<fieldset class="choice"><legend>${t("Photos")} (${photos.length})</legend>
    <label class="button second file">${t("Take a photo")}<input id="photo" type="file" accept="image/*" capture="environment" multiple onChange=${take} /></label>
    ${fault && html`<p class="told" role="alert">${fault}</p>`}
    <ul class="shots">${photos.map((one) => html`<li key=${one.sha256}><${Shot} photo=${one} />
      <button type="button" class="bare" aria-label=${t("Take the photo away")} onClick=${() => change(photos.filter((p) => p !== one))}>×</button></li>`)}</ul></fieldset>`;
}

function Shot({ photo }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    let made = "";
    vault().then((db) => db.get("bytes", photo.sha256)).then((data) => {
      if (!data) return;
      made = URL.createObjectURL(new Blob([data], { type: photo.media_type }));
      setUrl(made);
    });
    return () => made && URL.revokeObjectURL(made);
  }, [photo.sha256]);
  return url ? html`<img src=${url} alt=${t("Photo")} />` : html`<span class="soft">…</span>`;
}

export function Signature({ label, photo, change }) {
  const canvas = useRef(null);
  const drawing = useRef(false);
  const at = (event) => {
    const box = canvas.current.getBoundingClientRect();
    return [((event.clientX - box.left) * canvas.current.width) / box.width, ((event.clientY - box.top) * canvas.current.height) / box.height];
  };
  const begin = (event) => {
    event.preventDefault();
    canvas.current.setPointerCapture(event.pointerId);
    const pen = canvas.current.getContext("2d");
    if (!drawing.current && !photo) {
      pen.fillStyle = "#ffffff";
      pen.fillRect(0, 0, canvas.current.width, canvas.current.height);
    }
    drawing.current = true;
    pen.strokeStyle = "#1d2119";
    pen.lineWidth = 3;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(...at(event));
  };
  const move = (event) => {
    if (!drawing.current || !event.buttons) return;
    const pen = canvas.current.getContext("2d");
    pen.lineTo(...at(event));
    pen.stroke();
  };
  const end = () => canvas.current.toBlob(
    async (blob) => change(await keepBlob(blob, "signature")), "image/webp", 0.8);
  const clear = () => {
    drawing.current = false;
    canvas.current.getContext("2d").clearRect(0, 0, canvas.current.width, canvas.current.height);
    change(null);
  };
  return html`<fieldset class="choice"><legend>${label}</legend>
    ${photo && !drawing.current ? html`<${Shot} photo=${photo} />` : ""}
    <canvas ref=${canvas} id="signature" class="pad" width="640" height="200" aria-label=${label} role="img"
      onPointerDown=${begin} onPointerMove=${move} onPointerUp=${end}></canvas>
    ${photo && html`<button type="button" class="button second" onClick=${clear}>${t("Sign again")}</button>`}</fieldset>`;
}

/** Reads a code with the camera, and lets go of the camera at once. */
export function ScanTag({ found }) {
  const [open, setOpen] = useState(false);
  const [fault, setFault] = useState("");
  const video = useRef(null);
  useEffect(() => {
    if (!open) return undefined;
    let scanner = null;
    let here = true;
    import(SCANNER).then(({ default: QrScanner }) => {
      if (!here) return undefined;
      scanner = new QrScanner(video.current, (result) => {
        setOpen(false);
        found(result.data);
      }, { returnDetailedScanResult: true, preferredCamera: "environment" });
      return scanner.start();
    }).catch(() => here && setFault(t("There is no camera, or it may not be used.")));
    return () => {
      here = false;
      scanner?.destroy();
    };
  }, [open]);
  return html`<button type="button" class="button second" id="scan" onClick=${() => setOpen(!open)}>${open ? t("Stop") : t("Scan")}</button>
    ${open && html`<video ref=${video} class="scan" muted playsinline></video>`}${fault && html`<p class="told">${fault}</p>`}`;
}
