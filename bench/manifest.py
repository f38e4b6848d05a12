"""What it costs a station to learn by which model to decide: python-tuf against a signed order.

The same model of twelve features goes both ways. TUF: a fresh look of a station that knows the
first root, at timestamp, snapshot and targets with ten targets in six slots, by python-tuf's
own client from a folder, then the pack with its golden vectors; and a look that finds nothing
new. An order: the signed document in the centre's log, with the signed model inside, verified
and read. Memory is what a process of its own has resident after that, less a bare one with the
station's keys and database, which every station has loaded.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from bench.report import Effort, Report
from bench.timing import median_ms
from core.canonical import canonical_bytes, canonical_hash, parse_canonical
from core.scoring.points import FeatureTable
from core.shape import decode, encode
from core.signing import open_document, sign_document
from core.wire.modelfile import MODEL, MODEL_ORDER, Model, ModelOrder
from core.wire.update import ModelPack, TargetNote, golden_vectors
from edge_node.keys import KeyRing
from edge_node.store.database import StationDatabase
from tests.support.models import small_model
from tests.support.signing import NumberSigner

FEATURES, BINS = 12, 16
OTHER_TARGETS = 9  # products, prompts and a basemap of a station's life
AT_MS = 1_775_000_000_000
SIGNER = NumberSigner(7)
TIMES = 15
KIB = 1024
_WAYS = ("bare", "tuf", "order")


@dataclass(frozen=True, slots=True)
class Way:
    """What one way costs: bytes that must come, CPU to verify and read them, memory."""

    new_bytes: int
    same_bytes: int
    new_ms: float
    same_ms: float
    resident_kib: int


def the_model() -> Model:
    """A points table as large as a trained one."""
    small = small_model()
    definition = small.features[0]
    names = [f"{definition.name}_{n}" for n in range(FEATURES)]
    edges = tuple(range(10, 10 * BINS, 10))
    tables = tuple(FeatureTable(n, edges, tuple(range(-7, BINS - 7)), -9, 3) for n in names)
    bins = {name: tuple(range(BINS + 1)) for name in names}
    return replace(
        small,
        table=replace(small.table, features=tables, pairs=()),
        features=tuple(replace(definition, name=name) for name in names),
        reference=bins | {"score": (1, 2, 3, 4)},
    )


def order_of(model: Model) -> bytes:
    """The centre's signed order, as it lies in the log."""
    document = parse_canonical(sign_document(MODEL, encode(model), SIGNER), 10**6)
    order = ModelOrder(1, "kijani", canonical_hash(document), document)
    return sign_document(MODEL_ORDER, encode(order), SIGNER)


def follow(data: bytes) -> Model:
    """An order as a station reads it."""
    ring = KeyRing([SIGNER.public_key])
    order = decode(ModelOrder, open_document(data, MODEL_ORDER, ring).body)
    return decode(Model, open_document(canonical_bytes(order.model), MODEL, ring).body)


def look(folder: Path, trusted: Path) -> None:
    """A look by python-tuf's client, and what is believed afterwards."""
    from edge_node.updates.source import FolderSource  # noqa: PLC0415 - its cost is measured
    from edge_node.updates.trust import refresh  # noqa: PLC0415

    root = (folder / "metadata" / "1.root.json").read_bytes()
    refresh(trusted, root, FolderSource(folder), AT_MS)


def published(folder: Path) -> int:
    """A repository in a folder; the size of the model's target [bytes]."""
    from tests.support.update_repository import ALL, Repository  # noqa: PLC0415

    repository = Repository(folder, AT_MS)
    model = the_model()
    document = parse_canonical(sign_document(MODEL, encode(model), SIGNER), 10**6)
    pack = canonical_bytes(encode(ModelPack(document, golden_vectors(model))))
    repository.add(TargetNote("model", 1, ALL), pack)
    for number in range(OTHER_TARGETS):
        repository.add(TargetNote(f"product/p-{number}", 1, ALL), b"{}")
    repository.publish()
    return len(pack)


def resident_kib(way: str, folder: Path) -> int:
    """What a process of its own has resident after it went one way [KiB]."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.manifest", way, str(folder)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(json.loads(done.stdout))


def measure(effort: Effort) -> Report:
    """Measure both ways on this machine."""
    del effort
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "repository"
        pack_bytes = published(folder)
        order = order_of(the_model())
        (Path(scratch) / "order").write_bytes(order)
        resident = {way: resident_kib(way, Path(scratch)) for way in _WAYS}
        tuf = _tuf(folder, Path(scratch), pack_bytes, resident["tuf"] - resident["bare"])
    took_ms = median_ms(lambda: follow(order), TIMES, 20)
    ordered = Way(len(order), 0, took_ms, 0.0, resident["order"] - resident["bare"])
    return _report(tuf, ordered)


def _tuf(folder: Path, scratch: Path, pack_bytes: int, kib: int) -> Way:
    metadata = folder / "metadata"
    timestamp = (metadata / "timestamp.json").stat().st_size
    newest = (metadata / "2.snapshot.json", metadata / "2.targets.json")
    fresh = timestamp + sum(path.stat().st_size for path in newest)
    places = iter(range(10_000))
    new_ms = median_ms(lambda: look(folder, scratch / f"trusted-{next(places)}"), TIMES)
    look(folder, scratch / "kept")
    same_ms = median_ms(lambda: look(folder, scratch / "kept"), TIMES)
    return Way(fresh + pack_bytes, timestamp, new_ms, same_ms, kib)


def _report(tuf: Way, order: Way) -> Report:
    rows = tuple(
        (what, _said(getattr(tuf, name)), _said(getattr(order, name)))
        for what, name in (
            ("a new model: bytes", "new_bytes"), ("nothing new: bytes", "same_bytes"),
            ("a new model: verify and read [ms CPU]", "new_ms"),
            ("nothing new [ms CPU]", "same_ms"),
            ("resident, more than without [KiB]", "resident_kib"),
        )
    )  # fmt: skip
    numbers = {
        f"{way}_{name}": float(getattr(found, name))
        for way, found in (("tuf", tuf), ("order", order))
        for name in Way.__slots__
    }
    return Report(
        title="A model's manifest at the edge",
        headings=("what", "TUF by python-tuf", "signed order in the log"),
        rows=rows,
        note="TUF's bytes hold golden vectors and metadata of ten targets; an order rides in an "
        "envelope that comes anyway, and has no golden vectors, no threshold of keys and no "
        "expiry of its own.",
        numbers=numbers,
    )


def _said(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def main(way: str, scratch: Path) -> None:
    """Go one way and print what this process has resident, the store's door loaded [KiB]."""
    StationDatabase  # noqa: B018 - every station has it loaded
    if way == "order":
        follow((scratch / "order").read_bytes())
    elif way == "tuf":
        look(scratch / "repository", scratch / "by-itself")
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    print(json.dumps(pages * resource.getpagesize() // KIB))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
