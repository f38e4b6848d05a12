"""Policies: versions of products, which two persons approve before they come into force.

A version is brought as a *candidate*: known, so that cards by it replay, and offered nowhere.
One supervisor tells that it is to be lent by, another person confirms it; only then an officer
may let stations have it, or put it in force everywhere. What differs from the version in force
is told field by field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.lending.product import Product
from core.shape import encode
from core.units import PPM
from core.wire.update import Rollout, TargetNote, UpdateKind
from server.services import enrolment
from server.services.centre import Centre, RequestError, Work
from server.services.offering import require_openable
from server.services.publishing import giving
from server.services.publishing.rollout import Desk
from server.services.words_kept import tell
from server.store import money_words, people, products
from server.store.engine import NotKnownError, Tx
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor
from server.store.products import KeptProduct, ProductUse
from server.words import say

APPROVED, PROPOSED, IN_FORCE = "policy_approved", "policy_proposed", "policy_in_force"
VALUE_CHARS_MAX = 120
_OWN_WORD = (UpdateKind.PROMPTS, UpdateKind.BASEMAP)  # a product has a policy's, a model its life


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of a product, how far it may go, and how far it has gone.

    ``note`` is None where nothing of it is published, ``word_id`` is of the word that waits.
    """

    kept: KeptProduct
    word_id: str
    told_by: str
    approved_by: str
    note: TargetNote | None

    @property
    def in_force(self) -> bool:
        """Whether lines may be opened by it, or could be before a newer one came."""
        return self.kept.state is ProductUse.IN_FORCE

    @property
    def seen(self) -> str:
        """What stands for all that an act rests on: another mark, and it has moved on."""
        share = self.note.rollout if self.note else Rollout()
        gone = "withdrawn" if self.note and self.note.withdrawn else ""
        told = (self.kept.state.value, self.word_id, self.approved_by, f"{share.share_ppm}", gone)
        return "/".join((*told, *share.stations))


@dataclass(frozen=True, slots=True)
class Update:
    """Sentences or a map for stations: who approved them, and how far they have gone."""

    note: TargetNote
    word_id: str
    told_by: str
    approved_by: str

    @property
    def seen(self) -> str:
        """What stands for all that an act rests on: another mark, and it has moved on."""
        share, gone = self.note.rollout, "withdrawn" if self.note.withdrawn else ""
        return "/".join((self.word_id, self.approved_by, f"{share.share_ppm}", gone,
                         *share.stations))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a product that two versions have otherwise; empty where one has none."""

    path: str
    before: str
    after: str


def propose(centre: Centre, product: Product, by: Actor) -> bool:
    """Bring a version as a candidate; False if it is known already.

    Raises
    ------
    ProductError
        If no line of it can be opened today.
    RequestError
        If the centre publishes updates: they bring candidates.
    """
    require_openable(product)
    if Desk(centre, by).folder.exists:
        raise RequestError("this centre publishes updates: use updates add-product")

    def act(work: Work) -> bool:
        new = products.add(work.tx, product, work.at_ms, ProductUse.CANDIDATE)
        if new:
            subject = ("product", product.policy_version())
            people.record(work.tx, work.at_ms, by, PROPOSED, subject)
        return new

    return centre.write(act)


def tell_policy(work: Work, version: str, said: tuple[Actor, str]) -> KeptWord:
    """Tell that a candidate is to be lent by; it may be once another person confirms it.

    Raises
    ------
    NotKnownError, RequestError
        If there is no such version, or it is in force or approved already.
    RoleError, ConflictError
        If the officer or the reason cannot be, or another word about it waits.
    """
    _require_candidate(work.tx, version)
    return tell(work, (WordKind.POLICY, version), {}, *said)


def tell_update(centre: Centre, slot: str, version: int, said: tuple[Actor, str]) -> KeptWord:
    """Tell that stations may be given a version that is published for nobody or for some.

    Raises
    ------
    RequestError
        If it cannot go further: a model, not added, withdrawn, everywhere already.
    RoleError, ConflictError
        If the officer or the reason cannot be, or another word about it waits.
    """
    _, about = Desk(centre, said[0]).offered(slot, version)
    if about[0] is WordKind.POLICY:
        return centre.write(lambda work: tell_policy(work, about[1], said))
    return centre.write(lambda work: tell(work, about, {}, *said))


def approve(work: Work, word: KeptWord, by: Actor) -> None:
    """What a confirmed word does: from now on the version may go to stations."""
    _require_candidate(work.tx, word.subject_id)
    subject, detail = ("product", word.subject_id), {"word_id": word.word_id}
    people.record(work.tx, work.at_ms, by, APPROVED, subject, detail)


def sentence(_: Work, word: KeptWord) -> str:
    """What the word would do."""
    return say("{policy} may be lent by, once it is put in force.", policy=word.subject_id)


def _require_candidate(tx: Tx, version: str) -> KeptProduct:
    found = products.kept(tx, version)
    if found is None:
        raise NotKnownError(f"expected a version of a product, got {version[:80]!r}")
    if found.state is ProductUse.IN_FORCE:
        raise RequestError(f"{version} is in force already")
    return found


def read_policies(centre: Centre, tx: Tx) -> tuple[Policy, ...]:
    """Every version of every product, by product, the newest first."""
    desk = Desk(centre, Actor(centre.settings.name, "centre"))
    listed = desk.publisher.listed() if desk.folder.exists else ()
    notes = {(one.note.slot, one.note.version): one.note for one in listed}
    said: dict[str, list[KeptWord]] = {}
    for word in money_words.of_kind(tx, WordKind.POLICY):
        said.setdefault(word.subject_id, []).append(word)
    return tuple(
        _policy(kept, said.get(kept.product.policy_version(), ()), notes)
        for kept in products.every(tx)
    )


def _policy(
    kept: KeptProduct, words: Sequence[KeptWord], notes: Mapping[tuple[str, int], TargetNote]
) -> Policy:
    product = kept.product
    note = notes.get((f"product/{product.product_id}", product.version))
    return Policy(kept, *_standing(words), note)


def _standing(words: Sequence[KeptWord]) -> tuple[str, str, str]:
    """The word that waits and who told it, and who confirmed one; each empty if there is none."""
    waits = next(((each.word_id, each.told_by) for each in words if each.answer is None), ("", ""))
    answers = [each.answer for each in words if each.answer is not None]
    approved = [each.answered_by for each in answers if each.is_confirmed]
    return (*waits, approved[-1] if approved else "")


def read_updates(centre: Centre, tx: Tx) -> tuple[Update, ...]:
    """Sentences and maps that are published, by slot, the newest first."""
    desk = Desk(centre, Actor(centre.settings.name, "centre"))
    listed = desk.publisher.listed() if desk.folder.exists else ()
    own = [each for each in listed if each.note.place.kind in _OWN_WORD]
    own.sort(key=lambda each: (each.note.slot, -each.note.version))
    return tuple(
        Update(one.note, *_standing(money_words.of_subject(tx, *giving.about(desk.folder, one))))
        for one in own
    )


def find_update(centre: Centre, tx: Tx, path: str) -> Update:
    """A published update by its path.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    for one in read_updates(centre, tx):
        if one.note.path == path:
            return one
    raise NotKnownError(f"expected sentences or a map that are published, got {path[:80]!r}")


def find_policy(centre: Centre, tx: Tx, version: str) -> Policy:
    """A version by what decisions cite.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    for one in read_policies(centre, tx):
        if one.kept.product.policy_version() == version:
            return one
    raise NotKnownError(f"expected a version of a product, got {version[:80]!r}")


def stage(centre: Centre, version: str, to: Rollout, by: Actor) -> None:
    """Let named stations, or a larger share of all, have an approved version.

    Raises
    ------
    RequestError
        If two did not approve it, it is nothing that updates carry, or the share would shrink.
    """
    product = _require_approved(centre, version)
    Desk(centre, by).stage(f"product/{product.product_id}", product.version, to)


def put_in_force(centre: Centre, version: str, by: Actor) -> None:
    """Put an approved version in force here and at every station.

    Raises
    ------
    RequestError
        If two did not approve it, or it was withdrawn.
    """
    product, desk = _require_approved(centre, version), Desk(centre, by)
    if desk.folder.exists:
        desk.promote(f"product/{product.product_id}", product.version)
    else:
        enrolment.add_product(centre, product, by)

    def act(work: Work) -> None:
        people.record(work.tx, work.at_ms, by, IN_FORCE, ("product", version))

    centre.write(act)


def withdraw(centre: Centre, version: str, by: Actor) -> None:
    """Take a version back that stations try: they go back to the one before."""
    with centre.store.reading() as tx:
        product = find_policy(centre, tx, version).kept.product
    Desk(centre, by).withdraw(f"product/{product.product_id}", product.version)


def _require_approved(centre: Centre, version: str) -> Product:
    with centre.store.reading() as tx:
        found = find_policy(centre, tx, version)
    if not found.approved_by:
        raise RequestError(f"expected {version} to be approved by two persons first")
    return found.kept.product


def differences(before: Product, after: Product) -> tuple[Difference, ...]:
    """What two versions have otherwise, field by field, as their files name it."""
    old, new = (dict(_flat("", encode(each))) for each in (before, after))
    paths = [*old, *(path for path in new if path not in old)]
    return tuple(
        Difference(path, old.get(path, ""), new.get(path, ""))
        for path in paths
        if old.get(path) != new.get(path)
    )


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value, start=1):
            yield from _flat(f"{path}[{number}]", inner)
    else:
        text = ("no", "yes")[value] if isinstance(value, bool) else f"{value}"
        yield path, text if len(text) <= VALUE_CHARS_MAX else f"{text[:VALUE_CHARS_MAX]}…"


def share_of(note: TargetNote | None) -> tuple[int, tuple[str, ...]]:
    """How much of all stations a version is for [ppm], and which by name."""
    if note is None or note.withdrawn:
        return 0, ()
    return min(note.rollout.share_ppm, PPM), note.rollout.stations
