"""The sentences that the kiosk says aloud: each has a clip where the language has a voice.

A screen's question, the price, the receipt, every reason, what would change a decision and what
stands beside it are spoken; the cash desk and the station's page are not. The clips together may
take 2.4 MB, so a prompt is short.
"""

from __future__ import annotations

from core.decision.changing import ChangeKind
from core.reasons import SENTENCES, ReasonCode
from edge_node.faces.kiosk.changing import SENTENCES as CHANGES
from edge_node.faces.kiosk.data_words import PURPOSES, ROLES, WITHOUT
from edge_node.faces.kiosk.heard import IN_COLOUR, LATER, NO_PICTURE, PICTURES, PROVES, SAVED
from edge_node.faces.kiosk.kiosk_words import KINDS, OUTCOMES, PROBLEMS, RELATIONS, TOPICS
from edge_node.faces.kiosk.own_months import DAYS, MOST, NONE, QUESTION, TOO_EARLY, TOO_LATE
from edge_node.faces.kiosk.words import GOODS, MOVEMENTS, STAGES
from edge_node.watch.notices import ADVICE, FOR_FARMERS
from edge_node.watch.notices import SENTENCES as NOTICED

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
# What stands under a screen's question: said with it, or when *Hear it* is touched.
BESIDE: tuple[str, ...] = (
    "Hold your card to the reader",
    "A wrong touch? You can still stop.",
    "Not now",
    "These pictures are locked",
    "Those were not your pictures. Try again in {seconds} seconds.",
    "Keep them in your head, and show them to nobody, not to the agent either.",
    "{name} chooses four pictures now",
    "It is written down that the agent was with you.",
    "It is written down with what you agree to.",
    "Nobody: I am alone",
    "Someone is helping me",
    "{name} acts for {farmer}",
    "Your pictures are kept. From now on the card opens with them alone.",
    "The lender has answered you",
    "Look after this now",
    "Since {day}",
    "Goods from {supplier}: {amount}",
    "look and answer",
    "did they come?",
    "The lender pays {supplier}; you get the goods by {day}.",
    "{supplier} offers you these goods on your line",
    "{supplier} says that you have these goods",
    "Yes, all of this came",
    "No, it did not come",
    "It came damaged",
    "These are other goods",
    "If only some of it came, tell the agent.",
    (
        "Your harvest lost {percent}%. What you owe is put off: nothing of it is due before "
        "{first}, all of it by {last}. Interest runs on."
    ),
    "You have agreed to a new plan. The lender looks at it now.",
    "The lender proposes a new plan for what you owe.",
    "A new plan for what you owe",
    "owed on {day}",
    "You pay back in all",
    "Until now",
    "New plan",
    "All paid by",
    "The interest that you owe now will bear interest itself.",
    "You may say no: then everything stays as you agreed before. The offer ends on {day}.",
    "What you pay, and when",
    "Late: pay this now",
    "If you draw nothing more and pay each day's amount. Paying early costs less interest.",
    "You owe, counted to {day}",
    "Drawn",
    "Left here",
    "seen {day}",
    *IN_COLOUR,
    *(text for each in PICTURES.values() for text in each),
    NO_PICTURE,
    "How green it was, day by day",
    "Why this limit",
    "Your limit over time",
    "Your last application",
    "All of this together would change it:",
    "The till pays only when you show the receipt that comes next.",
    "You get goods, not cash: show {supplier} the receipt that comes next.",
    "No cash is paid here: the lender sends the money to your account.",
    SAVED,
    LATER,
    PROVES,
    "Drawn by {name} for {farmer}",
    "You ask for {amount}. Leave out what you do not want; you can take it back at any time.",
    "I agree",
    "For these",
    "Why",
    "If you draw it all today",
    "Do you not want this credit line?",
    "You have drawn nothing and owe nothing. The line ends now. You may ask again later.",
    "Do you want to leave this agreement?",
    (
        "You pay back {amount} by {day}, and the interest of each day until you pay. Nothing more "
        "can be drawn."
    ),
    "You may leave without a reason until {day}.",
    "The line has ended: nothing was drawn and nothing is owed",
    "You have left the agreement",
    "Pay by",
    "The interest of each day until you pay comes on top, and nothing else.",
    "What you have asked",
    "Asked on {day}.",
    "The answer comes to this screen.",
    "Who is your helper?",
    "What is your helper's name?",
    "How much may {name} draw in a day?",
    "May draw {amount} a day, until {day}.",
    "May look and ask, not draw, until {day}.",
    "Nobody but you.",
    (
        "A helper may look, draw up to what you say, and ask for a person. Only you may ask for a "
        "line, agree to the use of data, or name a helper."
    ),
    "Is this receipt true?",
    "This receipt is true",
    *(QUESTION, MOST, NONE, TOO_LATE, TOO_EARLY, DAYS),
    "This is not a receipt of a station of this lender, or it was altered.",
    "Hold the square on the receipt to the camera or the reader. No connection is needed.",
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
    by_value = (KINDS, OUTCOMES, PROBLEMS, MOVEMENTS, STAGES, TOPICS, RELATIONS, GOODS)
    noticed = (
        text for kind in NOTICED if kind in FOR_FARMERS for text in (NOTICED[kind], ADVICE[kind])
    )
    known = (*SCREENS, *BESIDE, *(text for each in by_value for text in each.values()), *FEATURES)
    asked = (text for name in ASKED for text in (PURPOSES[name], WITHOUT[name]))
    told = (*noticed, *asked, *(ROLES[name] for name in LOOKED))
    return tuple(dict.fromkeys((*known, *told, *reasons)))
