"""Rows of a recording, from CSV or parquet, with the line that each came from."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from firmware_sim.replay.mapping import FileFormat, FileMap, Form, ReplayFileError, ReplayMap

BATCH_ROWS = 50_000
Row = tuple[int, Sequence[object]]  # line (or row number) from 1, and the wanted columns' values
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wanted_columns(mapping: ReplayMap) -> tuple[str, ...]:
    """The columns that a MAP speaks of; the time is the first of them."""
    names = {mapping.file.time_column: None}
    for device in mapping.device:
        for reading in device.reading:
            names.update(dict.fromkeys(mapping.keys_of(device, reading)))
            if mapping.file.form is Form.WIDE:
                names[reading.column] = None
    if mapping.file.form is Form.LONG:
        names[mapping.file.value_column] = None
    return tuple(names)


def rows_of(path: Path, mapping: ReplayMap) -> Iterator[Row]:
    """The recording's rows, values in the order of :func:`wanted_columns`.

    A CSV row with too few or too many fields comes with no values at all.

    Raises
    ------
    ReplayFileError
        If the file cannot be read, or lacks a column.
    """
    columns = wanted_columns(mapping)
    try:
        if mapping.file.format is FileFormat.PARQUET:
            yield from _parquet_rows(path, columns)
        else:
            yield from _csv_rows(path, mapping.file, columns)
    except (OSError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
        raise ReplayFileError(f"expected readings in {path}: {error}") from error


def _require_columns(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise ReplayFileError(f"expected columns {missing} in {path}, got {list(found)}")


def _csv_rows(path: Path, form: FileMap, wanted: Sequence[str]) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = iter(enumerate(file, start=1))
        header: list[str] = []
        for number, line in lines:
            if number == form.header_line:
                header = _fields(line, form)
                break
        _require_columns(path, header, wanted)
        places = [header.index(name) for name in wanted]
        for number, line in lines:
            if line.strip():
                fields = _fields(line, form)
                complete = len(fields) == len(header)
                yield number, [fields[i] for i in places] if complete else ()


def _fields(line: str, form: FileMap) -> list[str]:
    if form.delimiter == "whitespace":
        return line.split()
    return [text.strip() for text in next(csv.reader([line], delimiter=form.delimiter))]


def _parquet_rows(path: Path, wanted: Sequence[str]) -> Iterator[Row]:
    with pq.ParquetFile(path) as file:
        _require_columns(path, file.schema_arrow.names, wanted)
        number = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=list(wanted)):
            lists = [_plain(batch.column(name)) for name in wanted]
            for values in zip(*lists, strict=True):
                number += 1
                yield number, values


def _plain(column: pa.Array) -> list[object]:
    """A column as Python values; timestamps as milliseconds of their own clock."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ms", column.type.tz), safe=False).cast(pa.int64())
    values: list[object] = column.to_pylist()
    return values


def parse_time(value: object, form: FileMap) -> int:
    """An instant of the recording [ms UTC].

    Raises
    ------
    ValueError
        If it cannot be understood.
    """
    offset_ms = form.utc_offset_minutes * 60_000
    if form.format is FileFormat.PARQUET and type(value) is int:
        return value - offset_ms
    text = str(value).strip() if value is not None else ""
    if form.time_format in ("epoch_s", "epoch_ms"):
        return round(float(text) * (1000 if form.time_format == "epoch_s" else 1))
    if form.time_format == "iso":
        at = datetime.fromisoformat(text)
    else:
        at = datetime.strptime(text, form.time_format)  # noqa: DTZ007 - the MAP gives the offset
    if at.tzinfo is not None:
        return round((at - EPOCH).total_seconds() * 1000)
    return round((at.replace(tzinfo=UTC) - EPOCH).total_seconds() * 1000) - offset_ms
