"""Requests that count once by their key: who asked what, and the first answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.store.engine import Tx
from server.store.rows import read_as
from server.store.trade_tables import api_requests


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """A request by its key; ``status`` and ``body`` are None while it is under way."""

    holder: str
    request_key: str
    request_sha256: str
    started_at_ms: int
    status: int | None = None
    media_type: str = ""
    body: bytes | None = None


def begin(tx: Tx, request: KeptRequest) -> bool:
    """Keep a request that begins; False if its key is taken."""
    values = {name: getattr(request, name) for name in KeptRequest.__slots__}
    return tx.insert_new(api_requests, **values)


def find(tx: Tx, holder: str, request_key: str) -> KeptRequest | None:
    """What is known of a key, its row locked until the transaction ends."""
    row = tx.lock_row(api_requests, holder=holder, request_key=request_key)
    return read_as(KeptRequest, row) if row else None


def replace(tx: Tx, request: KeptRequest) -> None:
    """Renew a request: begun again, or answered."""
    tx.upsert(api_requests, **{name: getattr(request, name) for name in KeptRequest.__slots__})


def forget(tx: Tx, holder: str, request_key: str) -> None:
    """Let a key be used anew: its request came to no answer that is to be kept."""
    tx.run(api_requests.delete().where(*_mine(tx, holder, request_key)))


def forget_before(tx: Tx, at_ms: int) -> int:
    """Forget every request that began before a time; how many."""
    mine, old = api_requests.c.tenant_id == tx.tenant_id, api_requests.c.started_at_ms < at_ms
    return tx.run(api_requests.delete().where(mine, old))


def _mine(tx: Tx, holder: str, request_key: str) -> tuple[Any, ...]:
    named = (api_requests.c.holder == holder, api_requests.c.request_key == request_key)
    return (api_requests.c.tenant_id == tx.tenant_id, *named)
