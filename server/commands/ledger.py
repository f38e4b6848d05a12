"""``audit`` and ``ledger``: check the books, their rules as dated data, the day's root."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from core.shape import encode
from core.units import civil_day, format_money
from server.commands.hands import OPERATOR, centre_of, config_option, json_option, read_input, show
from server.services.audit.finding import Finding
from server.services.audit.run import CHECKS, Checked
from server.services.audit.run import audit as audit_books
from server.services.centre import Centre, RequestError, Work
from server.services.dayroots import prove, sign_day
from server.store import heads, people, rulebooks
from server.store.rulebooks import RuleKind, Rules

EXIT_FAULTS = 4
RULES_BYTES_MAX = 1024 * 1024
_FILE = click.Path(path_type=Path, dir_okay=False)
_ON = click.option("--on", "day", default="", help="The day to look at, YYYY-MM-DD; else today.")


@click.command("audit")
@config_option
@click.option(
    "--only", "only", multiple=True, metavar="CHECK", help=f"Of {', '.join(CHECKS)}; else all."
)
@json_option
@click.pass_context
def audit(context: click.Context, *, config: Path, only: tuple[str, ...], as_json: bool) -> None:
    """Check the books from end to end; exit code 4 names the first bad record.

    Sums and seals of the ledger, its chains, the logs and the heads that stations signed,
    the daily roots, leases (never a unit over), draws, limits and decision cards decided
    again. Reads in bounded memory and changes nothing.
    """
    found = audit_books(centre_of(context, config), only)
    lines = [_line(each) for each in found.checks]
    lines += [_named(each) for checked in found.checks for each in checked.findings]
    lines.append("All holds." if found.holds else f"FIRST BAD RECORD  {_told(found.first)}")
    result = {"ok": found.holds, "first": encode(found.first), "checks": encode(found.checks)}
    show(result, "\n".join(lines), as_json=as_json)
    if not found.holds:
        sys.exit(EXIT_FAULTS)


def _line(checked: Checked) -> str:
    wrong = f"{checked.faults_count} wrong" if checked.faults_count else "holds"
    return f"{checked.check:<9} {checked.looked_count:>9}  {wrong:<10}  {checked.about}"


def _named(finding: Finding) -> str:
    return f"FAULT  {finding.check}: {_told(finding)}"


def _told(finding: Finding | None) -> str:
    if finding is None:
        return ""
    where = f"{finding.table} {finding.record_id}"
    return f"{where}: expected {finding.expected}, found {finding.found}"


@click.group("ledger")
def ledger() -> None:
    """The books' rules as dated data, and the root that is signed once a day."""


@ledger.group("chart")
def chart() -> None:
    """The chart of accounts: which accounts the books may move, and what each is."""


@ledger.group("provisioning")
def provisioning() -> None:
    """The provisioning rules: stages, and what goes into the expected loss."""


def _on(centre: Centre, day: str) -> str:
    return day or civil_day(centre.now_ms()).isoformat()


@chart.command("show")
@config_option
@_ON
@json_option
@click.pass_context
def show_chart(context: click.Context, *, config: Path, day: str, as_json: bool) -> None:
    """The chart that is in force on a day."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = rulebooks.chart_on(rulebooks.charts(tx), _on(centre, day))
    words = [f"Version {found.version}, in force from {found.effective_from}."]
    words += [f"{a.code:<6} {a.kind.value:<10} {a.path:<18} {a.name}" for a in found.accounts]
    show(encode(found), "\n".join(words), as_json=as_json)


@provisioning.command("show")
@config_option
@_ON
@json_option
@click.pass_context
def show_provisioning(context: click.Context, *, config: Path, day: str, as_json: bool) -> None:
    """The provisioning rules that are in force on a day."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = rulebooks.provisioning_on(tx, _on(centre, day))
    body: dict[str, Any] = encode(found)
    words = [f"{name:<20} {value}" for name, value in body.items() if name != "lgd"]
    words += [f"lgd {each.product_id:<16} {each.lgd_ppm}" for each in found.lgd]
    show(body, "\n".join(words), as_json=as_json)


def _add(kind: RuleKind) -> click.Command:
    """The command that adds a version of rules of a kind."""

    @click.command("add")
    @config_option
    @click.argument("file", metavar="RULES.toml", type=_FILE)
    @json_option
    @click.pass_context
    def add(context: click.Context, *, config: Path, file: Path, as_json: bool) -> None:
        """Add the next version from a TOML file; earlier days keep theirs."""
        centre = centre_of(context, config)
        rules = rulebooks.parse_rules(kind, _table(file))
        is_new = _keep(centre, kind, rules)
        result = {"version": rules.version, "effective_from": rules.effective_from, "new": is_new}
        words = "is in force from" if is_new else "was known already, from"
        sentence = f"{kind.value} version {rules.version} {words} {rules.effective_from}."
        show(result, sentence, as_json=as_json)

    return add


def _keep(centre: Centre, kind: RuleKind, rules: Rules) -> bool:
    def act(work: Work) -> bool:
        is_new = rulebooks.add(work.tx, kind, rules, (work.at_ms, OPERATOR.name))
        if is_new:
            detail = {"version": rules.version, "effective_from": rules.effective_from}
            subject = ("rules", kind.value)
            people.record(work.tx, work.at_ms, OPERATOR, "rules_added", subject, detail)
        return is_new

    return centre.write(act)


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_input(file, RULES_BYTES_MAX).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"expected rules in TOML at {file}: {error}") from error


def _versions(kind: RuleKind) -> click.Command:
    """The command that lists the versions of rules of a kind."""

    @click.command("versions")
    @config_option
    @json_option
    @click.pass_context
    def versions(context: click.Context, *, config: Path, as_json: bool) -> None:
        """Every version, with its day, its hash and who added it."""
        with centre_of(context, config).store.reading() as tx:
            found = rulebooks.versions(tx, kind)
        rows = [
            {
                "version": each.rules.version,
                "effective_from": each.rules.effective_from,
                "sha256": each.sha256,
                "added_by": each.added_by,
                "added_at_ms": each.added_at_ms,
            }
            for each in found
        ]
        words = [
            f"{row['version']:>3}  from {row['effective_from']}  {str(row['sha256'])[:16]}…  "
            f"by {row['added_by']}"
            for row in rows
        ]
        show({"versions": rows}, "\n".join(words), as_json=as_json)

    return versions


@ledger.group("joint")
def joint() -> None:
    """What is allowed of loans that several lenders carry together."""


@ledger.group("concentration")
def concentration() -> None:
    """The caps on how the book is spread over crops, villages and weather cells."""


@concentration.command("show")
@config_option
@_ON
@json_option
@click.pass_context
def show_concentration(context: click.Context, *, config: Path, day: str, as_json: bool) -> None:
    """The caps that are in force on a day."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = rulebooks.concentration_on(tx, _on(centre, day))
    words = [f"Version {found.version}, in force from {found.effective_from}: {found.source}."]
    words += [
        f"{cap.dimension.value:<8} {cap.bucket or 'each':<24} "
        + (f"{cap.share_ppm / 10_000:g} %" if cap.share_ppm is not None
           else format_money(cap.amount_minor or 0, cap.currency or ""))
        for cap in found.caps
    ]  # fmt: skip
    show(encode(found), "\n".join(words), as_json=as_json)


for _group, _kind in (
    (chart, RuleKind.CHART),
    (provisioning, RuleKind.PROVISIONING),
    (joint, RuleKind.JOINT),
    (concentration, RuleKind.CONCENTRATION),
):
    _group.add_command(_add(_kind))
    _group.add_command(_versions(_kind))


@ledger.group("root")
def root() -> None:
    """The root over the heads of all logs, signed once a day."""


@root.command("sign")
@config_option
@json_option
@click.pass_context
def sign_root(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Sign today's root now, if no envelope has brought it about yet."""
    found = centre_of(context, config).write(sign_day)
    result = {"day": found.day, "root": found.root, "heads": found.heads_count} if found else {}
    sentence = (
        f"Signed the root of {found.day} over {found.heads_count} heads: {found.root}"
        if found
        else "Today has its root already, or there is nothing yet to sign."
    )
    show(result, sentence, as_json=as_json)


@root.command("list")
@config_option
@json_option
@click.pass_context
def list_roots(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Every day's root: what to print, to publish, or to give to an auditor to keep."""
    with centre_of(context, config).store.reading() as tx:
        found = [
            {"day": each.day, "seq": each.seq, "root": each.root, "sha256": each.sha256,
             "heads": each.heads_count}
            for each in heads.roots(tx)
        ]  # fmt: skip
    words = [f"{row['day']}  {row['root']}  {row['heads']} heads" for row in found]
    show({"roots": found}, "\n".join(words) or "No root is signed yet.", as_json=as_json)


@root.command("prove")
@config_option
@click.option("--day", required=True, help="The day of the root, YYYY-MM-DD.")
@click.option("--log", default="ledger", show_default=True)
@click.option("--writer", required=True)
@json_option
@click.pass_context
def prove_head(
    context: click.Context, *, config: Path, day: str, log: str, writer: str, as_json: bool
) -> None:
    """Show that a writer's head stood under a day's root: the hashes that lead there."""
    found = prove(centre_of(context, config), day, log, writer)
    head = found.head
    words = [f"{head.log} of {head.writer}: record {head.seq}, {head.hash}",
             *(f"  with {each}" for each in found.proof),
             f"leads to the root of {found.day}: {found.root}" if found.holds
             else "does not lead to the root"]  # fmt: skip
    show({**encode(found), "holds": found.holds}, "\n".join(words), as_json=as_json)
    if not found.holds:
        sys.exit(EXIT_FAULTS)
