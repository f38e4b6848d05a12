// Paying out in the field: amount, whole price, read aloud, agreed, counted out, receipt.

import { useEffect, useState } from "preact/hooks";

import { Signature } from "./capture.js";
import { useDraft } from "./forms.js";
import { shownSha256 } from "./lease.js";
import { bestOf, clock, giveBack, inHand, NotPaidError, payOut, priceNow, receiptText, roomOf, takeAlong, wordsOf } from "./money.js";
import { Needed } from "./needs.js";
import { day, decimalsOf, html, money, nameOf, Page, State, useAnswer, waiting } from "./parts.js";
import { knownOf } from "./screens.js";
import { isoDay, payments } from "./price.js";
import { dropDraft, meta, vault } from "./vault.js";
import { language, t } from "./words.js";

const CODE = "/tablet/shared/vendor/qrcode-generator-2.0.4/qrcode.mjs";
const NOTES = { KES: [1000, 500, 200, 100, 50], MNT: [20000, 10000, 5000, 1000, 500], CNY: [100, 50, 20, 10, 5],
  INR: [500, 200, 100, 50, 20], TZS: [10000, 5000, 2000, 1000, 500] };
const DAY_MS = 86_400_000;

const untilDay = (lease) => day(isoDay(Math.floor((lease.expires_at_ms - 1 + lease.utc_offset_ms) / DAY_MS)));
const percent = (ppm) => `${(Math.ceil(ppm / 100) / 100).toFixed(2)} %`;
const fresh = () => ({ line_id: "", amount_minor: 0, agreed: [], signature: null,
  draw_id: crypto.randomUUID(), consent_id: crypto.randomUUID() });

/** Notes that make amounts of a line's step; each touch lays one more on the table. */
function Notes({ step, currency, value, most, change }) {
  const unit = 10 ** decimalsOf(currency);
  const notes = (NOTES[currency] ?? [100, 50, 20, 10, 5]).map((note) => note * unit).filter((note) => note % step === 0);
  const shown = notes.length ? notes : [step, 2 * step, 5 * step, 10 * step].reverse();
  return html`<fieldset class="choice"><legend>${t("How much?")}</legend>
    <output id="amount" class="figure">${money(value, currency)}</output>
    <div class="chips notes">${shown.map((note) => html`<button key=${note} type="button" class="chip note" data-note=${note}
      disabled=${value + note > most} onClick=${() => change(value + note)}>+ ${money(note, currency)}</button>`)}
      <button type="button" class="chip note" id="none" disabled=${!value} onClick=${() => change(0)}>${t("Start again")}</button></div></fieldset>`;
}

/** Ask the station, in contact, for a part of its lease of a line. */
function TakeAlong({ line, done }) {
  const [room, setRoom] = useState(null);
  const [amount, setAmount] = useState(0);
  const [told, setTold] = useState("");
  const [id, setId] = useState(() => crypto.randomUUID());
  const look = () => roomOf(line.line_id).then((found) => {
    setRoom(found);
    setTold(found.most_minor ? "" : t("Nothing can be taken along for this line now."));
  }).catch(() => setTold(t("Money is taken along only in contact with the station.")));
  const take = async () => {
    try {
      await takeAlong(line.line_id, amount, id);
      setId(crypto.randomUUID());
      setRoom(null);
      setAmount(0);
      done();
    } catch (error) {
      setTold(String(error.message ?? error));
    }
  };
  return html`<section class="card along"><h2>${t("Take money along")}</h2>
    ${!room && html`<button type="button" class="button second" id="room" onClick=${look}>${t("Ask the station")}</button>`}
    ${room?.most_minor > 0 && html`<p class="soft">${t("At most {amount} now", { amount: money(room.most_minor, room.currency) })}</p>
      <${Notes} step=${room.step_minor} currency=${room.currency} value=${amount} most=${room.most_minor} change=${setAmount} />
      <button type="button" class="button" id="take" disabled=${!amount} onClick=${take}>${t("Take it along")}</button>`}
    ${told && html`<p class="told" role="alert">${told}</p>`}</section>`;
}

/** When it is paid back: each day with its amount, or the one day. */
const dueRows = (parts, dueOn, currency) => (parts.length > 1
  ? parts.map((one) => [`${t("Due on")} ${day(one.on)}`, money(one.amount_minor, currency)]) : [[t("Due on"), day(dueOn)]]);

/** What is read aloud before the farmer's yes: it names every day on which something is due. */
function aloud(price, parts) {
  const { currency } = price;
  const told = { amount: money(price.amount_minor, currency), total: money(price.total_minor, currency),
    cost: money(price.total_minor - price.amount_minor, currency) };
  if (parts.length < 2) return t("You get {amount} today and pay back {total} by {day}. Of that {cost} is the price.", { ...told, day: day(price.due_on) });
  const each = parts.map((one) => `${day(one.on)}: ${money(one.amount_minor, currency)}`).join("; ");
  return t("You get {amount} today and pay back {total}. Of that {cost} is the price. The payments: {payments}.", { ...told, payments: each });
}

const rowsOf = (price, parts) => [
  [t("The farmer gets"), money(price.amount_minor, price.currency)],
  [t("Fee"), money(price.fee_minor, price.currency)],
  [t("Interest"), money(price.interest_minor, price.currency)],
  [t("The farmer pays back"), money(price.total_minor, price.currency)],
  ...dueRows(parts, price.due_on, price.currency),
  [t("Yearly rate, with every fee"), percent(price.apr_ppm)],
];

const Price = ({ price, parts }) => html`<section class="card price" id="price"><h2>${t("This is the whole price")}</h2>
  <dl class="facts">${rowsOf(price, parts).map(([name, told]) => html`<dt key=${name}>${name}</dt><dd><b>${told}</b></dd>`)}</dl></section>`;

export function Pay({ id, tick, turn, done }) {
  const [again, setAgain] = useState(0);
  const found = useAnswer(async () => ({ known: await knownOf(id), held: await inHand(), now: await clock() }), [id, tick, again]);
  const [fields, change, saved] = useDraft(`draw/${id}`, "draw", id, fresh());
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  if (!found?.known.farmer || !fields) return waiting();
  const { known, held, now } = found;
  const line = known.lines.find((one) => one.line_id === fields.line_id) ?? known.lines[0];
  if (!line) return html`<${Page} title=${t("Pay out")} lead=${known.farmer.name} back=${`#/farmer/${id}`}><p class="empty">${t("No open line.")}</p></${Page}>`;
  const product = known.products.find((one) => one.product_id === line.product_id);
  const one = bestOf(held, line.line_id, fields.amount_minor, now);
  const usable = one && !one.closed && now.at_ms + now.error_ms < one.lease.expires_at_ms;
  const told = fields.amount_minor ? priceNow(one, fields.amount_minor, line.frozen, now) : {};
  const parts = told.price ? payments(one.lease.terms, told.price.amount_minor, told.price.drawn_on) : [];
  const pay = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await saved();
      await payOut(one, { ...fields, frozen: line.frozen, language: language(), agreed_sha256: await shownSha256(told.price) }, {
        draftId: `draw/${id}`, label: `${known.farmer.name}: ${money(fields.amount_minor, told.price.currency)}`,
        photos: fields.signature ? [fields.signature] : [],
      });
      done(`#/receipt/${fields.draw_id}`);
    } catch (error) {
      if (!(error instanceof NotPaidError)) throw error;
      setFault(error.message);
      setBusy(false);
      setAgain((n) => n + 1);
    }
  };
  const set = (amount) => {
    setFault("");
    change("agreed", []);
    change("amount_minor", amount);
  };
  const ready = told.price && fields.agreed.includes("read") && fields.agreed.includes("yes");
  const tick2 = (name) => (event) => change("agreed", event.target.checked ? [...fields.agreed, name] : fields.agreed.filter((each) => each !== name));
  return html`<${Page} title=${t("Pay out")} lead=${known.farmer.name} back=${`#/farmer/${id}`}>
    ${known.lines.length > 1 && html`<label class="field">${t("Which line?")}<select id="line" value=${line.line_id} onChange=${(event) => {
      change("line_id", event.target.value);
      set(0);
    }}>${known.lines.map((each) => html`<option key=${each.line_id} value=${each.line_id}>${nameOf(known.products.find((p) => p.product_id === each.product_id) ?? { name: each.product_id })}</option>`)}</select></label>`}
    <section class="card row" id="hand"><span>${product ? nameOf(product) : line.product_id}<br /><span class="soft">${usable ? t("in hand until {day}", { day: untilDay(one.lease) }) : ""}</span></span>
      <b class="figure" data-left=${usable ? one.left_minor : 0}>${money(usable ? one.left_minor : 0, one?.lease.terms.currency ?? product?.currency ?? "")}</b></section>
    ${!usable && html`<p class="told" id="why">${wordsOf(!one ? "draw_no_lease" : one.closed ? "draw_lease_closed" : "draw_lease_expired")}</p>`}
    ${line.frozen && html`<p class="told" id="frozen">${wordsOf("draw_frozen")}</p>`}
    ${usable && !one.left_minor && html`<p class="told" id="empty">${t("All that was taken along for this line is paid out.")}</p>`}
    ${usable && one.left_minor > 0 && !line.frozen && html`<form onSubmit=${pay}>
      <${Notes} step=${one.lease.terms.step_minor} currency=${one.lease.terms.currency} value=${fields.amount_minor} most=${one.left_minor} change=${set} />
      ${told.reason && html`<p class="told" role="alert">${wordsOf(told.reason)}</p>`}
      ${told.price && html`<${Price} price=${told.price} parts=${parts} />
        <p id="aloud" class="aloud">${aloud(told.price, parts)}</p>
        <label class="tick"><input type="checkbox" name="agreed" value="read" checked=${fields.agreed.includes("read")} onChange=${tick2("read")} /> ${t("I read it aloud, and the farmer said it back to me.")}</label>
        <label class="tick"><input type="checkbox" name="agreed" value="yes" checked=${fields.agreed.includes("yes")} onChange=${tick2("yes")} /> ${t("The farmer agrees to this price.")}</label>
        <${Signature} label=${t("The farmer signs here, if they wish")} photo=${fields.signature} change=${(v) => change("signature", v)} />
        <p>${t("Count {amount} into the farmer's hand. Then touch:", { amount: money(told.price.amount_minor, told.price.currency) })}</p>`}
      ${fault && html`<p class="told" role="alert">${fault}</p>`}
      <div class="acts"><button class="button" id="paid" disabled=${busy || !ready}>${t("It is paid out")}</button>
        <button type="button" class="button second" onClick=${() => dropDraft(`draw/${id}`).then(() => done(`#/farmer/${id}`))}>${t("Throw away")}</button></div></form>`}
    <${TakeAlong} line=${line} done=${() => { setAgain((n) => n + 1); turn(); }} />
  </${Page}>`;
}

/** A QR code, drawn here: the text goes nowhere. */
function Code({ text }) {
  const [drawn, setDrawn] = useState(null);
  useEffect(() => {
    import(CODE).then(({ default: qrcode }) => {
      const code = qrcode(0, "L");
      code.addData(text, "Alphanumeric");
      code.make();
      const side = code.getModuleCount();
      let path = "";
      for (let row = 0; row < side; row++) {
        for (let column = 0; column < side; column++) if (code.isDark(row, column)) path += `M${column} ${row}h1v1h-1z`;
      }
      setDrawn({ side, path });
    });
  }, [text]);
  return drawn && html`<svg class="qr" id="code" data-text=${text} role="img" aria-label=${t("Receipt")} viewBox=${`-4 -4 ${drawn.side + 8} ${drawn.side + 8}`}><path d=${drawn.path} /></svg>`;
}

export function Receipt({ id, tick }) {
  const found = useAnswer(async () => {
    const rows = await (await vault()).getAll("operations");
    const row = rows.find((each) => each.kind === "draw" && each.document.body.body.draw_id === id);
    if (!row) return { row: null };
    const draw = row.document.body.body;
    const given = (await meta("subleases"))[draw.sublease_id].document.body;
    return { row, draw, lease: given, text: await receiptText(draw) };
  }, [id, tick]);
  if (!found) return waiting();
  if (!found.row) return html`<${Page} title=${t("Not here")} back="#/"><p>${t("This farmer is not on this tablet.")}</p></${Page}>`;
  const { draw, lease, row } = found;
  const { currency } = lease.terms;
  const parts = payments(lease.terms, draw.amount_minor, draw.drawn_on);
  return html`<${Page} title=${t("Receipt")} lead=${`${lease.station} · ${day(draw.drawn_on)}`} back=${`#/farmer/${draw.farmer_id}`}>
    <section class="card" id="receipt"><p class="row"><span>${t("Paid out")}</span><b class="figure">${money(draw.amount_minor, currency)}</b></p>
      <dl class="facts"><dt>${t("The farmer pays back")}</dt><dd><b>${money(draw.total_minor, currency)}</b></dd>
        ${dueRows(parts, draw.due_on, currency).map(([name, said]) => html`<dt key=${name}>${name}</dt><dd>${said}</dd>`)}<dt>${t("Number")}</dt><dd class="small">${draw.draw_id}</dd></dl>
      <${State} state=${row.state} />${row.state === "needs_you" && html`<${Needed} words=${row.words} />`}</section>
    <${Code} text=${found.text} />
    <p class="soft">${t("Any station can read whether this receipt is true. The farmer may photograph it.")}</p>
  </${Page}>`;
}

export function Money({ tick, turn, sync }) {
  const found = useAnswer(async () => {
    const db = await vault();
    const farmers = new Map((await db.getAll("farmers")).map((one) => [one.farmer_id, one.name]));
    const rows = (await db.getAll("operations")).filter((row) => row.kind === "draw");
    return { held: (await inHand()).filter((one) => !one.closed), rows, farmers };
  }, [tick]);
  const [busy, setBusy] = useState(false);
  if (!found) return waiting();
  const back = async (one) => {
    setBusy(true);
    await giveBack(one.lease.sublease_id);
    turn();
    await sync();
    setBusy(false);
  };
  return html`<${Page} title=${t("Money in hand")} back="#/tablet">
    ${found.held.length ? html`<ul class="cards" id="held">${found.held.map((one) => html`<li key=${one.lease.sublease_id} class="card">
      <p class="row"><span><b>${found.farmers.get(one.lease.farmer_id) ?? one.lease.farmer_id}</b><br /><span class="soft small">${t("in hand until {day}", { day: untilDay(one.lease) })}</span></span>
        <b class="figure">${money(one.left_minor, one.lease.terms.currency)}</b></p>
      ${one.recalled && html`<p class="told">${t("The station asks for this back.")}</p>`}
      <button class="button second" data-back=${one.lease.sublease_id} disabled=${busy} onClick=${() => back(one)}>${t("Give back what is left")}</button></li>`)}</ul>`
      : html`<p class="empty">${t("No money is in hand. Take some along on a farmer's page, at the station.")}</p>`}
    ${found.rows.length > 0 && html`<h2>${t("Paid out from this tablet")}</h2><ul class="cards">${[...found.rows].reverse().map((row) => html`
      <li key=${row.seq}><a class="card row" href=${`#/receipt/${row.document.body.body.draw_id}`}><span><b>${row.label}</b></span><${State} state=${row.state} /></a></li>`)}</ul>`}
  </${Page}>`;
}
