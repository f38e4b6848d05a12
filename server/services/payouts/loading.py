"""The rails that are set up here, from ``rails.toml``; their secrets lie in files of their own."""

from __future__ import annotations

import tomllib
from pathlib import Path

from core.errors import HarvestlineError
from core.shape import decode
from server.services.centre import RequestError
from server.services.hooks.door import require_address
from server.services.hooks.signature import read_secret
from server.services.hooks.subscribing import NAME
from server.services.payouts.accounts import Account, require_account
from server.services.payouts.file_rail import FileRail
from server.services.payouts.iso_rail import IsoRail
from server.services.payouts.rails import Rail, RailError, RailKind, Rails, RailTerms
from server.services.payouts.webhook_rail import WebhookRail

RAILS_MAX = 100
SECRET_MODE_OTHERS = 0o077
WAIT_S_MAX = 7 * 86_400
BATCH_MAX = 10_000
TIMEOUT_S_MAX = 120
AMOUNT_MINOR_MAX = 10**12


def load_rails(path: Path) -> Rails:
    """The rails by name; none if there is no such file.

    Raises
    ------
    RailError
        If the file cannot be read, or a rail's terms cannot be; the message says which.
    """
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RailError(f"expected a TOML file of rails at {path}: {error}") from error
    tables = found.get("rails")
    if set(found) - {"rails"} or not isinstance(tables, list) or len(tables) > RAILS_MAX:
        raise RailError(f"expected at most {RAILS_MAX} tables [[rails]] in {path}, and no other")
    rails: dict[str, Rail] = {}
    for table in tables:
        rail = _rail(table, path.resolve().parent)
        if rail.terms.name in rails:
            raise RailError(f"expected each rail once in {path}, got {rail.terms.name} twice")
        rails[rail.terms.name] = rail
    return rails


def _rail(table: object, folder: Path) -> Rail:
    try:
        terms = decode(RailTerms, table)
    except HarvestlineError as error:
        raise RailError(f"a rail's terms cannot be: {error}") from error
    _require_bounds(terms)
    make = {
        RailKind.FILE: _file_rail,
        RailKind.ISO20022: _iso_rail,
        RailKind.WEBHOOK: _webhook_rail,
    }
    return make[terms.kind](terms, folder)


def _require_bounds(terms: RailTerms) -> None:
    name = terms.name
    bounds = (
        ("amount_minor_max", terms.amount_minor_max, 1, AMOUNT_MINOR_MAX),
        ("alone_minor_max", terms.alone_minor_max, 0, AMOUNT_MINOR_MAX),
        ("wait_s", terms.wait_s, 0, WAIT_S_MAX),
        ("batch_max", terms.batch_max, 1, BATCH_MAX),
        ("timeout_s", terms.timeout_s, 1, TIMEOUT_S_MAX),
    )
    if NAME.fullmatch(name) is None:
        raise RailError(f"expected a rail's name of a-z, 0-9, . _ -, got {name[:80]!r}")
    if not (len(terms.currency) == 3 and terms.currency.isascii() and terms.currency.isupper()):
        raise RailError(f"rail {name}: expected a currency such as KES")
    for field, value, low, high in bounds:
        if value is not None and not low <= value <= high:
            raise RailError(f"rail {name}: expected {field} from {low} to {high}, got {value}")


def _file_rail(terms: RailTerms, folder: Path) -> Rail:
    return FileRail(terms, _folder(terms, folder))


def _iso_rail(terms: RailTerms, folder: Path) -> Rail:
    debtor = terms.debtor
    if debtor is None or not debtor.bank:
        raise RailError(f"rail {terms.name}: expected [rails.debtor] with the lender's account")
    try:
        require_account(Account(debtor.name, debtor.scheme, debtor.number, debtor.bank))
    except RequestError as error:
        raise RailError(f"rail {terms.name}: debtor: {error}") from error
    return IsoRail(terms, _folder(terms, folder), debtor)


def _webhook_rail(terms: RailTerms, folder: Path) -> Rail:
    if terms.address is None or terms.secret_file is None:
        raise RailError(f"rail {terms.name}: expected an address and a secret_file")
    try:
        require_address(terms.address, allow_private=terms.allow_private or False)
        path = folder / terms.secret_file
        return WebhookRail(terms, terms.address, read_secret(read_secret_file(path)))
    except RequestError as error:
        raise RailError(f"rail {terms.name}: {error}") from error


def _folder(terms: RailTerms, folder: Path) -> Path:
    if terms.folder is None:
        raise RailError(f"rail {terms.name}: expected a folder")
    found = folder / terms.folder
    if not found.is_dir():
        raise RailError(f"rail {terms.name}: expected a folder at {found}: make it, mode 0700")
    return found


def read_secret_file(path: Path) -> str:
    """The text of a secret's file, which nobody else may read.

    Raises
    ------
    RequestError
        If it cannot be read, or others can read it.
    """
    try:
        if path.stat().st_mode & SECRET_MODE_OTHERS:
            raise RequestError(f"{path} can be read by others: run chmod 600 on it")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"expected a secret's file at {path}: {error}") from error
