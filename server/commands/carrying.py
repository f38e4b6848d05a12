"""``import-envelopes`` and ``export-down``: sticks and agents' devices at the centre."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

import click

from core.errors import EXIT_REFUSED
from server.commands.hands import centre_of, config_option, json_option, show
from server.services.carrying import take_file, write_answer, write_down
from server.services.centre import RequestError
from server.store.whole_files import whole

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("import-envelopes")
@config_option
@click.argument("file", type=_FILE)
@click.option("--answer", type=_FILE, help="Where the file for the way back goes.")
@json_option
@click.pass_context
def import_envelopes(
    context: click.Context, *, config: Path, file: Path, answer: Path | None, as_json: bool
) -> None:
    """Take the envelopes of a station's FILE; write receipts and news for the way back.

    What is bad in the file is refused by name and the rest is taken; the command then
    ends with 4. The same file may come again, also while a link brings the same.
    """
    centre = centre_of(context, config)
    try:
        with file.open("rb") as stream:
            carried = take_file(centre, stream, file.name)
    except OSError as error:
        raise RequestError(f"expected a readable file at {file}: {error}") from error
    documents = _write(answer, lambda out: write_answer(centre, carried, out)) if answer else 0
    result = {
        "applied_count": carried.applied_count,
        "known_count": carried.known_count,
        "held_count": carried.held_count,
        "stations": carried.stations,
        "refused": carried.refused,
        "answer_documents_count": documents,
    }
    sentence = (
        f"{carried.applied_count} envelopes applied, {carried.known_count} known, "
        f"{carried.held_count} held, {len(carried.refused)} refused"
    )
    show(result, "\n".join((sentence, *carried.refused)), as_json=as_json)
    if carried.refused:
        context.exit(EXIT_REFUSED)


@click.command("export-down")
@config_option
@click.argument("station")
@click.argument("file", type=_FILE)
@json_option
@click.pass_context
def export_down(
    context: click.Context, *, config: Path, station: str, file: Path, as_json: bool
) -> None:
    """Write what STATION has not acknowledged, with receipts for its logs, to FILE."""
    centre = centre_of(context, config)
    count = _write(file, lambda out: write_down(centre, station, out))
    show({"documents_count": count}, f"{count} documents for {station}", as_json=as_json)


def _write(path: Path, act: Callable[[IO[bytes]], int]) -> int:
    """Write a file by rename, so that a stick never has half of one."""
    try:
        with whole(path) as part, part.open("wb") as file:
            count = act(file)
    except OSError as error:
        raise RequestError(f"expected to write {path}: {error}") from error
    return count
