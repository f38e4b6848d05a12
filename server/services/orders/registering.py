"""Registering the suppliers and buyers that products name."""

from __future__ import annotations

from dataclasses import replace

from server.services.centre import Centre, Work
from server.store import partners, people
from server.store.engine import ConflictError
from server.store.partners import Partner, PartnerKind
from server.store.people import Actor


def register_partner(
    centre: Centre, partner_id: str, kind: PartnerKind, name: str, actor: Actor
) -> None:
    """Register a supplier or a buyer by the name that products call them; again renames them.

    Raises
    ------
    ConflictError
        If the name is that of a partner of the other kind.
    """

    def act(work: Work) -> None:
        known = partners.find(work.tx, partner_id)
        if known is not None and known.kind is not kind:
            raise ConflictError(f"{partner_id} is registered as a {known.kind.value}")
        partners.put(work.tx, Partner(partner_id, kind, name, actor.name, work.at_ms))
        subject = ("partner", partner_id)
        people.record(
            work.tx, work.at_ms, actor, "partner_registered", subject, {"kind": kind.value}
        )

    centre.write(act)


def close_partner(centre: Centre, partner_id: str, actor: Actor) -> None:
    """Take no more orders or sales of a partner.

    Raises
    ------
    NotKnownError
        If none of that name is registered.
    """

    def act(work: Work) -> None:
        known = partners.get(work.tx, partner_id)
        partners.put(work.tx, replace(known, closed_at_ms=work.at_ms))
        people.record(work.tx, work.at_ms, actor, "partner_closed", ("partner", partner_id))

    centre.write(act)
