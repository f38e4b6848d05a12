"""A second lender who carries a part of each line, in the worlds whose product says so."""

from __future__ import annotations

from collections.abc import Mapping

from core.lending.colending import Arrangement, JointRules, Party
from core.wire.records import Consent, ConsentAction
from server.services.centre import Centre, Work
from server.services.colending import sign_agreement
from server.store import reports, rulebooks
from server.store.people import Actor
from server.store.reports import KeptConsent
from server.store.rulebooks import RuleKind

PARTNER = "coop"
LENDERS = ("The Bank", "The Cooperative")
ASKS = "co_lending"
OFFICER = Actor("officer-b", "supervisor")
_RULES = JointRules(
    2, "2026-01-01", 200_000, 250_000, 1_000_000, 400_000_000, "KES", "the simulator"
)
_PARTIES = (Party("us", LENDERS[0], 700_000), Party(PARTNER, LENDERS[1], 300_000, 100_000))


def join(centre: Centre, product_id: str, homes: Mapping[str, str]) -> None:
    """Sign with the partner; those who live at ``homes`` (by farmer) consent to it."""

    def prepare(work: Work) -> None:
        rulebooks.add(work.tx, RuleKind.JOINT, _RULES, (work.at_ms, OFFICER.name))
        for farmer, station in homes.items():
            said = Consent(
                work.new_id(), farmer, ConsentAction.GRANT, (ASKS,), "lender", "0" * 64,
                spoken=False, helped=False,
            )  # fmt: skip
            reports.add_consent(work.tx, KeptConsent(said, station, work.at_ms, 0))

    centre.write(prepare)
    under = Arrangement("joint-1", product_id, "2026-01-01", "2030-12-31", _PARTIES)
    sign_agreement(centre, under, OFFICER)
