"""The sentences that the kiosk says aloud: each has a clip where the language has a voice.

A screen's question, the price, the receipt and every reason are spoken; the cash desk and
the station's page are not. The clips together may take 1.5 MB, so a prompt is short.
"""

from __future__ import annotations

from core.reasons import SENTENCES, ReasonCode
from edge_node.faces.kiosk.data_words import PURPOSES
from edge_node.faces.kiosk.words import MOVEMENTS

SCREENS: tuple[str, ...] = (
    "Hold your card to the reader",
    "This card is not known here. Try again, or ask the agent.",
    "Are you still there?",
    "You can draw here now",
    "Your limit",
    "You owe today",
    "Due on",
    "Look after this now",
    "Why this limit",
    "How much do you need?",
    "This is the whole price",
    "You receive",
    "Fee",
    "Interest until the due day",
    "You pay back",
    "Yearly cost with everything (APR)",
    "Yes, I agree to this price",
    "No, go back",
    "Shall the till pay you now?",
    "Yes, pay me",
    "No, cancel it",
    "Receipt: show it at the till",
    "Cancelled: nothing was paid and nothing is owed for it",
    "How large a credit line do you ask for?",
    "What may we look at to decide?",
    "Your credit line is open",
    "A person will decide",
    "Not this time",
    "Why",
    "What would change it",
    "You may ask the agent for a person to look at this decision.",
    "Nothing can be asked for here now. Talk to the agent.",
    "That did not work",
    "Nothing was paid and nothing was lost. Please ask the agent.",
    "My data",
    "Finish",
)


def spoken_sentences() -> tuple[str, ...]:
    """Every sentence that is said, in order, each once."""
    reasons = (text for code, text in SENTENCES.items() if code is not ReasonCode.FEATURE)
    return tuple(dict.fromkeys((*SCREENS, *PURPOSES.values(), *MOVEMENTS.values(), *reasons)))
