"""Words for what is done with a farmer's data: purposes, classes, who looks, what follows."""

from __future__ import annotations

from collections.abc import Mapping

# What a consent says, by the name that the farmer is asked by.
PURPOSES: Mapping[str, str] = {
    "automated_decision": "A machine at this station may decide on my application.",
    "device_readings": "The readings of my devices may be used to decide.",
    "satellite_images": "Satellite pictures of my plots may be used to decide.",
    "visit_photos": "The agent's visits and photos may be used to decide.",
    "trade_records": "What I order and sell may be used to decide.",
    "bureau_query": "The lender may ask a bureau what I owe to others.",
    "bureau_report": "The lender may tell a bureau how I repay.",
    "co_lending": "Another lender that pays a part of my loan may see it.",
    "insurance": "An insurer may see my plots and my name, to cover my harvest.",
    "model_training": "My records may help the machine to learn, without my name.",
    "research": "My records may be used for research, without my name.",
    "fairness_audit": "It may be examined whether the machine treats people like me fairly.",
}
# What happens without it, in the farmer's words; the catalogue has it in the lender's.
WITHOUT: Mapping[str, str] = {
    "automated_decision": "Without this a person at the lender decides.",
    "device_readings": "Without this your devices count neither for nor against you.",
    "satellite_images": "Without this your plot counts as not seen: your limit stays, later new draws wait. Nothing is due earlier.",  # noqa: E501
    "visit_photos": "Without this nobody looks at visits and photos to decide. Where a second source is needed, a rise waits.",  # noqa: E501
    "trade_records": "Without this your orders and sales count neither for nor against you.",
    "bureau_query": "Without this nobody is asked, and a person may have to decide.",
    "bureau_report": "Without this your loan is not reported.",
    "co_lending": "Without this your lender lends alone.",
    "insurance": "Without this there is no cover.",
    "model_training": "Without this nothing changes for you.",
    "research": "Without this nothing changes for you.",
    "fairness_audit": "Without this nothing changes for you.",
}
# What rests on the agreement or the law, and is told, not asked.
UNASKED: Mapping[str, str] = {
    "servicing": "Your name, your plots and your account: to keep your account.",
    "payout": "Your name and the amount: to pay you or your supplier.",
    "supervision": "Your account: the law makes the lender keep its books and show them.",
    "advice": "Your devices and pictures of your plots: to warn you here, and nobody else.",
    "decision": "Your name, plots and account: to look at what you ask for.",
    "supply": "Your order: to deliver what you ordered.",
    "sale": "Your sale: to settle what you sold.",
}
CLASSES: Mapping[str, str] = {
    "identity": "name",
    "credentials": "card",
    "registered": "plots and animals",
    "money": "account",
    "decisions": "decisions",
    "telemetry": "devices",
    "machinery": "machines",
    "livestock": "ear tags",
    "imagery": "satellite pictures",
    "visits": "visits and photos",
    "bureau": "debts elsewhere",
    "trade": "orders and sales",
}
ROLES: Mapping[str, str] = {
    "lender": "A person at the lender",
    "supervisor": "A supervisor at the lender",
    "operator": "A technician at the lender",
    "auditor": "An auditor",
    "cashier": "A cashier",
    "centre": "The lender's computer",
    "farmer": "You",
}
OTHER_ROLE = "Another system"
"""Said of a role that has no words of its own."""
