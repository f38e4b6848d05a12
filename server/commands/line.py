"""``line``: one credit line, as of today or of any day before."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import click

from core.lending.account import Amounts
from core.lending.keyfacts import percent
from core.lending.relief import LossSeen, LossSource
from core.shape import encode
from core.units import PPM, civil_date, civil_day, format_money
from core.wire.personal_data import DataClass, Purpose
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, show
from server.commands.signed import Signed, reasoned_options
from server.commands.words import show_told
from server.services.centre import MS_PER_MINUTE, Centre, RequestError
from server.services.consents.looks import COMMAND, Look, note
from server.services.explaining import TermTold, explained, sources_told
from server.services.relief import tell_relief
from server.services.standing import zone_minutes
from server.services.statements import Statement, statement
from server.store import line_rates, lines
from server.store.lines import Line, LineMovement

_LOOK = Look(OPERATOR, Purpose.SERVICING, (DataClass.MONEY,), COMMAND, "line statement")
_REVIEWED = (DataClass.MONEY, DataClass.DECISIONS, DataClass.IMAGERY)
_REVIEW_LOOK = Look(OPERATOR, Purpose.SERVICING, _REVIEWED, COMMAND, "line review")
_RATES_LOOK = Look(OPERATOR, Purpose.SERVICING, (DataClass.DECISIONS,), COMMAND, "line rates")
FORMS = ("text", "json", "csv")
HEADINGS = (
    "on", "recorded_on", "what", "amount_minor", "penalty_minor", "fee_minor", "interest_minor",
    "principal_minor", "owed_minor",
)  # fmt: skip


@click.group("line")
def line() -> None:
    """One credit line and its account."""


@line.command("statement")
@config_option
@click.argument("line_id")
@click.option("--on", "on_text", default="", help="As of this day, YYYY-MM-DD; else today.")
@click.option(
    "--known", "known_text", default="",
    help="By what was written down up to this day, YYYY-MM-DD; else all that is known.",
)  # fmt: skip
@click.option("--form", type=click.Choice(FORMS), default="text", help="How to print it.")
@click.pass_context
def statement_(  # the command's own options
    context: click.Context,
    /,
    *,
    config: Path,
    line_id: str,
    on_text: str,
    known_text: str,
    form: str,
) -> None:
    """What happened on a line, what is owed, and what is to be paid when.

    A past statement can be had again: --on counts what had taken effect by a day, --known
    what had been written down by one, so that a fact that came late shows as what it is.
    """
    found = _statement(centre_of(context, config), line_id, on_text, known_text)
    written = {"text": _text, "json": _json, "csv": _csv}[form](found)
    click.echo(written, nl=not written.endswith("\n"))


def _statement(centre: Centre, line_id: str, on_text: str, known_text: str) -> Statement:
    with centre.store.reading() as tx:
        kept = lines.get(tx, line_id)
    note(centre, _LOOK, kept.farmer_id)
    with centre.store.reading() as tx:
        offset_ms = zone_minutes(tx, kept.farmer_id) * MS_PER_MINUTE
        today = civil_day(centre.now_ms(), offset_ms)
        on, known = (_day(text, today) for text in (on_text, known_text))
        return statement(tx, kept, on, known)


def _day(text: str, today: date) -> date:
    if not text:
        return today
    found = civil_date(text)
    if found is None or found > today:
        raise RequestError(f"expected a day as YYYY-MM-DD, at most {today}, got {text[:40]!r}")
    return found


def _text(found: Statement) -> str:
    told = [f"Line {found.line_id} as of {found.on}, by what was known on {found.known_on}"]
    if found.rows_left_out:
        told.append(f"  ({found.rows_left_out} older rows are left out)")
    told += [
        f"  {row.on}  {row.what:<7}{format_money(row.amount_minor, found.currency):>20}"
        f"  owed {format_money(row.owed.total_minor, found.currency):>18}"
        + (f"  written down {row.recorded_on}" if row.recorded_on > row.on else "")
        for row in found.rows
    ]
    told.append(f"Owed: {_parts(found.owed, found.currency)}")
    if found.late_days:
        late = format_money(found.late_minor, found.currency)
        told.append(f"Late: {late}, for {found.late_days} days")
    if found.surplus_minor or found.rebate_minor:
        back = format_money(found.surplus_minor + found.rebate_minor, found.currency)
        told.append(f"Belongs to the farmer: {back}")
    told += [
        f"  {'at once' if each.is_late else each.on}  {_parts(each.parts, found.currency)}"
        for each in found.ahead
    ]
    return "\n".join(told)


def _parts(owed: Amounts, currency: str) -> str:
    named = (
        ("principal", owed.principal_minor), ("interest", owed.interest_minor),
        ("fee", owed.fee_minor), ("penalty", owed.penalty_minor),
    )  # fmt: skip
    parts = ", ".join(f"{name} {format_money(part, currency)}" for name, part in named if part)
    return format_money(owed.total_minor, currency) + (f" ({parts})" if parts else "")


def _json(found: Statement) -> str:
    return json.dumps(encode(found), sort_keys=True, default=str)  # dates


def _csv(found: Statement) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(HEADINGS)
    for row in found.rows:
        table.writerow(_cells(row.on, row.recorded_on, (row.what, row.amount_minor), row.owed))
    table.writerow(_cells(found.on, found.known_on, ("owed", found.owed.total_minor), found.owed))
    return out.getvalue()


def _cells(on: date, recorded: date, what: tuple[str, int], owed: Amounts) -> list[Any]:
    parts = (owed.penalty_minor, owed.fee_minor, owed.interest_minor, owed.principal_minor)
    return [on, recorded, *what, *parts, owed.total_minor]


@line.command("review")
@config_option
@click.argument("line_id")
@click.option("--number", type=int, default=0, help="Of this movement; else the latest.")
@json_option
@click.pass_context
def review_(
    context: click.Context, *, config: Path, line_id: str, number: int, as_json: bool
) -> None:
    """Every term of a line's review: its number, what it rests on, its day, and which binds."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        kept = lines.get(tx, line_id)
        moves = lines.movements_of(tx, line_id)
        wanted = [m for m in moves if number in (0, m.seq)]
        if not wanted:
            raise RequestError(f"expected a movement from 1 to {len(moves)}, got {number}")
        moved = wanted[-1]
        told = explained(tx, kept, moved)
    note(centre, _REVIEW_LOOK, kept.farmer_id)
    result = {
        "line_id": line_id, "number": moved.seq, "movement": moved.movement.value,
        "as_of": moved.as_of, "limit_before_minor": moved.limit_before_minor,
        "limit_minor": moved.limit_minor, "terms": [encode(each) for each in told],
        "reasons": [encode(each) for each in moved.reasons], "sources": sources_told(moved),
    }  # fmt: skip
    show(result, _review_words(kept, moved, told), as_json=as_json)


def _review_words(kept: Line, moved: LineMovement, told: Sequence[TermTold]) -> str:
    def money(amount_minor: int) -> str:
        return format_money(amount_minor, kept.currency)

    before, after = money(moved.limit_before_minor), money(moved.limit_minor)
    head = f"Review {moved.seq} of {kept.line_id}, as of {moved.as_of}"
    words = [f"{head}: {moved.movement.value}, {before} to {after}"]
    words += [f"  {each.sentence()}" for each in moved.reasons]
    words += [f"  {name} is known by {' and '.join(by)}." for name, by in
              sources_told(moved).items()]  # fmt: skip
    words += [
        f"{'>' if each.binds else ' '} {each.sign:<6} {money(each.amount_minor):>20}  {each.on}"
        f"  {each.words} ({each.source})"
        for each in told
    ]
    return "\n".join(words if told else [*words, "  Too little was known for any term."])


@line.command("rates")
@config_option
@click.argument("line_id")
@json_option
@click.pass_context
def rates(context: click.Context, *, config: Path, line_id: str, as_json: bool) -> None:
    """The rates of a line's new money by its risk, review by review; what was drawn keeps its."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        kept = lines.get(tx, line_id)
        found = line_rates.of_line(tx, line_id)
    note(centre, _RATES_LOOK, kept.farmer_id)
    told = [
        f"{each.effective_on}  {percent(each.rated.rate_ppm)} a year, risk "
        f"{percent(each.pd_ppm)} by {each.source}: {each.reasons[0].sentence()}"
        for each in found
    ]
    result = {"rates": [encode(each) for each in found]}
    show(result, "\n".join(told) or "The product's own rate holds.", as_json=as_json)


@line.command("relief")
@config_option
@click.argument("line_id")
@click.option(
    "--seen", "seen_texts", multiple=True, required=True, metavar="SOURCE=REFERENCE=PERCENT",
    help="What saw the loss: imagery, weather_index or visit; what finds it; how much is lost.",
)  # fmt: skip
@reasoned_options
@json_option
@click.pass_context
def relief(
    context: click.Context,
    /,
    *,
    config: Path,
    line_id: str,
    seen_texts: tuple[str, ...],
    signed: Signed,
    as_json: bool,
) -> None:
    """Tell that a verified loss puts off what a line owes; another person confirms it.

    A visit counts by itself; else imagery and a weather index must both speak, and the lower
    loss counts. What a scene, or an agent's visit that came here, is cited for it must show. The
    product's bands say until when nothing is due; the farmer sees the new days at the kiosk with
    the station's next link.
    """
    centre = centre_of(context, config)
    said = (signed.officer(centre), signed.reason)
    seen = [_seen(text) for text in seen_texts]
    told = centre.write(lambda work: tell_relief(work, line_id, seen, said))
    show_told(told, as_json=as_json)


def _seen(text: str) -> LossSeen:
    source, _, rest = text.partition("=")
    reference, _, percent = rest.rpartition("=")
    known = {each.value: each for each in LossSource}
    if source not in known or not reference or not percent.isdecimal() or len(percent) > 3:
        raise RequestError(
            "expected SOURCE=REFERENCE=PERCENT such as visit=v-17=45, the source one of "
            f"{', '.join(known)}, got {text[:80]!r}"
        )
    return LossSeen(known[source], reference, int(percent) * PPM // 100)
