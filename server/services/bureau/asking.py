"""Asking a bureau: with the farmer's consent, by a blind index, and every question is kept.

Nobody is asked about without a consent that stands; the answer cites it, and when it is
taken back the answer is not used any more. A blind index belongs to one person: the second
farmer under it is refused, because one of the two would be judged by another's debts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from core.lending.elsewhere import is_stale
from core.lending.product import Product
from core.lending.views import DuesView
from core.wire.personal_data import DataClass, Purpose, Recipient
from core.wire.registry import Identity
from server.keys import blind_index, read_secret
from server.services.bureau.extracts import read_folder
from server.services.bureau.port import FOUND, NOT_LISTED, Bureau, FileBureau
from server.services.centre import Centre, RequestError, Work
from server.services.consents.using import may, use_data
from server.store import bureau, people, registry
from server.store.bureau import BureauAnswer, BureauFile
from server.store.engine import ConflictError
from server.store.people import Actor

IDENTITY_MIN, IDENTITY_MAX = 4, 40  # characters of a number on an identity document
_USES = (
    (Purpose.BUREAU_QUERY, DataClass.IDENTITY, Recipient.BUREAU),
    (Purpose.BUREAU_QUERY, DataClass.BUREAU, Recipient.LENDER),
)


@dataclass(frozen=True, slots=True)
class Question:
    """About whom a bureau is asked, in which currency.

    ``document`` is the number on the identity document; empty where the farmer was asked
    about before: it is not kept, only its blind index is.
    """

    farmer_id: str
    bureau: str
    currency: str
    document: str = ""


def import_extracts(
    centre: Centre, name: str, folder: Path, key: Identity | None, by: Actor
) -> tuple[BureauFile, ...]:
    """Take a bureau's extracts from a folder; those that are new. The same again changes nothing.

    Raises
    ------
    RequestError, SignatureError
        As in :func:`server.services.bureau.extracts.read_folder`.
    ConflictError
        If two extracts of one day differ.
    """

    def act(work: Work) -> tuple[BureauFile, ...]:
        taken = []
        for each in read_folder(folder, name, work.today(), key):
            said = each.manifest
            kept = BureauFile(
                said.sha256, name, said.as_of, said.rows_count, each.key_id, by.name, work.at_ms
            )
            known = [f for f in bureau.files_of(work.tx, name) if f.as_of == said.as_of]
            if any(one.file_sha256 != said.sha256 for one in known):
                raise ConflictError(
                    f"{said.file}: expected the extract of {said.as_of} once, another is here: the "
                    "bureau dates a correction anew"
                )
            if bureau.add_file(work.tx, kept, each.rows):
                taken.append(kept)
                detail = {"as_of": said.as_of, "rows_count": said.rows_count}
                subject = ("bureau_file", said.sha256)
                people.record(work.tx, work.at_ms, by, "bureau_imported", subject, detail)
        return tuple(taken)

    return centre.write(act)


def ask_bureau(centre: Centre, question: Question, by: Actor) -> BureauAnswer:
    """Ask a bureau about a farmer, and keep the question with its answer.

    Raises
    ------
    RequestError
        If no consent stands, the document's number cannot be one, or none was ever given.
    ConflictError
        If the number is another person's, or another than before.
    NotKnownError
        If there is no such farmer.
    """

    def act(work: Work) -> BureauAnswer:
        people.lock_trail(work.tx)  # two at once could both be the first under one document
        registry.farmer(work.tx, question.farmer_id)
        consent_id = consent_to_ask(work, question.farmer_id)
        if not consent_id:
            raise RequestError(
                f"expected a standing consent bureau_query of farmer {question.farmer_id}, got "
                "none: the farmer gives it at the kiosk; without it nobody is asked"
            )
        index = _index(work, question)
        answer = _answered(
            work, FileBureau(work.tx, question.bureau), question, (index, consent_id, by)
        )
        bureau.add_answer(work.tx, answer)
        use_data(work, question.farmer_id, _USES, ("bureau_query", answer.query_id))
        detail = {"farmer_id": question.farmer_id, "bureau": question.bureau,
                  "consent_id": consent_id, "outcome": answer.outcome}  # fmt: skip
        people.record(
            work.tx, work.at_ms, by, "bureau_asked", ("bureau_query", answer.query_id), detail
        )
        return answer

    return centre.write(act)


def consent_to_ask(work: Work, farmer_id: str) -> str:
    """The consent under which a bureau may be asked about a farmer; empty if none stands."""
    found = [may(work.tx, farmer_id, use) for use in _USES]
    return found[0].consent_ids[0] if all(each.allowed for each in found) else ""


def dues_of(work: Work, farmer_id: str, product: Product, on: date) -> tuple[DuesView, ...]:
    """What bureaus answered of a farmer, as far as the consent to it stands; the newest of each."""
    if product.bureau is None:
        return ()
    answers = bureau.answers_of(work.tx, farmer_id)
    if not answers or not consent_to_ask(work, farmer_id):
        return ()
    newest = {
        each.bureau: each
        for each in answers
        if each.outcome in (FOUND, NOT_LISTED) and each.currency == product.currency
    }
    views = [_view(each) for _, each in sorted(newest.items())]
    return tuple(
        DuesView(v.query_id, v.bureau, v.as_of, v.currency, v.dues_minor, v.liens_minor, v.source,
                 v.consent_id, is_stale(product, v, on))
        for v in views
    )  # fmt: skip


def _view(answer: BureauAnswer) -> DuesView:
    return DuesView(
        query_id=answer.query_id,
        bureau=answer.bureau,
        as_of=answer.as_of,
        currency=answer.currency,
        dues_minor=answer.dues_minor or 0,
        liens_minor=answer.liens_minor or 0,
        source=answer.file_sha256,
        consent_id=answer.consent_id,
    )


def _answered(
    work: Work, asked: Bureau, question: Question, told: tuple[str, str, Actor]
) -> BureauAnswer:
    index, consent_id, by = told
    word = asked.ask(index, question.currency)
    row, is_listed = word.row, word.outcome == FOUND
    none = 0 if word.outcome == NOT_LISTED else None
    return BureauAnswer(
        query_id=work.new_id(),
        farmer_id=question.farmer_id,
        bureau=asked.name,
        subject_index=index,
        consent_id=consent_id,
        outcome=word.outcome,
        file_sha256=word.file_sha256,
        as_of=word.as_of,
        currency=question.currency,
        dues_minor=row.dues_minor if row and is_listed else none,
        liens_minor=row.liens_minor if row and is_listed else none,
        lenders_count=row.lenders_count if row and is_listed else none,
        late_days=row.late_days if row and is_listed else none,
        asked_by=by.name,
        asked_at_ms=work.at_ms,
    )


def _index(work: Work, question: Question) -> str:
    """The farmer's blind index, by the document or as it was when they were asked about first."""
    before = _indices(bureau.answers_of(work.tx, question.farmer_id))
    if not question.document:
        if before:
            return before[0]
        raise RequestError(
            f"expected the identity document of farmer {question.farmer_id}: nobody was asked "
            "about them before; give it in a file"
        )
    found = index_of(read_secret(Path(work.settings.bureau_key_file)), question.document)
    if before and found != before[0]:
        raise ConflictError(
            f"farmer {question.farmer_id}: expected the identity document of the questions "
            "before, got another: look at it again"
        )
    others = bureau.farmers_with(work.tx, found) - {question.farmer_id}
    if others:
        raise ConflictError(
            f"farmer {question.farmer_id}: expected an identity document of their own, got that "
            f"of farmer {min(others)}"
        )
    return found


def _indices(answers: Sequence[BureauAnswer]) -> list[str]:
    return [each.subject_index for each in answers]


def index_of(secret: bytes, document: str) -> str:
    """The blind index of an identity document: of its letters and digits alone, in capitals.

    Raises
    ------
    RequestError
        If too few or too many of them are left.
    """
    plain = unicodedata.normalize("NFKC", document).upper()
    kept = "".join(each for each in plain if each.isalnum())
    if not IDENTITY_MIN <= len(kept) <= IDENTITY_MAX:
        raise RequestError(
            f"expected {IDENTITY_MIN} to {IDENTITY_MAX} letters and digits of an identity "
            f"document, got {len(kept)}"
        )
    return blind_index(secret, kept.encode())
