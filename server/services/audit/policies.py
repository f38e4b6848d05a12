"""The promise about what is lent by: versions and updates were said by two, or by founders.

What went out before two persons were asked for stands in a list to which nothing is added.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

from core.wire.update import UpdateKind
from server.services.audit.finding import Look, Looks, first_fault
from server.services.audit.said import Said, said_by_two
from server.services.centre import Centre
from server.services.publishing import giving
from server.services.publishing.rollout import Desk
from server.store import accounts, people, products, update_steps
from server.store.engine import Tx
from server.store.money_words import WordKind
from server.store.people import Actor, Role
from server.store.products import ProductUse
from server.store.update_steps import UpdateStep

_ADDED = "product_added"
_BY = "the word of two about it, or of one before two supervisors stood"


def said_by_two_or_founders(centre: Centre, tx: Tx) -> Looks:
    """Every version in force and every update that stations are given rests on two, or founders."""
    said, until_ms = said_by_two(tx), _founded_at_ms(tx)
    yield from _in_force(tx, said, until_ms)
    steps = defaultdict[str, list[UpdateStep]](list)
    for step in update_steps.stream(tx):
        steps[step.path].append(step)
        yield _step(said, step, until_ms)
    desk = Desk(centre, Actor(centre.settings.name, "centre"))
    if desk.folder.exists:
        yield from _listed(desk, said, steps)


def _founded_at_ms(tx: Tx) -> float:
    """When the second supervisor came to stand [ms UTC]; infinite before."""
    first = dict[str, int]()
    for step in accounts.stream(tx):
        if step.role == Role.SUPERVISOR.value:
            first.setdefault(step.username, step.at_ms)
    times = sorted(first.values())
    return times[accounts.FOUNDERS - 1] if len(times) >= accounts.FOUNDERS else math.inf


def _in_force(tx: Tx, said: Said, until_ms: float) -> Looks:
    added = dict[str, int]()
    for row in people.stream_trail(tx, _ADDED):
        added.setdefault(row.object_id, row.at_ms)
    approved = {w.subject_id for w in said.words.values() if w.kind is WordKind.POLICY}
    for each in products.stored(tx):
        name, is_used = each.policy_version, each.state is ProductUse.IN_FORCE
        by_founder = added.get(name, math.inf) <= until_ms
        is_said = name in approved or (WordKind.POLICY.value, name) in said.before or by_founder
        yield first_fault(
            "products",
            name,
            (not each.is_sound, "the terms that its name and its hash are of", each.cited),
            (is_used and not is_said, _BY, "neither"),
        )


def _step(said: Said, step: UpdateStep, until_ms: float) -> Look:
    word = said.words.get(step.word_id)
    by_two = word is not None and word.subject_id == step.subject_id
    by_founder = not step.word_id and step.at_ms <= until_ms
    fault = (not (by_two or by_founder), _BY, f"{step.actor} alone")
    return first_fault("update_steps", f"{step.path}/{step.seq}", fault)


def _listed(desk: Desk, said: Said, steps: Mapping[str, list[UpdateStep]]) -> Looks:
    """What the repository gives to stations was given by a step about the same bytes."""
    for one in desk.publisher.listed():
        note = one.note
        is_given = bool(note.rollout.share_ppm or note.rollout.stations) and not note.withdrawn
        if note.place.kind is UpdateKind.MODEL or not is_given:
            continue
        subject_id = giving.about(desk.folder, one)[1]
        is_known = any(each.subject_id == subject_id for each in steps.get(note.path, ()))
        is_known = is_known or (WordKind.UPDATE.value, note.path) in said.before
        yield first_fault("update_steps", note.path, (not is_known, "a step that gives it", "none"))
