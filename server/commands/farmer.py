"""``farmer``: what one person has agreed to, who looked at their data, and all that is kept."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from core.canonical import canonical_bytes, sha256_hex
from core.shape import encode
from core.wire.consents import granted_names
from core.wire.personal_data import ASKS, DataClass, Purpose, Recipient
from core.wire.records import ConsentAction
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.commands.officers import Acting, acting
from server.commands.words import show_told
from server.services.centre import RequestError, Work
from server.services.consents.exported_page import page
from server.services.consents.exporting import export
from server.services.consents.looks import COMMAND, Look, note_in, summary
from server.services.consents.taking import used_in_the_meantime, write_consent
from server.services.consents.using import who_allows
from server.services.erasing import tell_erasure
from server.store import people, registry, reports
from server.store.people import Role

FILE_MODE = 0o600  # it holds all that is known of a person


@click.group("farmer")
def farmer() -> None:
    """One farmer's consents, the looks at their data, and their own copy of it."""


@click.command("erase")
@acting()
@click.argument("farmer_id")
@click.option("--reason", required=True, help="Why, as the farmer's letter says; it is kept.")
@json_option
def erase(*, acting: Acting, farmer_id: str, reason: str, as_json: bool) -> None:
    """Tell that a person's data is to be erased; another supervisor confirms it.

    Refused while a loan is open or anything is owed. What is kept, and why, stands in the
    page on privacy.
    """
    told = acting.centre.write(lambda work: tell_erasure(work, farmer_id, (acting.by, reason)))
    show_told(told, as_json=as_json)


@farmer.command("consents")
@config_option
@json_option
@click.argument("farmer_id")
@click.pass_context
def consents_(context: click.Context, *, config: Path, as_json: bool, farmer_id: str) -> None:
    """What a farmer allows now, by which consents, and every consent as it was written."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        registry.farmer(tx, farmer_id)
        kept = reports.consents_of(tx, farmer_id)
        facts = reports.facts_of(tx, farmer_id)
    given = granted_names(facts, farmer_id, Recipient.LENDER.value)
    result = {
        "farmer_id": farmer_id,
        "allowed": {name: list(ids) for name, ids in given.items()},
        "consents": [
            {**encode(each.consent), "written_by": each.writer, "at_ms": each.at_ms}
            for each in kept
        ],
    }
    told = "\n".join(f"{name}: {', '.join(ids)}" for name, ids in given.items())
    show(result, told or f"{farmer_id} allows nothing that needs a consent.", as_json=as_json)


@farmer.command("consent")
@acting(Role.LENDER, Role.SUPERVISOR)
@json_option
@click.argument("action", type=click.Choice([each.value for each in ConsentAction]))
@click.argument("farmer_id")
@click.argument("names", nargs=-1, required=True, type=click.Choice(sorted(ASKS)))
def consent_(
    *, acting: Acting, as_json: bool, action: str, farmer_id: str, names: tuple[str, ...]
) -> None:
    """Write down what a farmer grants or withdraws at the office, or on paper."""
    written = acting.centre.write(
        lambda work: write_consent(work, farmer_id, names, ConsentAction(action), acting.by)
    )
    sentence = f"{action} of {', '.join(written.purposes)} is written as {written.consent_id}."
    show(encode(written), sentence, as_json=as_json)


@farmer.command("who")
@config_option
@json_option
@click.argument("name", type=click.Choice(sorted(ASKS)))
@click.pass_context
def who(context: click.Context, *, config: Path, as_json: bool, name: str) -> None:
    """Who allows a use now, and by which consents: whose records may train a model."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        every = [each.farmer_id for each in registry.all_farmers(tx)]
        found = who_allows(tx, every, name)
    result = {"name": name, "farmers": {key: list(ids) for key, ids in found.items()}}
    sentence = f"{len(found)} of {len(every)} farmers allow {name}."
    show(result, sentence, as_json=as_json)


@farmer.command("meantime")
@config_option
@json_option
@click.argument("consent_id")
@click.argument("farmer_id")
@click.pass_context
def meantime(
    context: click.Context, *, config: Path, as_json: bool, consent_id: str, farmer_id: str
) -> None:
    """What was made with a consent between its withdrawal and the withdrawal's arrival."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        work = centre.work(tx, centre.now_ms())
        known = {each.consent.consent_id: each for each in reports.consents_of(tx, farmer_id)}
        kept = known.get(consent_id)
        if kept is None or kept.consent.action is not ConsentAction.WITHDRAW:
            raise RequestError(f"expected a withdrawal of {farmer_id}, got {consent_id!r}")
        used = used_in_the_meantime(work, kept)
    result = {"consent_id": consent_id, "used": [asdict(each) for each in used]}
    told = "\n".join(f"{each.kind} {each.object_id}" for each in used)
    show(result, told or "Nothing was made with it in the meantime.", as_json=as_json)


@farmer.command("looks")
@config_option
@json_option
@click.argument("farmer_id")
@click.pass_context
def looks(context: click.Context, *, config: Path, as_json: bool, farmer_id: str) -> None:
    """Who looked at a farmer's data, as the farmer is told at the kiosk."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        registry.farmer(tx, farmer_id)
        found = summary(centre.work(tx, centre.now_ms()), farmer_id)
    told = "\n".join(
        f"{each.on} {each.role} {each.purpose} x{each.count}: {', '.join(each.classes)}"
        for each in found.looks
    )
    show(encode(found), told or "Nobody looked.", as_json=as_json)


@farmer.command("export")
@config_option
@json_option
@click.argument("farmer_id")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="The folder to write FARMER.json and FARMER.html to.")  # fmt: skip
@click.pass_context
def export_(
    context: click.Context, *, config: Path, as_json: bool, farmer_id: str, out: Path
) -> None:
    """Write all that is kept of a farmer, as JSON and as a page; the look is written down too."""
    centre = centre_of(context, config)
    look = Look(OPERATOR, Purpose.SERVICING, tuple(DataClass), COMMAND, "farmer export")
    with centre.store.reading() as tx:
        document = export(centre.work(tx, centre.now_ms()), farmer_id)
    data = canonical_bytes(document)
    subject, detail = ("farmer", farmer_id), {"sha256": sha256_hex(data)}

    def trace(work: Work) -> None:
        note_in(work, look, farmer_id)
        people.record(work.tx, work.at_ms, OPERATOR, "farmer_exported", subject, detail)

    centre.write(trace)
    out.mkdir(parents=True, exist_ok=True)
    files = {
        out / f"{_safe(farmer_id)}.json": json.dumps(document, indent=1, sort_keys=True),
        out / f"{_safe(farmer_id)}.html": page(document),
    }
    for path, text in files.items():
        path.touch(mode=FILE_MODE)
        path.write_text(text, encoding="utf-8")
    result = {"farmer_id": farmer_id, "sha256": sha256_hex(data), "files": [str(p) for p in files]}
    show(result, f"Written: {', '.join(str(path) for path in files)}.", as_json=as_json)


def _safe(farmer_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in farmer_id)[:100]
