// What an agent says is otherwise than registered, and what waits for the lender's choice.

import { useState } from "preact/hooks";

import { put } from "./outbox.js";
import { Choice, day, grown, html, Page, useAnswer, waiting } from "./parts.js";
import { dropDraft, meta, today, vault } from "./vault.js";
import { useDraft } from "./forms.js";
import { LANGUAGES, t } from "./words.js";

/** The fields that may be corrected, as core/wire/corrections.py has them. */
const FIELDS = () => ({
  "farmer.name": t("Name of the farmer"), "farmer.household_size": t("People in the household"),
  "farmer.language": t("Language of the farmer"), "subject.name": t("Name of the plot"),
  "subject.crop": t("Crop"), "subject.sown_on": t("Day of sowing"), "subject.heads": t("Number of animals"),
});
const LATEST = new Set(["farmer.language", "subject.name"]);
const COUNTS = new Set(["farmer.household_size", "subject.heads"]);

async function knownOf(farmerId) {
  const db = await vault();
  const [farmer, subjects] = await Promise.all([
    db.get("farmers", farmerId), db.getAllFromIndex("subjects", "farmer", farmerId),
  ]);
  return { farmer, subjects };
}

/** What is open of a farmer: every version as its agent wrote it. */
export function Versions({ farmerId, tick }) {
  const all = useAnswer(() => meta("versions"), [farmerId, tick]) ?? [];
  const mine = all.filter((one) => one.farmer_id === farmerId);
  return mine.map((one) => html`<p class="told" role="status" key=${`${one.field}/${one.value}/${one.agent_id}`}>
    ${t("Waits for the lender: {field} {value}, by {agent} on {day}", { field: FIELDS()[one.field], value: shown(one.field, one.value), agent: one.agent_id, day: day(one.noted_on) })}</p>`);
}

function shown(field, value) {
  if (!value) return "–";
  if (field === "subject.sown_on") return day(value);
  if (field === "subject.crop") return grown(value);
  return field === "farmer.language" ? LANGUAGES[value] ?? value : value;
}

function fits(field, value) {
  if (field === "subject.sown_on") return /^\d{4}-\d{2}-\d{2}$/.test(value);
  return COUNTS.has(field) ? /^[1-9]\d{0,5}$/.test(value) : value.length > 0 && value.length <= 80;
}

export function Correct({ id, tick, done }) {
  const known = useAnswer(() => knownOf(id), [id, tick]);
  const [fields, change, saved] = useDraft(`correct/${id}`, "correct", id, { field: "farmer.name", subject_id: "", value: "" });
  const [busy, setBusy] = useState(false);
  if (!known?.farmer || !fields) return waiting();
  const [kind, name] = fields.field.split(".");
  const of = known.subjects.find((one) => one.subject_id === fields.subject_id) ?? known.subjects[0];
  const was = String((kind === "farmer" ? known.farmer : of)?.[name] || "");
  const value = fields.value.trim().normalize("NFC");
  const ready = fits(fields.field, value) && value !== was && (kind === "farmer" || of);
  const send = async (event) => {
    event.preventDefault();
    setBusy(true);
    await saved();
    const body = { correction_id: crypto.randomUUID(), farmer_id: id, subject_id: kind === "subject" ? of.subject_id : "",
      field: fields.field, was, value, noted_on: await today(), note: "" };
    await put("correction", body, { draftId: `correct/${id}`, label: `${known.farmer.name}: ${FIELDS()[fields.field]}`, fields });
    done(`#/farmer/${id}`);
  };
  const input = { sown_on: "date", household_size: "number", heads: "number" }[name] ?? "text";
  return html`<${Page} title=${t("Correct what is registered")} lead=${known.farmer.name} back=${`#/farmer/${id}`}>
    <form onSubmit=${send} noValidate>
      <${Choice} label=${t("What is otherwise?")} name="field" value=${fields.field} onChange=${(v) => { change("field", v); change("value", ""); }}
        options=${Object.entries(FIELDS()).filter(([key]) => key.startsWith("farmer.") || known.subjects.length)} />
      ${kind === "subject" && html`<${Choice} label=${t("Which ground or animals?")} name="subject" value=${of?.subject_id}
        onChange=${(v) => change("subject_id", v)} options=${known.subjects.map((one) => [one.subject_id, one.name])} />`}
      <p class="soft" id="registered">${t("Registered now: {value}", { value: shown(fields.field, was) })}</p>
      ${name === "language"
        ? html`<${Choice} label=${t("It should be")} name="value" value=${fields.value} onChange=${(v) => change("value", v)} options=${Object.entries(LANGUAGES)} />`
        : html`<label class="field">${t("It should be")}<input id="value" type=${input} maxlength="80" value=${fields.value}
            onInput=${(event) => change("value", event.target.value)} /></label>`}
      <p class="soft">${LATEST.has(fields.field) ? t("The latest word counts.") : t("The lender's people choose; until then what is registered counts.")}</p>
      <div class="acts"><button class="button" id="finish" disabled=${busy || !ready}>${t("Finish")}</button>
        <button type="button" class="button second" onClick=${() => dropDraft(`correct/${id}`).then(() => done(`#/farmer/${id}`))}>${t("Throw away")}</button></div>
    </form></${Page}>`;
}
