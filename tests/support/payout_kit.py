"""Lines whose draws rails pay, payees with accounts, and rails of every kind, for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.lending.payout import PayeeKind, instruction_id
from core.lending.product import Product
from core.shape import encode
from server.config import Settings, settings_text
from server.keys import write_key_pair, write_secret
from server.services import enrolment
from server.services.audit.run import audit
from server.services.hooks.signature import secret_text, signed_headers
from server.services.origination import open_lines
from server.services.payouts.accounts import Account, Scheme
from server.services.payouts.loading import load_rails
from server.services.payouts.payees import confirm_payee, set_payee
from server.services.payouts.rails import Rails
from server.services.payouts.reading import take_call
from server.store import ledger, lines, payouts
from server.store.lines import Line
from server.store.payouts import Payout
from server.store.people import Actor, Role
from tests.support.centre_kit import ENROLLED, TESTER, Kit, product_of
from tests.support.kiosk_kit import deliver, draw, leases_at_station
from tests.support.policies import put_in_force
from tests.support.web_receiver import Answer, Posted

GRACE, HENRY = Actor("grace", "supervisor"), Actor("henry", "supervisor")
SUPPLIER = "migori-agrovet"
SECRET = b"r" * 32
AGROVET = Account("Migori Agrovet Ltd", Scheme.ACCOUNT, "01002003004", "KCBLKENX")
FARMER_B = Account("Name B", Scheme.PHONE, "+254700000002")
AMOUNT = 500_000
PASSWORD = "a long enough password"

RAILS = """
[[rails]]
name = "bank"
kind = "iso20022"
currency = "KES"
amount_minor_max = 10_000_000
wait_s = 0
folder = "to-bank"
[rails.debtor]
name = "Lender Ltd"
scheme = "account"
number = "9900112233"
bank = "KCBLKENX"

[[rails]]
name = "files"
kind = "file"
currency = "KES"
amount_minor_max = 10_000_000
wait_s = 0
folder = "to-sacco"

[[rails]]
name = "mobile"
kind = "webhook"
currency = "KES"
amount_minor_max = 10_000_000
address = "{address}"
secret_file = "mobile.secret"
allow_private = true
timeout_s = 30
"""


def set_up_rails(folder: Path, address: str = "http://127.0.0.1:9/in", text: str = RAILS) -> Rails:
    """The rails of a folder, their folders and secrets made."""
    for name in ("to-bank", "to-sacco"):
        (folder / name).mkdir(exist_ok=True)
    secret = folder / "mobile.secret"
    secret.write_text(secret_text(SECRET), encoding="ascii")
    secret.chmod(0o600)
    path = folder / "rails.toml"
    path.write_text(text.replace("{address}", address), encoding="utf-8")
    return load_rails(path)


def to_account() -> Product:
    """A product that pays to the farmer's own account."""
    return replace(product_of("crop-season"), product_id="to-account", to_account=True)


def line_of(kit: Kit, product: Product) -> Line:
    """Farmer B's line of a product, which is the kit's own from now on."""
    kit.product = product
    put_in_force(kit.centre, product, TESTER)
    open_lines(kit.centre, product.product_id, 1_000_000, ENROLLED, TESTER)
    kit.station.pull(kit.centre)
    found: tuple[Line, ...] = kit.read(lines.of_farmer, "farmer-b")
    return next(each for each in found if each.product_id == product.product_id)


def draw_on(kit: Kit, line: Line, draw_id: str = "draw-1", amount: int = AMOUNT) -> Payout:
    """A posted draw of a line, and its payout."""
    lease = next(each for each in leases_at_station(kit) if each.line_id == line.line_id)
    draw(kit, draw_id, line.line_id, lease.lease_id, amount)
    deliver(kit)
    made: tuple[Payout, ...] = kit.read(payouts.of_line, line.line_id)
    [found] = [each for each in made if each.draw_id == draw_id]
    return found


def with_account(
    kit: Kit, rail: str, account: Account = AGROVET, payee: tuple[PayeeKind, str] | None = None
) -> None:
    """Give a payee an account, by two officers."""
    whom = payee or (PayeeKind.SUPPLIER, SUPPLIER)
    set_payee(kit.centre, whom, (rail, account), GRACE, "contract 12")
    confirm_payee(kit.centre, whom, account, HENRY)


def current(kit: Kit, payout: Payout) -> Payout:
    """A payout as it stands now."""
    found: Payout | None = kit.read(payouts.find, payout.payout_id)
    assert found is not None
    return found


@dataclass
class PaymentService:
    """A payment service that pays an instruction once, however often it is told."""

    now_ms: Callable[[], int]
    status: str = "paid"
    paid: dict[str, int] | None = None
    changes: dict[str, Any] | None = None

    def __call__(self, posted: Posted) -> Answer:
        said = json.loads(posted.body)
        books = self.paid = self.paid if self.paid is not None else {}
        if self.status == "paid":
            books.setdefault(said["instruction_id"], said["amount_minor"])
        body = said_body(said["instruction_id"], self.status, said["amount_minor"],
                         **self.changes or {})  # fmt: skip
        headers = signed_headers(SECRET, said["instruction_id"], self.now_ms(), body)
        return Answer(200, body, headers)


def said_body(instruction: str, status: str, amount_minor: int = AMOUNT, **changes: Any) -> bytes:
    """What a payment service says of an instruction."""
    said = {
        "instruction_id": instruction,
        "status": status,
        "amount_minor": amount_minor,
        "currency": "KES",
        "reference": "MP-1",
        "reason": "",
    }
    return json.dumps({**said, **changes}).encode()


def settings_file(kit: Kit, database_url: str, folder: Path) -> Path:
    """A settings file for commands on the kit's own database, with two officers."""
    own = kit.centre.settings
    write_key_pair(folder / "centre.key", own.name, bytes([1]) * 32, bytes([101]) * 32)
    secret = folder / "session.secret"
    if not secret.exists():
        write_secret(secret, b"5" * 64)
    path = folder / "server.toml"
    settings = Settings(name=own.name, tenant_id=own.tenant_id, database_url=database_url,
                        key_file="centre.key", session_secret_file=secret.name)  # fmt: skip
    path.write_text(settings_text(settings), encoding="utf-8")
    (folder / "password").write_text(PASSWORD, encoding="utf-8")
    for officer in (GRACE, HENRY):
        enrolment.add_user(kit.centre, officer.name, PASSWORD, Role.SUPERVISOR, TESTER)
    return path


def account_file(path: Path, account: Account) -> Path:
    """An account as an officer types it."""
    rows = [f'{name} = "{value}"' for name, value in encode(account).items()]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


OWED = f"payable/supplier/{SUPPLIER}"
CHECKS = ("books", "payouts", "payables", "accounts", "sums", "causes", "trail")


def balance(kit: Kit, account: str) -> int:
    found: int = kit.read(ledger.account_balance, account, "KES")
    return found


def holds(kit: Kit) -> None:
    found = audit(kit.centre, CHECKS)
    assert found.holds, found.first


def events(kit: Kit, payout: Payout) -> list[str]:
    return [each.event.value for each in kit.read(payouts.steps_of, payout.payout_id)]


def told(payout: Payout, attempt: int = 1) -> str:
    return instruction_id(payout.payout_id, attempt)


def call(kit: Kit, rails, body: bytes, message_id: str = "m1", **changes):
    headers = signed_headers(SECRET, message_id, kit.clock.at_ms, body)
    return take_call(kit.centre, rails, "mobile", {**headers, **changes}, body)


def csv_of(*rows: str) -> bytes:
    head = "instruction_id,outcome,amount,currency,reference,reason"
    return "\r\n".join((head, *rows, "")).encode()
