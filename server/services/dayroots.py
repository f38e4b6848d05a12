"""The day's root: signed once a day over the heads of all logs, when the centre first hears.

No nightly batch: the first envelope of a day, or the command, signs what stood until then.
From that instant on nothing before a head can be changed without its showing.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.canonical import sha256_hex
from core.lending.dayroot import (
    DAY_ROOT,
    FIRST,
    DayRoot,
    Head,
    leads_to,
    ordered,
    proof_of,
    root_of,
)
from core.shape import decode, encode
from core.signing import open_document, sign_document
from server.keys import KeyRing
from server.services.centre import Centre, RequestError, Work
from server.store import books, heads
from server.store.heads import KeptRoot

ROOT_BYTES_MAX = 16 * 1024 * 1024


def sign_day(work: Work) -> KeptRoot | None:
    """Sign today's root; None if the day has one, or there is nothing yet to sign."""
    day = work.today().isoformat()
    if heads.has_root(work.tx, day):
        return None
    heads.lock_roots(work.tx)
    if heads.has_root(work.tx, day):  # somebody else signed it while this one waited
        return None
    found = ordered((*books.heads(work.tx), *heads.of_logs(work.tx, work.settings.name)))
    if not found:
        return None
    last = heads.last_root(work.tx)
    body = DayRoot(
        seq=last.seq + 1 if last else 1,
        day=day,
        signed_at_ms=work.at_ms,
        previous=last.sha256 if last else FIRST,
        root=root_of(found),
        heads=found,
    )
    document = sign_document(DAY_ROOT, encode(body), work.keys)
    kept = KeptRoot(
        body.seq, day, body.root, body.previous, len(found), sha256_hex(document), work.at_ms,
        document,
    )  # fmt: skip
    heads.add_root(work.tx, kept)
    return kept


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A head under a day's root, with the hashes that prove it."""

    day: str
    root: str
    head: Head
    place: int
    count: int
    proof: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the proof leads from the head to the root."""
        return leads_to(self.head, self.place, self.count, self.proof, self.root)


def prove(centre: Centre, day: str, log: str, writer: str) -> Inclusion:
    """Show that a writer's head stood under a day's root.

    Raises
    ------
    RequestError
        If the day has no root, or the writer no head under it.
    """
    with centre.store.reading() as tx:
        kept = next((each for each in heads.roots(tx) if each.day == day), None)
    if kept is None:
        raise RequestError(f"expected a day with a signed root, got {day!r}")
    body = open_root(kept, centre.keys.identity().public_key)
    found = [i for i, each in enumerate(body.heads) if (each.log, each.writer) == (log, writer)]
    if not found:
        raise RequestError(f"expected a head of {log} of {writer} under the root of {day}")
    place = found[0]
    proof = proof_of(body.heads, place)
    return Inclusion(day, kept.root, body.heads[place], place, len(body.heads), proof)


def open_root(kept: KeptRoot, public_key: str) -> DayRoot:
    """The body of a kept root, its signature verified.

    Raises
    ------
    HarvestlineError
        If the document is damaged or not the centre's.
    """
    ring = KeyRing((public_key,))
    return decode(DayRoot, open_document(kept.document, DAY_ROOT, ring, ROOT_BYTES_MAX).body)
