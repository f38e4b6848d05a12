"""Leave by two persons for what one may do alone only while a tenant is founded.

Until two supervisors stand nobody could confirm anything, so a new centre is set up by whoever has
its machine. From then on, and never again otherwise, a new policy and what stations are given
rest on a word that another person confirmed; the database asks for the same.
"""

from __future__ import annotations

from server.services.centre import RequestError
from server.store import accounts, money_words
from server.store.engine import Tx
from server.store.money_words import WordKind


def leave_of(tx: Tx, about: tuple[WordKind, str], ask: str) -> str:
    """The word of two about a thing by its id; empty while the tenant is founded.

    Parameters
    ----------
    ask
        The command by which a supervisor asks for it.

    Raises
    ------
    RequestError
        If two supervisors stand, and no word about it was confirmed.
    """
    word = money_words.confirmed(tx, *about)
    if word is not None:
        return word.word_id
    if accounts.is_founded(tx):
        raise RequestError(
            f"{about[1]}: expected it to be approved by two persons, since two supervisors stand: "
            f"one gives `{ask} --officer NAME --reason WHY`, another person `word confirm`, or "
            "answers it at the console; then give this command again"
        )
    return ""
