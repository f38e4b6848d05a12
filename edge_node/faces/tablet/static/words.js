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

/** Speak a language from now on; what is missing is said in English. */
export async function speak(name) {
  texts = {};
  if (name !== "en" && name in LANGUAGES) {
    const answer = await fetch(`/tablet/words/${name}.json`);
    texts = answer.ok ? await answer.json() : {};
  }
  current = name in LANGUAGES ? name : "en";
  document.documentElement.lang = TAGS[current] ?? current;
}
