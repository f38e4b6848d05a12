// The months in which a farmer has money, within a product's bounds (core/lending/own_cash.py).

import { html, MONTHS } from "./parts.js";
import { canonical, sha256 } from "./signing.js";
import { t } from "./words.js";

const PPM = 1000000;
const WEIGHT_MAX = 9;
const YEAR = 12;

/** The same day of a month, or a short month's last: as text. */
function dayIn(year, month, day) {
  const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return [year, month, Math.min(day, last)].map((part) => String(part).padStart(2, "0")).join("-");
}

/** The months that are still to come up to the due date, the earliest first: numbers 1 to 12. */
export function monthsUpTo(dueOn, on) {
  const [year, month, day] = dueOn.split("-").map(Number);
  const found = [];
  for (let early = 0; early < YEAR; early += 1) {
    const back = year * YEAR + month - 1 - early;
    if (dayIn(Math.floor(back / YEAR), (back % YEAR) + 1, day) > on) found.unshift((back % YEAR) + 1);
  }
  return found;
}

const earlyOf = (dueOn, month) => (Number(dueOn.slice(5, 7)) - month + YEAR) % YEAR;

/** What does not fit yet, as sentences. */
export function faultsOf(product, cash) {
  if (!cash.length) return [];
  const { months_max: most, share_ppm_min: share, early_months_max: early } = product.own_cash;
  const whole = cash.reduce((sum, one) => sum + one.weight, 0);
  const faults = [];
  if (cash.length > most) faults.push(t("At most {count} months.", { count: most }));
  if (cash.some((one) => one.weight * PPM < whole * share)) {
    faults.push(t("Each month has to bring at least {percent} percent.", { percent: share / 10000 }));
  }
  if (Math.min(...cash.map((one) => earlyOf(product.due_on, one.month))) > early) {
    const last = (Number(product.due_on.slice(5, 7)) - 1 - early + YEAR) % YEAR;
    faults.push(t("The last money has to come in {month} or later.", { month: t(MONTHS[last]) }));
  }
  return faults;
}

/** The hash of what the farmer was shown: the words, with their own months where they told any. */
export const shownWith = async (words, cash) => (cash.length ? sha256(canonical({ cash, words })) : words);

const inOrder = (cash) => [...cash].sort((one, other) => one.month - other.month);

export function CashMonths({ product, cash, on, change }) {
  const chosen = new Map(cash.map((one) => [one.month, one.weight]));
  const whole = cash.reduce((sum, one) => sum + one.weight, 0);
  const full = cash.length >= product.own_cash.months_max;
  const put = (month, weight) => change(inOrder([...cash.filter((one) => one.month !== month), ...(weight ? [{ month, weight }] : [])]));
  const months = monthsUpTo(product.due_on, on);
  const faults = faultsOf(product, cash);
  return html`<fieldset class="choice" id="cash"><legend>${t("In which months does money come in?")}</legend>
    <p class="soft">${t("If none is chosen, all is repaid when it is due.")} ${t("At most {count} months.", { count: product.own_cash.months_max })}</p>
    <div class="chips">${months.map((month) => html`<label key=${month} class="chip ${chosen.has(month) ? "on" : ""}">
      <input type="checkbox" name="cash" value=${month} checked=${chosen.has(month)} disabled=${full && !chosen.has(month)}
        onChange=${(event) => put(month, event.target.checked ? 1 : 0)} />${t(MONTHS[month - 1])}</label>`)}</div>
    ${cash.length > 1 && html`<ul class="shares">${months.filter((month) => chosen.has(month)).map((month) => html`
      <li key=${month} class="row share" data-month=${month}><span>${t(MONTHS[month - 1])}</span><span class="row">
        <button type="button" class="button second" aria-label=${`${t(MONTHS[month - 1])}: ${t("Less")}`} disabled=${chosen.get(month) === 1}
          onClick=${() => put(month, chosen.get(month) - 1)}>−</button>
        <output class="figure">${Math.round((100 * chosen.get(month)) / whole)} %</output>
        <button type="button" class="button second more" aria-label=${`${t(MONTHS[month - 1])}: ${t("More")}`} disabled=${chosen.get(month) === WEIGHT_MAX}
          onClick=${() => put(month, chosen.get(month) + 1)}>+</button></span></li>`)}</ul>`}
    ${faults.map((words) => html`<p class="told" role="alert">${words}</p>`)}</fieldset>`;
}
