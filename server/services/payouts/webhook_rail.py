"""The rail of a payment service: one signed request an instruction, answered at once or later.

What it answers must be signed with the same secret and name the instruction; anything
else - an error, a redirect, a page of a proxy - is no answer, and the same instruction is
told again under the same id until one comes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.canonical import canonical_bytes
from core.errors import HarvestlineError, SignatureError
from core.lending.payout import Answer, Outcome
from core.shape import TEXT_MAX, decode, encode
from server.services.centre import RequestError
from server.services.hooks.door import TIMEOUT_S, Post, Reply, post_all
from server.services.hooks.signature import require_signed, signed_headers
from server.services.payouts.rails import (
    Document,
    Handed,
    Parcel,
    RailTerms,
    amount_text,
)

PAY = "payout.pay"
ASK_AGAIN_MS = 15 * 60_000
_JSON_DEPTH_TOLD = "expected a JSON object as docs/payout.md says"


@dataclass(frozen=True, slots=True)
class Said:
    """What a payment service says of an instruction."""

    instruction_id: str
    status: Outcome
    amount_minor: int
    currency: str
    reference: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRail:
    """One POST an instruction; the secret is shared with the payment service."""

    terms: RailTerms
    address: str
    secret: bytes

    @property
    def wait_ms(self) -> int:
        """Not at all: each instruction goes by itself [ms]."""
        return 0

    @property
    def batch_max(self) -> int:
        """One instruction a request."""
        return 1

    @property
    def ask_again_ms(self) -> int | None:
        """An instruction that was only accepted is asked about again after this [ms]."""
        return ASK_AGAIN_MS

    def compose(self, parcel: Parcel) -> Document:
        """The body of the request."""
        [each] = parcel.instructions
        told = {
            "type": PAY,
            "instruction_id": each.instruction_id,
            "amount_minor": each.amount_minor,
            "amount": amount_text(each.amount_minor, each.currency),
            "currency": each.currency,
            "payee": encode(each.account),
            "told": each.told,
            "made_at_ms": parcel.made_at_ms,
        }
        return Document(parcel.batch_id, each.instruction_id, canonical_bytes(told))

    def hand_over(self, documents: Sequence[Document], at_ms: int) -> tuple[Handed, ...]:
        """Post each instruction and read what comes back."""
        replies = post_all([self._post(each, at_ms) for each in documents])
        return tuple(
            self._heard(document, reply, at_ms)
            for document, reply in zip(documents, replies, strict=True)
        )

    def _post(self, document: Document, at_ms: int) -> Post:
        headers = {
            "content-type": "application/json",
            "user-agent": "harvestline/1",
            "idempotency-key": document.file_name,
            **signed_headers(self.secret, document.file_name, at_ms, document.data),
        }
        return Post(
            self.address,
            headers,
            document.data,
            self.terms.allow_private or False,
            self.terms.timeout_s or TIMEOUT_S,
        )

    def _heard(self, document: Document, reply: Reply, at_ms: int) -> Handed:
        if not reply.is_taken:
            return Handed(is_taken=False, told=reply.told)
        try:
            require_signed([self.secret], reply.headers, reply.body, at_ms)
            answer = read_said(reply.body)
        except (SignatureError, RequestError) as error:
            return Handed(is_taken=False, told=f"its answer cannot be used: {error}")
        if answer.instruction_id != document.file_name:
            return Handed(is_taken=False, told="its answer is about another instruction")
        return Handed(is_taken=True, told=answer.outcome.value, answers=(answer,),
                      source=reply.body)  # fmt: skip


def read_said(body: bytes) -> Answer:
    """What a payment service says, from its answer or its call.

    Raises
    ------
    RequestError
        If it is no such document.
    """
    try:
        found = json.loads(body)
        if not isinstance(found, dict):
            raise RequestError(_JSON_DEPTH_TOLD)
        said = decode(Said, _short(found))
    except (ValueError, RecursionError) as error:
        raise RequestError(_JSON_DEPTH_TOLD) from error
    except HarvestlineError as error:
        raise RequestError(f"{_JSON_DEPTH_TOLD}: {error}") from error
    return Answer(
        said.instruction_id, said.status, said.amount_minor, said.currency, said.reference,
        said.reason,
    )  # fmt: skip


def _short(found: Mapping[str, object]) -> dict[str, object]:
    """The document with words for people cut to what is kept."""
    return {
        name: value[:TEXT_MAX].replace("\0", "") if isinstance(value, str) else value
        for name, value in found.items()
    }
