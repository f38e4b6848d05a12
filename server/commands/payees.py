"""``payout payee``: whose account money goes to, by two officers."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from core.errors import HarvestlineError
from core.lending.payout import PayeeKind
from core.shape import decode
from server.commands.hands import centre_of, config_option, json_option, read_input, show
from server.commands.signed import Signed, reasoned_options, signed_options
from server.services.centre import RequestError
from server.services.payouts.accounts import Account
from server.services.payouts.payees import Payee, confirm_payee, set_payee, stop_payee
from server.store import payees
from server.store.payees import PayeeRow
from server.store.people import Role

F = TypeVar("F", bound=Callable[..., Any])
ACCOUNT_BYTES_MAX = 4096
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("payee")
def payee() -> None:
    """Whose account money goes to: one officer sets it, another confirms it.

    The second officer brings the account in a file of their own, typed from the contract
    and not copied from the first: the two must be the same. While an account that was set
    is not confirmed, nothing is sent to its payee. Numbers are kept sealed.
    """


def _read_account(file: Path) -> Account:
    try:
        found = tomllib.loads(read_input(file, ACCOUNT_BYTES_MAX).decode("utf-8"))
        return decode(Account, found)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RequestError(f"expected an account in TOML in {file}") from error
    except RequestError:
        raise
    except HarvestlineError as error:
        raise RequestError(f"expected name, scheme, number and bank in {file}") from error


def _whom(command: F) -> F:
    """Add the payee's kind and id; the command is given both as ``whom``."""

    @functools.wraps(command)
    def with_payee(*, kind: str, payee_id: str, **others: Any) -> Any:
        return command(whom=(PayeeKind(kind), payee_id), **others)

    kinds = click.Choice([each.value for each in PayeeKind])
    named = click.argument("payee_id")(with_payee)
    return cast("F", click.argument("kind", type=kinds)(named))


_account = click.option(
    "--account-file", "account", type=_FILE, required=True,
    callback=lambda _context, _option, value: _read_account(value),
    help="TOML with name, scheme (iban, account or phone), number and bank.",
)  # fmt: skip


def _told(row: PayeeRow) -> dict[str, object]:
    return {
        "payee_kind": row.payee_kind.value,
        "payee_id": row.payee_id,
        "seq": row.seq,
        "event": row.event,
        "rail": row.rail,
        "account": row.masked,
        "at_ms": row.at_ms,
        "actor": row.actor,
        "reason": row.reason,
    }


def _say(row: PayeeRow) -> str:
    whom = f"{row.payee_kind.value} {row.payee_id}"
    return f"{whom}: {row.masked} by {row.rail}, {row.event} by {row.actor}"


@payee.command("list")
@config_option
@json_option
@click.pass_context
def list_payees(context: click.Context, *, config: Path, as_json: bool) -> None:
    """Every word about every payee, the account's number masked."""
    centre = centre_of(context, config)
    with centre.store.reading() as tx:
        found = payees.every_payee(tx)
    told = "\n".join(_say(each) for each in found) or "No payees."
    show({"payees": [_told(each) for each in found]}, told, as_json=as_json)


@payee.command("set")
@config_option
@_whom
@click.option("--rail", required=True, help="The rail of rails.toml that carries it there.")
@_account
@reasoned_options
@json_option
@click.pass_context
def set_(
    context: click.Context, *, config: Path, whom: Payee, rail: str, account: Account,
    signed: Signed, as_json: bool,
) -> None:  # fmt: skip
    """Set the account of a supplier or a farmer; another officer has to confirm it."""
    centre = centre_of(context, config)
    by = signed.officer(centre, (Role.LENDER, Role.SUPERVISOR))
    row = set_payee(centre, whom, (rail, account), by, signed.reason)
    show(_told(row), _say(row) + "; another officer confirms it.", as_json=as_json)


@payee.command("confirm")
@config_option
@_whom
@_account
@signed_options
@json_option
@click.pass_context
def confirm(
    context: click.Context, *, config: Path, whom: Payee, account: Account, signed: Signed,
    as_json: bool,
) -> None:  # fmt: skip
    """Confirm the account that another officer set; what waits for it is sent."""
    centre = centre_of(context, config)
    row = confirm_payee(centre, whom, account, signed.officer(centre))
    show(_told(row), _say(row) + ".", as_json=as_json)


@payee.command("stop")
@config_option
@_whom
@reasoned_options
@json_option
@click.pass_context
def stop(
    context: click.Context, *, config: Path, whom: Payee, signed: Signed, as_json: bool
) -> None:
    """Send nothing more to a payee until an account is set and confirmed anew."""
    centre = centre_of(context, config)
    by = signed.officer(centre, (Role.LENDER, Role.SUPERVISOR))
    row = stop_payee(centre, whom, by, signed.reason)
    show(_told(row), _say(row) + ".", as_json=as_json)
