"""What stations are given rests on a word of two: of a product its policy, else the update itself.

The step is written down before anything is published, so the database refuses what two did not
approve; a step after which nothing came out gave leave and no more.
"""

from __future__ import annotations

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.lending.product import parse_product
from core.shape import decode, encode
from core.wire.update import PACK_BYTES_MAX, ProductPack, Rollout, UpdateKind
from server.services.centre import Work
from server.services.leave import leave_of
from server.services.publishing.errors import RepositoryError
from server.services.publishing.files import Folder
from server.services.publishing.signing import Listed
from server.store import people, update_steps
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor
from server.store.update_steps import UpdateStep
from server.words import say

About = tuple[WordKind, str]
APPROVED = "update_approved"
ASK = "updates propose"


def about(folder: Folder, found: Listed) -> About:
    """What a word has to be about before stations are given a target.

    Raises
    ------
    RepositoryError
        If a product's bytes cannot be read, or are not those that are listed.
    """
    note = found.note
    if note.place.kind is not UpdateKind.PRODUCT:
        return WordKind.UPDATE, f"{note.path}|{found.sha256}"
    path = folder.path_of(note.path, found.sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RepositoryError(f"expected the product that is listed: {error}") from error
    if sha256_hex(data) != found.sha256:
        raise RepositoryError(f"expected the bytes that are listed in {path}, got others")
    pack = decode(ProductPack, parse_canonical(data, PACK_BYTES_MAX))
    return WordKind.POLICY, parse_product(pack.product).policy_version()


def give(work: Work, event: str, found: Listed, what: tuple[About, Rollout], by: Actor) -> None:
    """Write down that stations may have a version from now on.

    Raises
    ------
    RequestError
        If two supervisors stand, and two persons did not approve it.
    """
    subject, to = what
    people.lock_trail(work.tx)  # so that no second supervisor comes to stand meanwhile
    word_id = leave_of(work.tx, subject, f"{ASK} {found.note.slot} {found.note.version}")
    rollout = canonical_bytes(encode(to)).decode()
    step = UpdateStep(
        found.note.path, 0, event, subject[1], rollout, word_id, by.name, work.at_ms
    )  # fmt: skip
    update_steps.add(work.tx, step)


def approve(work: Work, word: KeptWord, by: Actor) -> None:
    """What a confirmed word does: from now on stations may be given the version."""
    path = word.subject_id.split("|")[0]
    detail = {"word_id": word.word_id}
    people.record(work.tx, work.at_ms, by, APPROVED, ("update", path), detail)


def sentence(_: Work, word: KeptWord) -> str:
    """What the word would do."""
    path, sha256 = word.subject_id.split("|")
    return say("Stations may be given {file}, whose hash begins with {hash}.", file=path,
               hash=sha256[:16])  # fmt: skip
