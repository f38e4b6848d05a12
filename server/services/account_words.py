"""Who may log in, by two persons: one supervisor tells, a second person confirms.

Whoever could invite somebody alone, or give somebody else a new password, could act as two.
So an invitation, a higher role, another part of the book, a new first password and letting
somebody in again wait for a second person who may log in, and the first password comes in
two halves: who told is shown one, who confirmed the other, and nobody but the person to whom
both bring theirs has the whole. The database holds the two apart (:mod:`server.store.accounts`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from server.services import second_factor
from server.services.centre import RequestError, RoleError, Work
from server.services.officers import (
    LOGIN_ROLES,
    require_known,
    require_new_name,
    told,
)
from server.services.words_kept import tell
from server.store import accounts, people, visits
from server.store.accounts import Done
from server.store.engine import NotKnownError
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor, Role, User
from server.store.scoping import Holder, Scope, put_scope

SECONDS = (Role.SUPERVISOR, Role.LENDER)  # who may confirm who may log in
HALF_DIGITS = 12  # hexadecimal: 48 bits; whoever has the other half still guesses at this one
_HALVES = (b"harvestline/first-password/told/v1\0", b"harvestline/first-password/confirmed/v1\0")
_TOLD, _CONFIRMED = 0, 1
_UNWRITABLE = set('|"\\')


def tell_invite(
    work: Work, username: str, role: Role, scope: Scope, said: tuple[Actor, str]
) -> KeptWord:
    """Tell that somebody new may log in; their half of the password is :func:`told_half`.

    Raises
    ------
    RequestError
        If the name or the role cannot be, or a value of the scope is not known here.
    ConflictError
        If somebody has that name, or another word about it waits.
    RoleError
        If who tells it is no supervisor.
    """
    require_new_name(work.tx, username)
    _require_login_role(role)
    body = {"role": role.value, "scope": _scope(work, scope)}
    return tell(work, (WordKind.USER_INVITE, username), body, *said)


def tell_role(work: Work, username: str, role: Role, said: tuple[Actor, str]) -> KeptWord:
    """Tell that somebody is to have a higher role.

    Raises
    ------
    NotKnownError, RequestError, RoleError, ConflictError
        If there is no such user, the role is not higher, it is the officer themselves, or
        another word about it waits.
    """
    user = _other(work, username, said[0])
    _require_login_role(role)
    if rank(role) <= rank(user.role):
        raise RequestError(f"expected a higher role than {user.role.value}, got {role.value}")
    return tell(work, (WordKind.USER_ROLE, username), {"role": role.value}, *said)


def tell_scope(work: Work, username: str, scope: Scope, said: tuple[Actor, str]) -> KeptWord:
    """Tell that somebody is to see another part of the book.

    Raises
    ------
    NotKnownError, RequestError, RoleError, ConflictError
        As for :func:`tell_role`, or if a value is not known here.
    """
    _other(work, username, said[0])
    body = {"scope": _scope(work, scope)}
    return tell(work, (WordKind.USER_SCOPE, username), body, *said)


def tell_password(work: Work, username: str, said: tuple[Actor, str]) -> KeptWord:
    """Tell that somebody needs a new first password; the old one counts until it is confirmed.

    Raises
    ------
    NotKnownError, RequestError, RoleError, ConflictError
        As for :func:`tell_role`.
    """
    _other(work, username, said[0])
    return tell(work, (WordKind.USER_RENEW, username), {}, *said)


def tell_unlock(work: Work, username: str, said: tuple[Actor, str]) -> KeptWord:
    """Tell that somebody who was locked out may log in again.

    Raises
    ------
    NotKnownError, RequestError, RoleError, ConflictError
        As for :func:`tell_role`, or if they are not locked out.
    """
    if not _other(work, username, said[0]).disabled:
        raise RequestError(f"expected somebody who is locked out, {username} is not")
    return tell(work, (WordKind.USER_UNLOCK, username), {}, *said)


def tell_factor_end(work: Work, username: str, said: tuple[Actor, str]) -> KeptWord:
    """Tell that somebody's second factor ends, because their phone is lost.

    Raises
    ------
    NotKnownError, RequestError, RoleError, ConflictError
        As for :func:`tell_role`, or if they hold none.
    """
    _other(work, username, said[0])
    second_factor.require_held(work.tx, username)
    return tell(work, (WordKind.USER_FACTOR, username), {}, *said)


def tell_token_scope(work: Work, label: str, scope: Scope, said: tuple[Actor, str]) -> KeptWord:
    """Tell that the tokens of a label are to see another part of the book.

    Raises
    ------
    NotKnownError
        If there is no good token of that label.
    RequestError, RoleError, ConflictError
        If a value is not known here, the officer cannot tell it, or another word about it waits.
    """
    _require_token(work, label)
    body = {"scope": _scope(work, scope)}
    return tell(work, (WordKind.TOKEN_SCOPE, label), body, *said)


def rank(role: Role) -> int:
    """How much a role may do, against others."""
    return {Role.LENDER: 1, Role.SUPERVISOR: 2}.get(role, 0)


def told_half(work: Work, word: KeptWord) -> str:
    """The half of a first password that who told the word is shown; empty for other words."""
    return _half(work, word, _TOLD) if word.kind in _WITH_PASSWORD else ""


def confirmed_half(work: Work, word: KeptWord) -> str:
    """The half that who confirmed the word is shown; empty for other words."""
    return _half(work, word, _CONFIRMED) if word.kind in _WITH_PASSWORD else ""


def first_password(work: Work, word: KeptWord) -> str:
    """Both halves: what the person gives at the door."""
    return f"{_half(work, word, _TOLD)}-{_half(work, word, _CONFIRMED)}"


def _half(work: Work, word: KeptWord, which: int) -> str:
    """Half a password: follows from the centre's own key, so it stands nowhere."""
    signed = work.keys.sign(_HALVES[which] + word.word_id.encode())
    return hashlib.sha256(signed).hexdigest()[:HALF_DIGITS]


def _invite(work: Work, word: KeptWord, by: Actor) -> None:
    require_new_name(work.tx, word.subject_id)
    _require_two(work, word, by)
    role, scope = Role(word.body["role"]), accounts.scope_from(word.body["scope"], word.subject_id)
    require_known(work.tx, scope)
    hashed = work.password_hash(first_password(work, word))
    user = User(word.subject_id, hashed, role, disabled=False)
    accounts.take(work.tx, user, _done(work, word, by, accounts.INVITED), scope)
    detail = {"role": role.value, "scope": told(scope)}
    _record(work, word, by, ("user_invited", detail))


def _raise_role(work: Work, word: KeptWord, by: Actor) -> None:
    user, role = _subject(work, word, by), Role(word.body["role"])
    if rank(role) <= rank(user.role):
        raise RequestError(f"{user.username} is {user.role.value} by now: refuse the word")
    raised = replace(user, role=role)
    accounts.take(work.tx, raised, _done(work, word, by, accounts.ROLE_RAISED))
    _record(work, word, by, ("user_role_set", {"from": user.role.value, "to": role.value}))


def _set_scope(work: Work, word: KeptWord, by: Actor) -> None:
    user = _subject(work, word, by)
    scope = accounts.scope_from(word.body["scope"], user.username)
    require_known(work.tx, scope)
    accounts.take(work.tx, user, _done(work, word, by, accounts.SCOPE_SET), scope)
    _record(work, word, by, ("user_scope_set", {"scope": told(scope)}))


def _set_token_scope(work: Work, word: KeptWord, by: Actor) -> None:
    _require_two(work, word, by)
    _require_token(work, word.subject_id)
    scope = accounts.scope_from(word.body["scope"], word.subject_id)
    require_known(work.tx, scope)
    put_scope(work.tx, Holder.TOKEN, scope)
    kept = {"scope": told(scope), "told_by": word.told_by, "word_id": word.word_id}
    subject = ("token", word.subject_id)
    people.record(work.tx, work.at_ms, by, "token_scope_set", subject, kept)


def _reset(work: Work, word: KeptWord, by: Actor) -> None:
    user = _subject(work, word, by)
    renewed = replace(user, password_hash=work.password_hash(first_password(work, word)))
    accounts.take(work.tx, renewed, _done(work, word, by, accounts.PASSWORD_RESET))
    visits.end_all(work.tx, user.username, (work.at_ms, by.name))
    _record(work, word, by, ("user_password_reset", {}))


def _unlock(work: Work, word: KeptWord, by: Actor) -> None:
    user = _subject(work, word, by)
    let_in = replace(user, disabled=False)
    accounts.take(work.tx, let_in, _done(work, word, by, accounts.UNLOCKED))
    _record(work, word, by, ("user_unlocked", {}))


def _end_factor(work: Work, word: KeptWord, by: Actor) -> None:
    user = _subject(work, word, by)
    second_factor.forget(work, user.username, by, word.word_id)
    _record(work, word, by, (second_factor.ENDED, {}))


def _done(work: Work, word: KeptWord, by: Actor, event: str) -> Done:
    return Done(event, by.name, work.at_ms, word.word_id)


def _record(work: Work, word: KeptWord, by: Actor, what: tuple[str, Mapping[str, str]]) -> None:
    action, detail = what
    kept = {**detail, "told_by": word.told_by, "word_id": word.word_id}
    people.record(work.tx, work.at_ms, by, action, ("user", word.subject_id), kept)


def _subject(work: Work, word: KeptWord, by: Actor) -> User:
    _require_two(work, word, by)
    return _other(work, word.subject_id, by)


def _require_two(work: Work, word: KeptWord, by: Actor) -> None:
    """That who told it may log in still, and that who confirms it may log in at all."""
    for name, roles in ((word.told_by, (Role.SUPERVISOR,)), (by.name, SECONDS)):
        user = people.user(work.tx, name)
        if user is None or user.disabled or user.role not in roles:
            wanted = " or ".join(each.value for each in roles)
            raise RoleError(
                f"word {word.word_id}: expected two who may log in, {name} is no {wanted} here"
            )


def _other(work: Work, username: str, by: Actor) -> User:
    if people.is_one_of(by.name, (username,)):
        raise RoleError(f"expected another person than {by.name} to change this")
    user = people.user(work.tx, username)
    if user is None:
        raise NotKnownError(f"expected a user, got {username[:64]!r}")
    return user


def _require_token(work: Work, label: str) -> None:
    good = {each.label for each in people.all_tokens(work.tx) if each.revoked_at_ms is None}
    if label not in good:
        raise NotKnownError(f"expected the label of a good token, got {label[:64]!r}")


def _scope(work: Work, scope: Scope) -> str:
    require_known(work.tx, scope)
    text = accounts.scope_text(scope)
    if accounts.scope_from(text, scope.name) != scope or _UNWRITABLE & set(text.replace("|", "")):
        raise RequestError("expected values of a scope without bars, quotes or backslashes")
    return text


def _require_login_role(role: Role) -> None:
    if role not in LOGIN_ROLES:
        allowed = ", ".join(each.value for each in LOGIN_ROLES)
        raise RequestError(f"expected a role of {allowed}, got {role.value}")


def _invite_sentence(_: Work, word: KeptWord) -> str:
    seen = told(accounts.scope_from(word.body["scope"]))
    return f"{word.subject_id} may log in as {word.body['role']}, and sees {seen}."


def _role_sentence(_: Work, word: KeptWord) -> str:
    return f"{word.subject_id} is {word.body['role']} from now on."


def _scope_sentence(_: Work, word: KeptWord) -> str:
    return f"{word.subject_id} sees {told(accounts.scope_from(word.body['scope']))} from now on."


def _token_sentence(_: Work, word: KeptWord) -> str:
    seen = told(accounts.scope_from(word.body["scope"]))
    return f"The tokens of {word.subject_id} see {seen} from now on."


def _password_sentence(_: Work, word: KeptWord) -> str:
    return f"{word.subject_id} gets a new first password."


def _unlock_sentence(_: Work, word: KeptWord) -> str:
    return f"{word.subject_id}, who is locked out, may log in again."


def _factor_sentence(_: Work, word: KeptWord) -> str:
    return f"The second factor of {word.subject_id} ends, and every visit of theirs."


_WITH_PASSWORD = (WordKind.USER_INVITE, WordKind.USER_RENEW)
ACTS: Mapping[WordKind, Callable[[Work, KeptWord, Actor], None]] = {
    WordKind.USER_INVITE: _invite,
    WordKind.USER_ROLE: _raise_role,
    WordKind.USER_SCOPE: _set_scope,
    WordKind.USER_RENEW: _reset,
    WordKind.USER_UNLOCK: _unlock,
    WordKind.USER_FACTOR: _end_factor,
    WordKind.TOKEN_SCOPE: _set_token_scope,
}
SENTENCES: Mapping[WordKind, Callable[[Work, KeptWord], str]] = {
    WordKind.USER_INVITE: _invite_sentence,
    WordKind.USER_ROLE: _role_sentence,
    WordKind.USER_SCOPE: _scope_sentence,
    WordKind.USER_RENEW: _password_sentence,
    WordKind.USER_UNLOCK: _unlock_sentence,
    WordKind.USER_FACTOR: _factor_sentence,
    WordKind.TOKEN_SCOPE: _token_sentence,
}
