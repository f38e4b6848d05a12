"""Words: the English sentence is the message id, gettext catalogues hold the others.

Catalogues are compiled where they are changed (``python -m tools.catalogues``), so
the station needs nothing but the standard library. A catalogue that came by signed
updates speaks before the release's own.
"""

from __future__ import annotations

import gettext
import struct
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable

from core.canonical import parse_canonical
from core.lending.cashbox import DifferenceReason
from core.reasons import SENTENCES, Reason, ReasonCode
from core.shape import decode
from core.wire.update import PACK_BYTES_MAX, PromptsPack
from edge_node.faces.kiosk.data_words import CLASSES, OTHER_ROLE, PURPOSES, ROLES, UNASKED, WITHOUT
from edge_node.faces.kiosk.kiosk_words import (
    KINDS,
    OUTCOMES,
    PICTURES,
    PROBLEMS,
    RELATIONS,
    TOPICS,
)
from edge_node.store import updates
from edge_node.store.database import StationDatabase
from edge_node.watch.notices import ADVICE, Notice
from edge_node.watch.notices import SENTENCES as SENTENCES_OF_NOTICES

# Each by its own name, for a farmer to find it.
LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "sw": "Kiswahili",
    "hi": "हिन्दी",
    "zh": "中文",
    "mn": "ᠮᠣᠩᠭᠣᠯ",
}
# What a browser is told of a language (BCP 47): script decides letters and direction.
TAGS: Mapping[str, str] = {**{code: code for code in LANGUAGES}, "zh": "zh-Hans", "mn": "mn-Mong"}
# A reason that rests on nothing known: a reading too thin or doubted, a use not agreed to.
NOT_KNOWN = (
    "One thing that counts is not known well enough: it was not measured, or you did not agree "
    "to its use."
)
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
STAGES: Mapping[str, str] = {
    "sowing": "sowing",
    "emergence": "emergence",
    "vegetative": "growth",
    "heading": "ears",
    "ripening": "ripening",
    "harvested": "harvest",
}
GOODS: Mapping[str, str] = {
    "seed": "Seed",
    "fertiliser": "Fertiliser",
    "protection": "Crop protection",
    "feed": "Feed",
}
_MO_COUNT_AT, _MO_ENTRY_BYTES = 8, 8  # of GNU gettext's compiled catalogues
DIFFERENCES: Mapping[DifferenceReason, str] = {
    DifferenceReason.UNEXPLAINED: "I do not know why.",
    DifferenceReason.WRONG_CHANGE: "I gave or took a wrong sum.",
    DifferenceReason.COUNTERFEIT: "There was false money.",
    DifferenceReason.THEFT_REPORTED: "Money was stolen, and I have reported it.",
    DifferenceReason.COUNTED_WRONG_BEFORE: "An earlier count was wrong.",
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

    @property
    def catalogue(self) -> gettext.NullTranslations:
        """Where the sentences stand."""
        return self._catalogue

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

    def without(self, purpose: str) -> str:
        """What happens without a consent; empty for a name of later days."""
        known = WITHOUT.get(purpose)
        return self.say(known) if known else ""

    def unasked(self, purpose: str) -> str:
        """What is used for a purpose without asking, and why."""
        return self.say(UNASKED[purpose])

    def looked(self, role: str) -> str:
        """Who looked at the farmer's data."""
        return self.say(ROLES.get(role, OTHER_ROLE))

    def classes(self, found: Iterable[str]) -> str:
        """Classes of data in one line."""
        return ", ".join(self.say(CLASSES[each]) for each in found if each in CLASSES)

    def difference(self, reason: DifferenceReason) -> str:
        """Why a cash box held something else than it should."""
        return self.say(DIFFERENCES[reason])

    def goods(self, goods: str) -> str:
        """The farmer's word for what a voucher buys; the product's own where there is none."""
        known = GOODS.get(goods)
        return self.say(known) if known else goods

    def picture(self, picture: str) -> str:
        """What a picture of a code shows."""
        return self.say(PICTURES[picture])

    def picture_problem(self, problem: str) -> str:
        """Why pictures cannot be chosen so."""
        return self.say(PROBLEMS[problem])

    def relation(self, relation: str) -> str:
        """Who a helper is to the farmer."""
        return self.say(RELATIONS[relation])

    def appeal_kind(self, kind: str) -> str:
        """What a farmer asks for."""
        return self.say(KINDS[kind])

    def appeal_topic(self, topic: str) -> str:
        """What it is about."""
        return self.say(TOPICS[topic])

    def appeal_outcome(self, outcome: str) -> str:
        """How a person answered."""
        return self.say(OUTCOMES[outcome])

    def product(self, name: str) -> str:
        """A product's name in the language; its own where the catalogue or a pack has none."""
        return self._catalogue.gettext(name) if name else name

    def movement(self, movement: str) -> str:
        """What happened to a limit."""
        return self.say(MOVEMENTS.get(movement, movement))


@cache
def words_in(language: str) -> Words:
    """A language's words; English if there is no such catalogue."""
    known = language if language in LANGUAGES else "en"
    if known == "en":
        return Words(known, gettext.NullTranslations())
    with _catalogue(known).open("rb") as file:
        return Words(known, gettext.GNUTranslations(file))


def spoken(db: StationDatabase, language: str) -> Words:
    """A language's words as this station speaks them now: by updates, else by its release."""
    known = language if language in LANGUAGES else "en"
    version = updates.in_use(db, f"prompts/{known}")
    data = updates.pack(db, version.sha256) if version is not None else None
    return words_in(known) if data is None else _packed(known, data)


@cache
def needed() -> frozenset[str]:
    """Every sentence that the screens may say: what the release's own catalogue holds."""
    data = _catalogue("sw").read_bytes()
    count, at = struct.unpack_from("<II", data, _MO_COUNT_AT)
    spans = (struct.unpack_from("<II", data, at + n * _MO_ENTRY_BYTES) for n in range(count))
    texts = (data[start : start + size].decode("utf-8") for size, start in spans)
    return frozenset(text for text in texts if text)


class _Packed(gettext.NullTranslations):
    """Sentences of a pack; what it lacks the release says."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def gettext(self, message: str) -> str:
        """A sentence in the pack's language."""
        return self._texts.get(message) or super().gettext(message)


@lru_cache(maxsize=len(LANGUAGES))
def _packed(language: str, data: bytes) -> Words:
    pack = decode(PromptsPack, parse_canonical(data, PACK_BYTES_MAX))
    packed = _Packed(pack.texts())
    packed.add_fallback(words_in(language).catalogue)
    return Words(language, packed)


def _catalogue(language: str) -> Traversable:
    folder = resources.files("edge_node.faces.kiosk") / "locale"
    return folder / language / "LC_MESSAGES" / "kiosk.mo"
