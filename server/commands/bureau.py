"""``bureau``: what people owe other lenders, by the files of bureaus."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core.errors import ShapeError
from core.shape import decode, encode
from core.units import format_money
from core.wire.personal_data import DataClass, Purpose
from core.wire.registry import Identity
from server.commands.hands import (
    OPERATOR,
    centre_of,
    config_option,
    hands_of,
    json_option,
    read_input,
    show,
)
from server.commands.officers import Acting, acting
from server.keys import write_secret
from server.services.bureau.asking import Question, ask_bureau, import_extracts
from server.services.bureau.reporting import report_to
from server.services.centre import RequestError
from server.services.consents.looks import COMMAND, Look, note
from server.store import bureau as kept
from server.store.people import Role

DOCUMENT_BYTES_MAX = 200
_LOOK = Look(OPERATOR, Purpose.BUREAU_QUERY, (DataClass.BUREAU,), COMMAND, "bureau show")
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("bureau")
def bureau() -> None:
    """What people owe other lenders: bureaus' files, questions with consent, answers."""


@bureau.command("key")
@config_option
@click.pass_context
def key(context: click.Context, *, config: Path) -> None:
    """Make the secret by which people are found without a name; hand it to the bureaus."""
    path = Path(centre_of(context, config).settings.bureau_key_file)
    write_secret(path, hands_of(context).random_bytes(32).hex().encode())
    click.echo(f"A new secret lies in {path}; bureaus index their files with the same one.")


@bureau.command("import")
@acting(Role.LENDER, Role.SUPERVISOR)
@click.argument("name")
@click.argument("folder", type=_FOLDER)
@click.option("--key", "key_file", type=_FILE, help="The bureau's public key; else hashes alone.")
@json_option
def import_(
    *, acting: Acting, name: str, folder: Path, key_file: Path | None, as_json: bool
) -> None:
    """Take a bureau's extracts from a folder; what is here already is passed over."""
    taken = import_extracts(acting.centre, name, folder, _identity(key_file), acting.by)
    told = [f"{each.as_of}  {each.rows_count} people, {each.file_sha256[:16]}" for each in taken]
    result = {"taken": [encode(each) for each in taken]}
    show(result, "\n".join(told) or "Nothing new.", as_json=as_json)


@bureau.command("ask")
@acting(Role.LENDER, Role.SUPERVISOR)
@click.argument("name")
@click.argument("farmer_id")
@click.option("--currency", required=True, help="Of the debts that are asked for.")
@click.option("--document-file", type=_FILE, help="The identity document's number; once.")
@json_option
def ask(
    *, acting: Acting, name: str, farmer_id: str, currency: str, document_file: Path | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Ask a bureau about a farmer who consented to it; the question is kept."""
    document = ""
    if document_file is not None:
        document = read_input(document_file, DOCUMENT_BYTES_MAX).decode("utf-8", "replace").strip()
    question = Question(farmer_id, name, currency, document)
    answer = ask_bureau(acting.centre, question, acting.by)
    show(encode(answer), _told(answer), as_json=as_json)


@bureau.command("show")
@config_option
@click.argument("farmer_id", required=False)
@json_option
@click.pass_context
def show_(context: click.Context, *, config: Path, farmer_id: str | None, as_json: bool) -> None:
    """The extracts that are here, or every question about a farmer with its answer."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        if farmer_id is None:
            files = kept.files_of(tx)
            told = [f"{each.bureau}  {each.as_of}  {each.rows_count} people" for each in files]
            result = {"files": [encode(each) for each in files]}
        else:
            answers = kept.answers_of(tx, farmer_id)
            told = [_told(each) for each in answers]
            result = {"answers": [encode(each) for each in answers]}
    if farmer_id is not None and answers:
        note(centre, _LOOK, farmer_id)
    show(result, "\n".join(told) or "Nothing is here.", as_json=as_json)


@bureau.command("report")
@config_option
@click.argument("name")
@click.option("--out", type=_FOLDER, required=True, help="The folder to write the file to.")
@json_option
@click.pass_context
def report(context: click.Context, *, config: Path, name: str, out: Path, as_json: bool) -> None:
    """Write the lender's own report to a bureau, of farmers who consented to it."""
    made = report_to(centre_of(context, config), name)
    out.mkdir(parents=True, exist_ok=True)
    (out / made.name).write_bytes(made.data)
    (out / f"{made.name}.manifest.json").write_bytes(made.manifest)
    result = {"file": made.name, "rows_count": made.rows_count, "left_out": made.left_out_count}
    sentence = f"{made.name}: {made.rows_count} people; {made.left_out_count} without consent."
    show(result, sentence, as_json=as_json)


def _told(answer: kept.BureauAnswer) -> str:
    if answer.dues_minor is None or answer.liens_minor is None:
        return f"{answer.bureau} has delivered no extract yet: nothing is known."
    dues = format_money(answer.dues_minor, answer.currency)
    liens = format_money(answer.liens_minor, answer.currency)
    return (
        f"{answer.bureau} as of {answer.as_of}: {answer.outcome}, dues {dues}, liens {liens}, "
        f"under consent {answer.consent_id}."
    )


def _identity(path: Path | None) -> Identity | None:
    if path is None:
        return None
    try:
        return decode(Identity, json.loads(read_input(path)))
    except (ValueError, ShapeError) as error:
        raise RequestError(f"expected a public key file at {path}: {error}") from error
