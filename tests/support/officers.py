"""Officers who may log in, founded and invited as at a lender, for tests."""

from __future__ import annotations

from server.services import account_words
from server.services.account_words import rank, tell_invite
from server.services.authority import tell_authority
from server.services.centre import Centre, Work
from server.services.money_words import confirm
from server.store import accounts, people
from server.store.accounts import FOUNDED, Done
from server.store.money_words import KeptWord
from server.store.people import Actor, Role, User
from server.store.scoping import Scope


def known(centre: Centre, *officers: Actor, hashed: str = "no password fits") -> None:
    """Let officers be known as founders; those who may least first, two supervisors at most."""

    def act(work: Work) -> None:
        for each in sorted(officers, key=lambda one: rank(Role(one.role))):
            if people.user(work.tx, each.name) is None:
                user = User(each.name, hashed, Role(each.role), disabled=False)
                accounts.take(work.tx, user, Done(FOUNDED, "root", work.at_ms))

    centre.write(act)


def invited(
    centre: Centre, username: str, role: Role, scope: Scope, by: tuple[Actor, Actor]
) -> str:
    """Invite somebody by the word of two; the password that both halves make."""
    first, second = by
    told = centre.write(lambda work: tell_invite(work, username, role, scope, (first, "new here")))
    confirmed(centre, told, second)
    return centre.write(lambda work: account_words.first_password(work, told))


def authority_set(
    centre: Centre, holder: str, most: tuple[int, str], by: tuple[Actor, Actor]
) -> KeptWord:
    """Say by two how high a limit a holder may set for every product."""
    first, second = by
    told = centre.write(lambda work: tell_authority(work, holder, "", most, (first, "as agreed")))
    return confirmed(centre, told, second)


def confirmed(centre: Centre, told: KeptWord, by: Actor) -> KeptWord:
    """A word that a second officer has confirmed."""
    return centre.write(lambda work: confirm(work, told.word_id, by))
