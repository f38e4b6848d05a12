// Small parts that every screen is made of.

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";

import { FORMATS } from "./formats.js";
import { language, t } from "./words.js";

export const html = htm.bind(h);
export const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August",
  "September", "October", "November", "December"];

/** What stands there until the answer is known. */
export const waiting = () => h("main", { class: "page" });

const formats = () => FORMATS[language()] ?? FORMATS.en;

/** A civil date as people say it. */
export function day(on) {
  if (!on) return "–";
  const [year, month, number] = on.split("-").map(Number);
  const parts = { y: year, d: number, M: month, MMMM: t(MONTHS[month - 1]) };
  return formats().day.replace(/MMMM|M|y|d/g, (part) => parts[part]);
}

/** How many decimals a minor unit has, as core/units.py has them (ISO 4217); two for all others. */
const DECIMALS = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
  3: "BHD IQD JOD KWD LYD OMR TND",
};

export function decimalsOf(currency) {
  return Number(Object.keys(DECIMALS).find((n) => DECIMALS[n].split(" ").includes(currency)) ?? 2);
}

function grouped(digits) {
  const { group, group_digits, groups_digits } = formats();
  const found = [digits.slice(-group_digits)];
  for (let head = digits.slice(0, -group_digits); head; head = head.slice(0, -groups_digits)) found.unshift(head.slice(-groups_digits));
  return found.join(group);
}

/** An amount with its currency, without empty decimals, as Formats.money_of of the station writes it. */
export function money(minor, currency) {
  const { decimal, minus, money: pattern, symbols } = formats();
  const decimals = decimalsOf(currency);
  const whole = Math.trunc(Math.abs(minor) / 10 ** decimals);
  const rest = Math.abs(minor) % 10 ** decimals;
  const number = grouped(String(whole)) + (rest ? decimal + String(rest).padStart(decimals, "0") : "");
  const symbol = symbols[currency] ?? currency;
  const joined = /\p{L}$/u.test(symbol) ? pattern.replace("}{", "} {") : pattern;
  const text = joined.replace("{symbol}", symbol).replace("{number}", number);
  return minor < 0 ? minus + text : text;
}

/** A product's name in the agent's language, where the lender gave one. */
export const nameOf = (product) => product.names?.[language()] ?? product.name;

/** Kinds of what is registered, and crops, in words. */
const GROWN = {
  plot: "Plot", pasture: "Pasture", herd: "Herd", machine: "Machine", store: "Store",
  maize: "Maize", beans: "Beans", wheat: "Wheat", barley: "Barley", rice: "Rice",
  paddy: "Paddy", sugarcane: "Sugarcane",
};

/** A kind or crop in the agent's language; a crop of later days as it is registered. */
export const grown = (name) => t(GROWN[name] ?? name);

/** An area in hectares, and how far it may be off. */
export function area(m2, sd = 0) {
  const ha = (value) => (value / 10000).toFixed(2);
  return sd ? `${ha(m2)} ± ${ha(sd)} ha` : `${ha(m2)} ha`;
}

/** What an asynchronous question gave, asked again when `about` changes. */
export function useAnswer(question, about) {
  const [answer, setAnswer] = useState(undefined);
  useEffect(() => {
    let here = true;
    question().then((found) => here && setAnswer(found));
    return () => { here = false; };
  }, about);
  return answer;
}

export const Page = ({ title, back, children, lead }) => html`
  <main class="page">
    <header class="head">
      ${back && html`<a class="back" href=${back} aria-label=${t("Back")}><span aria-hidden="true">‹</span></a>`}
      <div><h1 tabindex="-1">${title}</h1>${lead && html`<p class="soft">${lead}</p>`}</div>
    </header>
    ${children}
  </main>`;

export const STATE_WORDS = {
  tablet: "On this tablet", station: "At the station", centre: "At the centre",
  accepted: "Accepted", needs_you: "Needs you", dropped: "Laid aside",
};
const STEPS = ["tablet", "station", "centre", "accepted"];

/** How far something has come: words first, four marks beside, never colour alone. */
export const State = ({ state }) => html`
  <span class="state ${state}">
    ${STEPS.includes(state) && html`<span class="steps" aria-hidden="true">${STEPS.map((step, n) => html`
      <i class=${n <= STEPS.indexOf(state) ? "done" : ""}></i>`)}</span>`}
    ${t(STATE_WORDS[state])}
  </span>`;

export const Choice = ({ label, name, value, options, onChange }) => html`
  <fieldset class="choice"><legend>${label}</legend>
    <div class="chips">${options.map(([key, words]) => html`
      <label class="chip ${key === value ? "on" : ""}">
        <input type="radio" name=${name} value=${key} checked=${key === value}
          onChange=${() => onChange(key)} />${words}</label>`)}</div>
  </fieldset>`;
