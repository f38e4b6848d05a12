"""Words: the English sentence is the message id, gettext catalogues hold the others.

Catalogues are compiled where they are changed (``python -m tools.catalogues``), so
the station needs nothing but the standard library.
"""

from __future__ import annotations

import gettext
from collections.abc import Mapping
from functools import cache
from importlib import resources

from core.reasons import SENTENCES, Reason, ReasonCode
from edge_node.watch.notices import ADVICE, Notice
from edge_node.watch.notices import SENTENCES as SENTENCES_OF_NOTICES

LANGUAGES: Mapping[str, str] = {"en": "English", "sw": "Kiswahili"}
STAGES: Mapping[str, str] = {
    "sowing": "sowing",
    "emergence": "emergence",
    "vegetative": "growth",
    "heading": "ears",
    "ripening": "ripening",
    "harvested": "harvest",
}
PURPOSES: Mapping[str, str] = {
    "automated_decision": "A machine at this station may decide on my application.",
    "device_readings": "The readings of my devices may be used to decide.",
    "satellite_images": "Satellite pictures of my plots may be used to decide.",
}
MOVEMENTS: Mapping[str, str] = {
    "opened": "Opened",
    "raised": "Raised",
    "cut": "Lowered",
    "held": "Held",
    "frozen": "Waiting",
}


class Words:
    """One language's sentences."""

    __slots__ = ("_catalogue", "language")

    def __init__(self, language: str, catalogue: gettext.NullTranslations) -> None:
        self.language, self._catalogue = language, catalogue

    def say(self, message: str, **params: str) -> str:
        """A message with its parameters filled in."""
        text = self._catalogue.gettext(message)
        return text.format(**params) if params else text

    def reason(self, reason: Reason, features: Mapping[str, str] | None = None) -> str:
        """The sentence of a reason; ``features`` says what each of the model's is called."""
        if reason.code is ReasonCode.FEATURE:
            known = (features or {}).get(reason.params.get("feature", ""))
            return self.say(known or "One thing counted against it.")
        params = dict(reason.params)
        if "stage" in params:
            params["stage"] = self.stage(params["stage"])
        return self.say(SENTENCES[reason.code], **params)

    def notice(self, notice: Notice) -> str:
        """What the station noticed."""
        return self.say(SENTENCES_OF_NOTICES[notice.kind], **notice.params)

    def advice(self, notice: Notice) -> str:
        """What to do about it."""
        return self.say(ADVICE[notice.kind])

    def stage(self, stage: str) -> str:
        """The farmer's word for a growth stage."""
        return self.say(STAGES.get(stage, stage))

    def purpose(self, purpose: str) -> str:
        """What a consent to a purpose says."""
        known = PURPOSES.get(purpose)
        return self.say(known) if known else purpose

    def movement(self, movement: str) -> str:
        """What happened to a limit."""
        return self.say(MOVEMENTS.get(movement, movement))


@cache
def words_in(language: str) -> Words:
    """A language's words; English if there is no such catalogue."""
    known = language if language in LANGUAGES else "en"
    if known == "en":
        return Words(known, gettext.NullTranslations())
    path = resources.files("edge_node.faces.kiosk") / "locale" / known / "LC_MESSAGES" / "kiosk.mo"
    with path.open("rb") as file:
        return Words(known, gettext.GNUTranslations(file))
