"""Words for pictures, helpers and questions at the kiosk: what the templates look up by value."""

from __future__ import annotations

from collections.abc import Mapping

PICTURES: Mapping[str, str] = {
    "cow": "cow",
    "hen": "hen",
    "fish": "fish",
    "tree": "tree",
    "ear": "ear of grain",
    "drop": "drop of water",
    "house": "house",
    "hoe": "hoe",
    "star": "star",
    "pot": "pot",
    "moon": "moon",
    "tractor": "tractor",
}
RELATIONS: Mapping[str, str] = {
    "child": "My child",
    "spouse": "My wife or husband",
    "relative": "A relative",
    "neighbour": "A neighbour",
    "other": "Somebody else",
}
KINDS: Mapping[str, str] = {
    "person": "I want to talk with a person",
    "complaint": "I want to complain",
    "appeal": "A person shall look at this decision",
}
TOPICS: Mapping[str, str] = {
    "decision": "A decision",
    "limit": "My limit",
    "price": "The price",
    "money": "Money that did not come",
    "people": "How I was treated",
    "data": "My data",
    "other": "Something else",
}
OUTCOMES: Mapping[str, str] = {
    "explained": "Answered",
    "stands": "The decision stays",
    "changed": "It is put right",
}
PROBLEMS: Mapping[str, str] = {
    "plain": "Choose at least two different pictures.",
    "differs": "That was not the same. Please begin again.",
    "taken": "Please choose other pictures.",
}
EVERY = (PICTURES, RELATIONS, KINDS, TOPICS, OUTCOMES, PROBLEMS)
