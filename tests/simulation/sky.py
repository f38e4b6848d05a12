"""What a satellite sees of the plots, and says to the centre in its own signed documents."""

from __future__ import annotations

from datetime import date
from random import Random

from core.wire.evidence import Stage
from server.services.centre import Centre
from server.services.evidence import accept_evidence
from tests.simulation.village import PLOT_OF, PRODUCT
from tests.support.centre_kit import Clock, Counter, Kit, keys_of, product_of
from tests.support.centre_kit import StationKit as _NoStation

STAGES = tuple(Stage)


class Sky:
    """The stage of each plot, by its place among all; some days are under cloud."""

    def __init__(self, centre: Centre, time: Clock, ids: Counter) -> None:
        none = _NoStation(keys_of("nobody", 9), "", "", "")
        self._kit = Kit(
            centre, time, ids, none, keys_of("sat-one", 3), product_of(PRODUCT)
        )  # fmt: skip
        self.stages = dict.fromkeys(PLOT_OF.values(), 0)

    def look(self, centre: Centre, chance: Random, plot: str, p10: int | None, day: date) -> str:
        """A picture of a plot if the sky is clear, told once or twice [kg/ha]."""
        stage = self.stages[plot]
        stage += chance.choice((0, 0, 1)) if stage < 4 else 0
        self.stages[plot] = stage
        if chance.random() >= 0.8:
            return "cloud"
        self._kit.centre = centre
        data = self._kit.evidence(plot, day, STAGES[stage], p10)
        accept_evidence(centre, data)
        if chance.random() < 0.2:
            accept_evidence(centre, data)
        return f"{plot} {STAGES[stage].value} {p10}"
