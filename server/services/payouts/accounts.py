"""An account that money can go to: its holder, its number and its bank, held against rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from server.services.centre import RequestError

NAME_CHARS_MAX = 140  # ISO 20022 Max140Text
SHOWN_CHARS = 4
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9/-]{3,33}")  # ISO 20022 Max34Text
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
_BANK = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")  # ISO 9362
_MEMBER = re.compile(r"[A-Za-z0-9]{1,35}")
_FORMULA = ("=", "+", "-", "@")  # what a spreadsheet would reckon with


class Scheme(Enum):
    """What an account's number is a number of."""

    IBAN = "iban"
    ACCOUNT = "account"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Account:
    """Where money goes; personal, so it is kept sealed and shown masked.

    ``bank`` is a BIC, or the number by which the country's clearing knows the bank;
    empty for a telephone's account.
    """

    name: str
    scheme: Scheme
    number: str
    bank: str = ""

    @property
    def masked(self) -> str:
        """What people may see of it."""
        shown = self.number[-SHOWN_CHARS:] if len(self.number) > 2 * SHOWN_CHARS else ""
        return f"{self.scheme.value} …{shown}"

    @property
    def has_bic(self) -> bool:
        """Whether the bank is named by its BIC."""
        return _BANK.fullmatch(self.bank) is not None


def require_account(account: Account) -> Account:
    """The account, if money can go there.

    Raises
    ------
    RequestError
        If its name, number or bank cannot be; the number is not shown.
    """
    name = account.name
    if not 0 < len(name) <= NAME_CHARS_MAX or not name.isprintable() or name != name.strip():
        raise RequestError(f"expected a name of 1 to {NAME_CHARS_MAX} printable characters")
    if name.startswith(_FORMULA):
        raise RequestError("expected a name that does not begin with =, +, - or @")
    shape = {Scheme.IBAN: _IBAN, Scheme.ACCOUNT: _NUMBER, Scheme.PHONE: _PHONE}[account.scheme]
    fits = shape.fullmatch(account.number) is not None
    if not fits or (account.scheme is Scheme.IBAN and not _iban_holds(account.number)):
        raise RequestError(f"expected a number as {account.scheme.value} has: look for a slip")
    if account.bank and not (account.has_bic or _MEMBER.fullmatch(account.bank)):
        raise RequestError("expected a bank's BIC, or the number that its clearing gives it")
    return account


def _iban_holds(number: str) -> bool:
    """ISO 13616 by ISO 7064 MOD 97-10: letters as numbers, the first four last."""
    turned = number[4:] + number[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % 97 == 1
