// The forms: a visit and an application. Every keystroke is a draft on the disk.

import { useEffect, useRef, useState } from "preact/hooks";

import { PhotoTaker, ScanTag, Signature } from "./capture.js";
import { CashMonths, faultsOf, shownWith } from "./cashmonths.js";
import { put } from "./outbox.js";
import { Choice, html, money, nameOf, Page, useAnswer, waiting } from "./parts.js";
import { knownOf, PURPOSES, scoreOf } from "./screens.js";
import { dropDraft, saveDraft, today, vault } from "./vault.js";
import { language, t } from "./words.js";

const STAGES = { sowing: "sowing", emergence: "emergence", vegetative: "growth", heading: "ears",
  ripening: "ripening", harvested: "harvest" };
const EAR_TAG = /^\d{15}$/;

/** A form's fields, kept at every change under the draft's id; null until they are read. */
export function useDraft(draftId, kind, farmerId, first) {
  const [fields, setFields] = useState(null);
  const saving = useRef(Promise.resolve());
  useEffect(() => {
    vault().then((db) => db.get("drafts", draftId)).then((found) => setFields(found?.fields ?? first));
  }, [draftId]);
  const change = (name, value) => setFields((before) => {
    const after = { ...before, [name]: value };
    // In order: a later keystroke is never overtaken by an earlier one.
    saving.current = saving.current.then(() =>
      saveDraft({ draft_id: draftId, kind, farmer_id: farmerId, fields: after }));
    return after;
  });
  return [fields, change, () => saving.current];
}

function whole(text, low, high) {
  return /^\d+$/.test(text ?? "") && Number(text) >= low && Number(text) <= high ? Number(text) : undefined;
}

export function Visit({ id, query, tick, done }) {
  const known = useAnswer(() => knownOf(id), [id, tick]);
  const taskId = query.get("task") ?? "";
  const [fields, change, saved] = useDraft(`visit/${id}`, "visit", id, {
    purpose: taskId.split("/")[0] || "routine", subject_id: "", stage: "", note: "", damage: "", heads: "",
    tags: [], photos: [], signature: null, place: null, task_id: taskId,
  });
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  if (!known?.farmer || !fields) return waiting();
  const herd = known.subjects.some((one) => one.kind === "herd");
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await saved();
      await put("visit", await visitOf(id, fields), { draftId: `visit/${id}`, label: `${known.farmer.name}: ${t(PURPOSES[fields.purpose])}`,
        photos: [...fields.photos, ...(fields.signature ? [fields.signature] : [])], fields, taskId: fields.task_id });
      done(`#/farmer/${id}`);
    } catch (error) {
      setFault(String(error.message ?? error));
      setBusy(false);
    }
  };
  return html`<${Page} title=${t("Visit")} lead=${known.farmer.name} back=${`#/farmer/${id}`}>
    <form onSubmit=${send} noValidate>
      <${Choice} label=${t("Why are you here?")} name="purpose" value=${fields.purpose} onChange=${(v) => change("purpose", v)}
        options=${Object.entries(PURPOSES).map(([key, words]) => [key, t(words)])} />
      <${Choice} label=${t("Which ground or animals?")} name="subject" value=${fields.subject_id} onChange=${(v) => change("subject_id", v)}
        options=${[["", t("None of them")], ...known.subjects.map((one) => [one.subject_id, one.name])]} />
      <${Choice} label=${t("How far is the crop?")} name="stage" value=${fields.stage} onChange=${(v) => change("stage", v)}
        options=${[["", t("I did not look")], ...Object.entries(STAGES).map(([key, words]) => [key, t(words)])]} />
      <label class="field">${t("How much is lost? [percent]")}<input id="damage" inputmode="numeric" maxlength="3" value=${fields.damage}
        onInput=${(event) => change("damage", event.target.value)} /></label>
      ${herd && html`<label class="field">${t("How many animals did you count?")}<input id="heads" inputmode="numeric" maxlength="5" value=${fields.heads}
        onInput=${(event) => change("heads", event.target.value)} /></label><${Tags} tags=${fields.tags} change=${(v) => change("tags", v)} />`}
      <label class="field">${t("What did you see?")}<textarea id="note" rows="4" maxlength="2000" value=${fields.note}
        onInput=${(event) => change("note", event.target.value)}></textarea></label>
      <${PhotoTaker} photos=${fields.photos} change=${(v) => change("photos", v)} />
      <${Here} place=${fields.place} change=${(v) => change("place", v)} />
      <${Signature} label=${t("The farmer signs here, if they wish")} photo=${fields.signature} change=${(v) => change("signature", v)} />
      ${fault && html`<p class="told" role="alert">${fault}</p>`}
      <div class="acts"><button class="button" id="finish" disabled=${busy}>${t("Finish")}</button>
        <button type="button" class="button second" onClick=${() => dropDraft(`visit/${id}`).then(() => done(`#/farmer/${id}`))}>${t("Throw away")}</button></div>
    </form></${Page}>`;
}

async function visitOf(id, fields) {
  const { place } = fields;
  return {
    visit_id: crypto.randomUUID(), farmer_id: id, subject_id: fields.subject_id, visited_on: await today(),
    purpose: fields.purpose, stage: fields.stage, note: fields.note.normalize("NFC"), photos: fields.photos,
    ear_tags: fields.tags, damage_percent: whole(fields.damage, 0, 100), heads: whole(fields.heads, 0, 99999),
    lon_e7: place?.lon_e7, lat_e7: place?.lat_e7, accuracy_cm: place?.accuracy_cm,
    signature: fields.signature ?? undefined,
  };
}

function Tags({ tags, change }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState("");
  const add = (value) => {
    const tag = value.replace(/\D/g, "");
    if (!EAR_TAG.test(tag)) return setFault(t("An ear tag has 15 digits."));
    if (tags.includes(tag)) return setFault(t("This tag is here already."));
    setFault("");
    setText("");
    return change([...tags, tag]);
  };
  return html`<fieldset class="choice"><legend>${t("Ear tags")} (${tags.length})</legend>
    <div class="row"><input id="tag" aria-label=${t("Ear tag")} inputmode="numeric" maxlength="19" value=${text} onInput=${(event) => setText(event.target.value)} />
      <button type="button" class="button second" onClick=${() => add(text)}>${t("Add")}</button><${ScanTag} found=${add} /></div>
    ${fault && html`<p class="told" role="alert">${fault}</p>`}
    <ul class="chips">${tags.map((tag) => html`<li key=${tag} class="chip">${tag} <button type="button" class="bare"
      aria-label=${t("Take {tag} away", { tag })} onClick=${() => change(tags.filter((one) => one !== tag))}>×</button></li>`)}</ul></fieldset>`;
}

function Here({ place, change }) {
  const [fault, setFault] = useState("");
  const ask = () => navigator.geolocation.getCurrentPosition(
    ({ coords }) => change({ lon_e7: Math.round(coords.longitude * 1e7), lat_e7: Math.round(coords.latitude * 1e7),
      accuracy_cm: Math.round(coords.accuracy * 100) }),
    () => setFault(t("The tablet does not know where it is.")), { enableHighAccuracy: true, timeout: 30000 });
  return html`<div class="field"><button type="button" class="button second" id="here" onClick=${ask}>${t("I stand at the plot")}</button>
    ${place && html`<span class="soft">± ${Math.round(place.accuracy_cm / 100)} m</span>`}${fault && html`<span class="told">${fault}</span>`}</div>`;
}

const fits = (subject, product) => (product.pledge !== "plot" ? subject.kind === product.pledge
  : subject.kind === "plot" && subject.crop === product.crop
    && (!product.season_id || !subject.season_id || subject.season_id === product.season_id));

export function Apply({ id, tick, done }) {
  const known = useAnswer(() => knownOf(id), [id, tick]);
  const [fields, change, saved] = useDraft(`application/${id}`, "application", id, {
    product_id: "", left_out: [], steps: 0, purposes: [], cash: [], signature: null,
    application_id: crypto.randomUUID(), consent_id: crypto.randomUUID(),
  });
  const on = useAnswer(today, [id]);
  const [fault, setFault] = useState("");
  if (!known?.farmer || !fields || !on) return waiting();
  const offered = known.products.filter((one) => known.subjects.some((subject) => fits(subject, one)));
  const product = offered.find((one) => one.product_id === fields.product_id) ?? (offered.length === 1 ? offered[0] : null);
  const fitting = product ? known.subjects.filter((one) => fits(one, product)) : [];
  const subjects = fitting.filter((one) => !fields.left_out.includes(one.subject_id)).map((one) => one.subject_id);
  const found = product && scoreOf(known, product.product_id, subjects, fields.purposes);
  const asked = product ? fields.steps * product.step_minor : 0;
  const cash = product?.own_cash ? fields.cash ?? [] : [];
  const send = async (event) => {
    event.preventDefault();
    if (!product || !subjects.length || !asked) return setFault(t("Choose what for, on which ground, and how much."));
    if (cash.length && faultsOf(product, cash).length) return document.getElementById("cash").scrollIntoView();
    await saved();
    const words = product.words[language()] ? language() : "en";
    const body = {
      application: { application_id: fields.application_id, farmer_id: id, product_id: product.product_id,
        subject_ids: subjects, asked_minor: asked, currency: product.currency, cash: cash.length ? cash : undefined },
      consent_id: fields.consent_id, purposes: fields.purposes, language: words,
      shown_sha256: await shownWith(product.shown_sha256[words], cash), spoken: false, signature: fields.signature ?? undefined,
    };
    await put("application", body, { draftId: `application/${id}`, label: `${known.farmer.name}: ${money(asked, product.currency)}`,
      photos: fields.signature ? [fields.signature] : [],
      fields: { ...fields, application_id: crypto.randomUUID(), consent_id: crypto.randomUUID() } });
    return done(`#/farmer/${id}`);
  };
  return html`<${Page} title=${t("Application")} lead=${known.farmer.name} back=${`#/farmer/${id}`}>
    ${!offered.length && html`<p class="empty">${t("No product fits what this farmer has.")}</p>`}
    <form onSubmit=${send}>
      ${offered.length > 1 && html`<${Choice} label=${t("What for?")} name="product" value=${fields.product_id} onChange=${(v) => change("product_id", v)}
        options=${offered.map((one) => [one.product_id, nameOf(one)])} />`}
      ${product && html`
        <fieldset class="choice"><legend>${offered.length === 1 ? nameOf(product) : t("On which ground?")}</legend>${fitting.map((one) => html`
          <label class="tick"><input type="checkbox" checked=${subjects.includes(one.subject_id)} onChange=${(event) => change("left_out",
            event.target.checked ? fields.left_out.filter((s) => s !== one.subject_id) : [...fields.left_out, one.subject_id])} /> ${one.name}</label>`)}</fieldset>
        <fieldset class="choice"><legend>${t("How much?")}</legend><div class="row amount">
          <button type="button" class="button second" aria-label=${t("Less")} onClick=${() => change("steps", Math.max(0, fields.steps - 1))}>−</button>
          <output id="amount" class="figure">${money(asked, product.currency)}</output>
          <button type="button" class="button second" id="more" aria-label=${t("More")} onClick=${() => change("steps", Math.min(Math.floor(product.max_minor / product.step_minor), fields.steps + 1))}>+</button></div></fieldset>
        ${product.own_cash && html`<${CashMonths} product=${product} cash=${cash} on=${on} change=${(v) => change("cash", v)} />`}
        <fieldset class="choice"><legend>${t("Read each aloud. What does the farmer agree to?")}</legend>${product.purposes.map((purpose) => html`
          <label class="tick"><input type="checkbox" name="purpose" value=${purpose} checked=${fields.purposes.includes(purpose)} onChange=${(event) => change("purposes",
            event.target.checked ? [...fields.purposes, purpose] : fields.purposes.filter((p) => p !== purpose))} />
            <span>${(product.words[language()] ?? product.words.en)[purpose]}</span></label>`)}</fieldset>
        <div class="card row"><span>${t("Score")}</span>${found ? html`<b class="figure" id="score" data-score=${found.points}>${found.points}</b>`
          : html`<span class="soft" id="score">${t("Only the station can score this now.")}</span>`}</div>
        <p class="soft">${t("The station decides when this tablet reaches it; the farmer is told there.")}</p>
        <${Signature} label=${t("The farmer signs here, if they wish")} photo=${fields.signature} change=${(v) => change("signature", v)} />
        ${fault && html`<p class="told" role="alert">${fault}</p>`}
        <div class="acts"><button class="button" id="finish">${t("Finish")}</button>
          <button type="button" class="button second" onClick=${() => dropDraft(`application/${id}`).then(() => done(`#/farmer/${id}`))}>${t("Throw away")}</button></div>`}
    </form></${Page}>`;
}
