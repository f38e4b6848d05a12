"""The farmer's first page, and how their field grows: what stands on them, and what is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from core.lending.lease import Clock
from core.wire.orders import OrderOffer
from edge_node.decide.desk import Desk
from edge_node.faces.kiosk.changing import Told, said_of_changes
from edge_node.faces.kiosk.front import Front
from edge_node.faces.kiosk.heard import of_growth, of_history, of_notices, of_offers, of_rest
from edge_node.faces.kiosk.kiosk_words import OUTCOMES
from edge_node.faces.kiosk.knowing import Knowing
from edge_node.faces.kiosk.order_teller import OrderTeller
from edge_node.faces.kiosk.rendering import Rendering
from edge_node.faces.kiosk.said import Clips, Said, of_line, of_reason, of_why, says
from edge_node.faces.kiosk.season import Growth, growth_of
from edge_node.faces.kiosk.standing import Standing
from edge_node.faces.kiosk.visited import Visited
from edge_node.faces.kiosk.visits import Visit
from edge_node.store import appeals, village
from edge_node.store.appeals import KeptAppeal
from edge_node.store.database import StationDatabase
from edge_node.store.village import UnknownRecordError

ANSWERS_SHOWN = 2
CHOSEN = "Your pictures are kept. From now on the card opens with them alone."
NOTHING_HERE = "Nothing can be asked for here now. Talk to the agent."


def home_pages(front: Front, rendering: Rendering, knowing: Knowing) -> APIRouter:
    """The routes of these pages."""
    acts, router = _HomePages(front, rendering, knowing), APIRouter()
    for path, act in (
        ("/home", acts.home),
        ("/pictures/{sha256}", acts.picture),
        ("/season/{subject_id}", acts.season),
    ):
        router.add_api_route(path, act, methods=["GET"], response_model=None)
    return router


class _HomePages(Visited):
    """What each page does."""

    def __init__(self, front: Front, rendering: Rendering, knowing: Knowing) -> None:
        super().__init__(front, rendering)
        self._knowing = knowing

    def home(self, request: Request, chosen: int = 0) -> HTMLResponse:
        visit = self._visit(request)
        standing = self._teller.standing(visit.farmer_id)
        card = standing.last_card
        features = self._teller.feature_words(card.card) if card else {}
        ways_out = self._teller.ways_out(visit.farmer_id)
        words = self._teller.words(visit.language)
        changes = self._teller.changes(card, words) if card and not card.line_id else ()
        orders, coming = OrderTeller(self._teller).waiting(visit.farmer_id), self._coming(visit)
        answers = self._answers(visit)
        today = self._teller.today()
        helper = self._knowing.helper_name(visit.farmer_id, visit.helper_id)
        told = [
            *(says("{name} acts for {farmer}", name="", farmer="") for _ in (0,) if helper),
            *(says(CHOSEN) for _ in (0,) if chosen),
            *(says("The lender has answered you") for _ in answers[:1]),
            *(says(OUTCOMES[each.answer.outcome.value]) for each in answers if each.answer),
        ]

        def clips(said: Sequence[Said]) -> Clips:
            return self._rendering.clips(visit.language, said)

        return self._page(
            "home.html", visit, standing=standing, features=features, ways_out=ways_out,
            changes=changes, orders=orders, coming=coming, answers=answers,
            helper_name=helper,
            has_pictures=self._knowing.standing(visit.farmer_id).chosen, chosen=bool(chosen),
            alerts=clips(of_notices(standing.notices)),
            why={line.line_id: clips(of_why(line)) for line in standing.lines},
            rest={line.line_id: clips(of_rest(line, today)) for line in standing.lines},
            moved={line.line_id: clips(of_history(line, today)) for line in standing.lines},
            said=[*told, *self._said_at_home(standing, features, changes, (orders, coming))],
        )  # fmt: skip

    def _coming(self, visit: Visit) -> Mapping[str, tuple[OrderOffer, ...]]:
        """Orders whose goods are to come, where their codes are shown: to the farmer alone."""
        shown = self._front.shared_secret is not None and not visit.helper_id
        return OrderTeller(self._teller).coming(visit.farmer_id) if shown else {}

    def _answers(self, visit: Visit) -> list[KeptAppeal]:
        found = self._teller.act(lambda db, _desk, _clock: appeals.of_farmer(db, visit.farmer_id))
        return [each for each in found if each.answer is not None][:ANSWERS_SHOWN]

    def _said_at_home(
        self,
        standing: Standing,
        features: Mapping[str, str],
        changes: tuple[Told, ...],
        offers: tuple[Mapping[str, tuple[OrderOffer, ...]], ...],
    ) -> list[Said]:
        card = standing.last_card
        refused = card.card.outcome.reasons if card is not None and not card.line_id else ()
        today = self._teller.today()
        return [
            *(
                each
                for line in standing.lines
                for each in (
                    *of_line(line, today),
                    *of_offers(*(found.get(line.line_id, ()) for found in offers)),
                )
            ),
            *(says("Your last application") for _ in refused[:1]),
            *(of_reason(reason, features) for reason in refused),
            *(said_of_changes(changes) if refused else ()),
            *(says("Ask for a credit line") for _ in standing.possible[:1] if not standing.lines),
            *(says(NOTHING_HERE) for _ in (0,) if not standing.lines and not standing.possible),
        ]

    def season(self, request: Request, subject_id: str) -> Response:
        visit = self._visit(request)

        def act(db: StationDatabase, _desk: Desk, _clock: Clock) -> Growth | None:
            own = village.subjects_of(db, visit.farmer_id)
            found = next((each for each in own if each.subject_id == subject_id), None)
            return growth_of(db, found) if found is not None else None

        growth = self._teller.act(act)
        if growth is None:
            raise UnknownRecordError("expected a field of your own")
        return self._page(
            "season.html", visit, growth=growth, said=[says(growth.words)],
            more=of_growth(growth)[1:],
        )  # fmt: skip

    def picture(self, request: Request, sha256: str) -> Response:
        media_type, data = self._teller.picture(self._visit(request).farmer_id, sha256)
        return Response(data, media_type=media_type)
