// Search over the agent's farmers, in memory: the beginnings of words, without accents.

const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** An index of farmers by the words of their names, ids and plots. */
export function indexOf(farmers, subjects) {
  const plots = new Map();
  for (const one of subjects) {
    plots.set(one.farmer_id, `${plots.get(one.farmer_id) ?? ""} ${one.name} ${one.crop ?? ""}`);
  }
  return farmers.map((farmer) => ({
    farmer, text: ` ${plain(`${farmer.name} ${farmer.farmer_id} ${plots.get(farmer.farmer_id) ?? ""}`)}`,
  }));
}

/** Farmers all of whose asked words begin some word of theirs, best by name first. */
export function find(index, asked, countMax = 40) {
  const words = plain(asked).split(/\s+/).filter(Boolean);
  if (!words.length) return [];
  const found = [];
  for (const one of index) {
    if (words.every((word) => one.text.includes(` ${word}`))) {
      found.push(one.farmer);
      if (found.length >= countMax) break;
    }
  }
  return found;
}
