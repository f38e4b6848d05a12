// Why something needs the agent, in the agent's language. The station and the centre say it in
// English, by code; the sentences here are held to theirs (test_what_needs_the_agent_is_said_in_the_agent_s_language).

import { wordsOf } from "./money.js";
import { day, html } from "./parts.js";
import { t } from "./words.js";

/** What they say, and what an agent can do about it; the first that fits counts. */
export const SAID = [
  [/ without an open line of /, () => t("This farmer has an open line of this kind already: draw under that one.")],
  [/ a farmer of the area of /, () => t("This farmer is not in your area.")],
  [/ what belongs to | is not registered for /, () => t("This ground or these animals belong to somebody else.")],
  [/ a day up to \S+, got (\S+): /, (found) => t("{day} has not come yet: set the tablet's clock.", { day: day(found[1]) })],
  [/ consent to the words that are used now/, () => t("The words to agree to have changed: read them aloud again, and send it again.")],
  [/ nothing can be decided now: /, () => t("Nothing can be decided at the station now: send it again later.")],
  [/ cash months? /, () => t("The months with money do not fit any more: send it again with others.")],
  [/another version counts: (.*)$/, (found) => t("The lender's people chose another version: {reason}", { reason: found[1] })],
  [/this person was erased /, () => t("This person was erased at their own word.")],
  [/ breaks its sub-lease: (\w+)/, (found) => wordsOf(found[1])],
  [/ sub-lease \S+ has ended/, () => wordsOf("draw_lease_closed")],
  [/ another box of this station /, () => t("The lender has to see this receipt first.")],
  [/ is here already| exists with other content/, () => t("This was handed in already.")],
];

/** The sentence for the agent. */
export function needed(words) {
  for (const [pattern, told] of SAID) {
    const found = ` ${words}`.match(pattern);
    if (found) return told(found);
  }
  return t("The station could not take this.");
}

/** It, and below it what was said as it was said, for whoever is asked for help. */
export const Needed = ({ words }) => html`<p class="told">${needed(words)}<br /><span class="small" lang="en">${words}</span></p>`;
