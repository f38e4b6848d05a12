"""The sentences that the kiosk says aloud: each has a clip where the language has a voice.

A screen's question, the price, the receipt, every reason and what would change a decision are
spoken; the cash desk and the station's page are not. The clips together may take 1.62 MB, so a
prompt is short.
"""

from __future__ import annotations

from core.decision.changing import ChangeKind
from core.reasons import SENTENCES, ReasonCode
from edge_node.faces.kiosk.changing import SENTENCES as CHANGES
from edge_node.faces.kiosk.data_words import PURPOSES, ROLES, WITHOUT
from edge_node.faces.kiosk.kiosk_words import KINDS, OUTCOMES, PROBLEMS
from edge_node.faces.kiosk.words import MOVEMENTS, STAGES

SCREENS: tuple[str, ...] = (
    "This card is not known here. Try again, or ask the agent.",
    "Are you still there?",
    "You can draw here now",
    "Your limit",
    "You owe today",
    "Due on",
    "How much do you need?",
    "This is the whole price",
    "You receive",
    "Fee",
    "Interest until the due day",
    "You pay back",
    "Yearly cost with everything (APR)",
    "Shall the till pay you now?",
    "Receipt: show it at the till",
    "Cancelled: nothing was paid and nothing is owed for it",
    "How large a credit line do you ask for?",
    "What may we look at to decide?",
    "Your credit line is open",
    "A person will decide",
    "Not this time",
    "What would change it",
    "Nothing can be asked for here now. Talk to the agent.",
    "That did not work",
    "Nothing was paid and nothing was lost. Please ask the agent.",
    "Ask for a credit line",
    "Who is paid",
    "What for",
    "Shall {supplier} be paid now?",
    "Shall your account be paid now?",
    "Receipt: the lender sends the money to your account",
    "Receipt for goods: show it to {supplier}",
    "Tell {supplier} this number only when all of it has come.",
    "It is much greener than in usual years.",
    "It is greener than in usual years.",
    "It grows as in usual years.",
    "It is less green than in usual years.",
    "It is much less green than in usual years.",
    "How usual years were is not known here yet.",
    "Nobody has seen it from above yet this season.",
    "Touch your pictures",
    "Touch the same pictures once more",
    "Please wait",
    "What is it about?",
    "What do you want to ask?",
    CHANGES[ChangeKind.AMOUNT],
    CHANGES[ChangeKind.CONSENT],
    "A person at the lender reads it and answers you here. Nothing of yours changes meanwhile.",
    "It is written down",
    "You are answered by {day} at the latest.",
    "Choose four pictures that only you know",
    "Those were not your pictures. Try again.",
    "They were wrong too often. Come with an agent and choose new ones.",
    "The agent holds their own card to the reader",
    "This is no agent's card here.",
    "Who is with you?",
    "Who may act for me",
    "Nothing that you could change now would change this.",
    "Interest a year, for as long as this money is out",
    "What I agreed to",
    "Who looked at my data",
    "The lender has told of nobody who looked.",
    "You have agreed to nothing at present.",
    "{lenders} lend this money together. You deal with {first} alone and pay one price.",
)
# Uses of data that decide or that an offer asks for, and who looks most: of others the screen
# says that it does not say all.
ASKED = tuple(n for n in PURPOSES if n not in ("model_training", "research", "fairness_audit"))
LOOKED = ("lender", "supervisor", "centre")
# What a model's feature counts: the words of the lender's own catalogue of features.
FEATURES: tuple[str, ...] = (
    "One thing counted against it.",
    "You have been with the lender for a short time.",
    "Few seasons have been repaid so far.",
    "Earlier loans were repaid late.",
    "The planted area is small.",
    "Many people live from this harvest.",
    "Other debts must be repaid from the same harvest.",
    "The amount asked for is large against the usual harvest.",
    "The soil was too dry on many days.",
    "Less rain fell than in a normal year.",
    "The plot looks less green than is normal for this time.",
    "The crop stands at another stage than crops that were repaid.",
    "The animals walk more or less than herds whose loans were repaid.",
    "Few animals were counted.",
    "The machine worked few hours.",
)


def spoken_sentences() -> tuple[str, ...]:
    """Every sentence that is said, in order, each once."""
    reasons = (text for code, text in SENTENCES.items() if code is not ReasonCode.FEATURE)
    by_value = (KINDS, OUTCOMES, PROBLEMS, MOVEMENTS, STAGES)
    known = (*SCREENS, *(text for each in by_value for text in each.values()), *FEATURES)
    asked = (text for name in ASKED for text in (PURPOSES[name], WITHOUT[name]))
    told = (*asked, *(ROLES[name] for name in LOOKED))
    return tuple(dict.fromkeys((*known, *told, *reasons)))
