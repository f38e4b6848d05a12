"""Reading a bureau's extracts: CSV or JSON beside a manifest that says what they are.

``NAME.manifest.json`` holds ``bureau``, ``as_of``, ``file``, ``rows_count`` and ``sha256`` of
the file beside it; where the lender knows the bureau's key, it is a signed document of that
body. A person stands in a row by a blind index, never by name. Anything that does not fit is
told with its line, and nothing of the file is taken.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

from core.canonical import sha256_hex
from core.errors import CanonicalError, ShapeError, SignatureError
from core.shape import decode
from core.signing import DocumentType, open_document
from core.units import SAFE_INTEGER_MAX, civil_date
from core.wire.registry import Identity
from server.keys import KeyRing, sign_key_id
from server.services.centre import RequestError
from server.store.bureau import BureauRow

EXTRACT = DocumentType("bureau-extract", 1)
MANIFEST_TAIL = ".manifest.json"
FILE_BYTES_MAX = 64 * 1024 * 1024
FILES_MAX = 1_000
ROWS_MAX = 500_000
FAULTS_TOLD_MAX = 10
DAYS_MAX = 36_600
COLUMNS = tuple(field.name for field in fields(BureauRow))
_INDEX, _CURRENCY = re.compile(r"[0-9a-f]{64}"), re.compile(r"[A-Z]{3}")
_WHOLE = re.compile(r"0|[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bureau says of one of its files."""

    bureau: str
    as_of: str
    file: str
    rows_count: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Extract:
    """A file that was read whole: what its bureau said of it, who signed that, its rows."""

    manifest: Manifest
    key_id: str
    rows: tuple[BureauRow, ...]


def read_folder(folder: Path, bureau: str, today: date, key: Identity | None) -> list[Extract]:
    """Every extract of a bureau in a folder, the oldest day first.

    Raises
    ------
    RequestError
        If the folder holds none, or one of them is not what its manifest says.
    SignatureError
        If a manifest must be signed by ``key`` and is not.
    """
    found = sorted(folder.glob(f"*{MANIFEST_TAIL}")) if folder.is_dir() else []
    if not 0 < len(found) <= FILES_MAX:
        raise RequestError(
            f"expected 1 to {FILES_MAX} files *{MANIFEST_TAIL} in {folder}, got {len(found)}"
        )
    read = [_read(path, bureau, today, key) for path in found]
    return sorted(read, key=lambda each: (each.manifest.as_of, each.manifest.sha256))


def _read(path: Path, bureau: str, today: date, key: Identity | None) -> Extract:
    manifest, key_id = _manifest(path, key)
    as_of = civil_date(manifest.as_of)
    faults = [
        words
        for wrong, words in (
            (manifest.bureau != bureau, f"bureau {bureau}, got {manifest.bureau[:40]!r}"),
            (as_of is None or as_of > today, f"as_of up to {today}, got {manifest.as_of[:40]!r}"),
            (Path(manifest.file).name != manifest.file, "a file in the same folder"),
        )
        if wrong
    ]
    if faults:
        raise RequestError(f"{path.name}: expected " + "; ".join(faults))
    data = _bytes(path.parent / manifest.file)
    if sha256_hex(data) != manifest.sha256:
        raise RequestError(
            f"{manifest.file}: expected the bytes with SHA-256 {manifest.sha256}, got "
            f"{sha256_hex(data)}: ask the bureau for the file again"
        )
    return Extract(manifest, key_id, read_rows(manifest, data))


def _manifest(path: Path, key: Identity | None) -> tuple[Manifest, str]:
    data = _bytes(path)
    try:
        if key is None:
            return decode(Manifest, json.loads(data)), ""
        signed = open_document(data.strip(), EXTRACT, KeyRing((key.public_key,)))
        return decode(Manifest, signed.body), sign_key_id(key)
    except (CanonicalError, ShapeError, ValueError, RecursionError) as error:
        raise RequestError(f"{path.name}: expected a manifest: {error}") from error
    except SignatureError as error:
        raise SignatureError(f"{path.name}: {error}") from error


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise RequestError(f"expected at most {FILE_BYTES_MAX} bytes in {path.name}")
        return path.read_bytes()
    except OSError as error:
        raise RequestError(f"expected a readable file {path.name}: {error.strerror}") from error


def read_rows(manifest: Manifest, data: bytes) -> tuple[BureauRow, ...]:
    """The rows of an extract.

    Raises
    ------
    RequestError
        If a row does not fit; the first ones are told with their lines.
    """
    raw = _json_rows(data) if manifest.file.endswith(".json") else _csv_rows(manifest.file, data)
    if len(raw) != manifest.rows_count or len(raw) > ROWS_MAX:
        raise RequestError(
            f"{manifest.file}: expected {manifest.rows_count} rows as its manifest says, at most "
            f"{ROWS_MAX}, got {len(raw)}"
        )
    faults = [f"row {n}: {words}" for n, row in enumerate(raw, 1) for words in _row_faults(row)]
    faults += _twice(raw)
    if faults:
        told = "; ".join(faults[:FAULTS_TOLD_MAX])
        raise RequestError(f"{manifest.file}: {len(faults)} faults: {told}")
    return tuple(_row(row) for row in raw)


def _csv_rows(name: str, data: bytes) -> list[Mapping[str, Any]]:
    try:
        reader = csv.DictReader(StringIO(data.decode("utf-8"), newline=""), strict=True)
        found = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{name}: expected CSV in UTF-8: {error}") from error
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise RequestError(
            f"{name}: expected the columns {','.join(COLUMNS)}, got "
            f"{','.join(reader.fieldnames or ())[:200]}"
        )
    return list(found)


def _json_rows(data: bytes) -> list[Mapping[str, Any]]:
    try:
        found = json.loads(data)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise RequestError(f"expected a JSON list of rows: {error}") from error
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise RequestError("expected a JSON list of rows, each an object")
    return found


def _row_faults(row: Mapping[str, Any]) -> Iterable[str]:
    if set(row) != set(COLUMNS):
        yield f"expected {', '.join(COLUMNS)}"
        return
    if not _INDEX.fullmatch(str(row["subject_index"])):
        yield "expected subject_index as 64 hexadecimal digits; a name is never taken"
    if not _CURRENCY.fullmatch(str(row["currency"])):
        yield f"expected an ISO 4217 currency, got {str(row['currency'])[:10]!r}"
    for name in COLUMNS[2:]:
        most = SAFE_INTEGER_MAX if name.endswith("_minor") else DAYS_MAX
        value = row[name]
        whole = type(value) is int or (isinstance(value, str) and _WHOLE.fullmatch(value))
        if not whole or len(str(value)) > len(str(most)) or not 0 <= int(value) <= most:
            yield f"expected {name} as a whole number of 0 to {most}, got {str(value)[:20]!r}"


def _twice(raw: Sequence[Mapping[str, Any]]) -> list[str]:
    seen: set[tuple[str, str]] = set()
    found = []
    for number, row in enumerate(raw, 1):
        key = (str(row.get("subject_index")), str(row.get("currency")))
        if key in seen:
            found.append(f"row {number}: expected a person once a currency, got one twice")
        seen.add(key)
    return found


def _row(row: Mapping[str, Any]) -> BureauRow:
    numbers = {name: int(row[name]) for name in COLUMNS[2:]}
    return BureauRow(str(row["subject_index"]), str(row["currency"]), **numbers)
