// Words: the English sentence is the message; catalogues come from gettext (domain "tablet").

const TAGS = { zh: "zh-Hans", mn: "mn-Mong" };
let texts = {};
let current = "en";
export const LANGUAGES = { en: "English", sw: "Kiswahili", hi: "हिन्दी", zh: "中文", mn: "ᠮᠣᠩᠭᠣᠯ" };

/** A sentence in the agent's language, its parameters filled in. */
export function t(message, params = {}) {
  const found = texts[message] || message;
  return found.replace(/\{(\w+)\}/g, (all, name) => (name in params ? String(params[name]) : all));
}

export const language = () => current;

// Letters that a tablet may lack: they are asked for when their language is chosen, and kept.
const LETTERS = { hi: ["Harvestline Devanagari", "क"], zh: ["Harvestline Words", "中"], mn: ["Harvestline Mongolian", "ᠮ"] };
const WEIGHTS = [400, 700];

function letters(name) {
  const [face, sample] = LETTERS[name] ?? [];
  for (const weight of face ? WEIGHTS : []) {
    document.fonts.load(`${weight} 1em "${face}"`, sample).catch(() => {}); // without a station: when it is shown next
  }
}

/** The browser's own language, before an agent has chosen one. */
export const wished = () => navigator.languages.map((tag) => tag.split("-")[0]).find((tag) => tag in LANGUAGES) ?? "en";

/** Speak a language from now on; what is missing is said in English. */
export async function speak(name) {
  texts = {};
  if (name !== "en" && name in LANGUAGES) {
    const answer = await fetch(`/tablet/words/${name}.json`);
    texts = answer.ok ? await answer.json() : {};
  }
  current = name in LANGUAGES ? name : "en";
  document.documentElement.lang = TAGS[current] ?? current;
  letters(current);
}
