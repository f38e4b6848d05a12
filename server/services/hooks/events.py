"""What happened, written down for whoever wants to be told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.canonical import canonical_hash
from server.services.centre import RequestError, Work
from server.store import hooks
from server.store.hooks import HookEvent
from server.store.rows import json_text

KIND = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
KIND_CHARS_MAX = 64
PAYLOAD_BYTES_MAX = 32 * 1024
ID_CHARS = 32


def emit(work: Work, kind: str, subject: str, payload: Mapping[str, Any], party: str = "") -> str:
    """Write down an event for its subscribers, in the caller's transaction; its id.

    Parameters
    ----------
    kind
        What happened, as ``thing.happened``, e.g. ``order.paid``.
    subject
        The id of what it happened to.
    payload
        What the receiver is told: ids, amounts and dates, never personal data.
    party
        The supplier or buyer whom it concerns; nobody else's subscription is told. Empty
        for what only the lender's own programs may hear.

    Raises
    ------
    RequestError
        If the kind is no such name, or the payload is too large.
    """
    if KIND.fullmatch(kind) is None or len(kind) > KIND_CHARS_MAX:
        raise RequestError(f"expected a kind such as order.paid, got {kind[:80]!r}")
    size = len(json_text(payload).encode())
    if size > PAYLOAD_BYTES_MAX:
        raise RequestError(f"event {kind}: expected at most {PAYLOAD_BYTES_MAX} bytes, got {size}")
    told = {"kind": kind, "subject": subject, "party": party, "payload": payload}
    named = canonical_hash({**told, "at_ms": work.at_ms, "tenant": work.tx.tenant_id})
    event = HookEvent(named[:ID_CHARS], kind, subject, party, payload, work.at_ms)
    wanted = [s.subscription_id for s in hooks.subscriptions(work.tx) if s.wants(kind, party)]
    if hooks.add_event(work.tx, event, wanted) and wanted:
        work.ring()
    return event.event_id
