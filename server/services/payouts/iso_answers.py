"""What a bank says: pain.002 status reports, camt.053 statements and camt.054 notifications.

Only what is about our own instructions is read: by instruction id, which a bank carries
through as ``InstrId`` or ``EndToEndId``. What a bank books without naming either comes
back as an answer that nobody asked for, so that it is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET

from core.lending.payout import Answer, Outcome, read_instruction_id
from server.services.centre import RequestError
from server.services.payouts.rails import read_amount
from server.services.payouts.safe_xml import each_at, text_at

# ISO 20022 external codes: what a status says of the money.
_PAID = frozenset({"ACSC", "ACCC"})
_REJECTED = frozenset({"RJCT", "CANC"})
_ACCEPTED = frozenset({"ACCP", "ACSP", "ACTC", "ACWC", "ACFC", "PDNG", "RCVD", "PATC"})
AMOUNTS = ("AmtDtls/TxAmt/Amt", "Amt")  # of a transfer, the first that is told
_MAIN = {
    "pain.002": "CstmrPmtStsRpt",
    "camt.053": "BkToCstmrStmt",
    "camt.054": "BkToCstmrDbtCdtNtfctn",
}


def read_bank(root: ET.Element) -> tuple[str, tuple[Answer, ...], str]:
    """The kind of message, its answers, and the message that it rejects as a whole, if one.

    Raises
    ------
    RequestError
        If it is none of the three, or a status is not known.
    """
    for kind, name in _MAIN.items():
        main = root.find(name)
        if main is not None and root.tag == "Document":
            if kind == "pain.002":
                return kind, tuple(_statuses(main)), _rejected_whole(main)
            return kind, tuple(_entries(main)), ""
    raise RequestError(f"expected one of {', '.join(_MAIN)}, got <{root.tag[:40]}>")


def _statuses(main: ET.Element) -> Iterator[Answer]:
    for block in each_at(main, "OrgnlPmtInfAndSts"):
        for told in each_at(block, "TxInfAndSts"):
            amount = told.find("OrgnlTxRef/Amt/InstdAmt")
            yield Answer(
                text_at(told, "OrgnlInstrId") or text_at(told, "OrgnlEndToEndId"),
                _outcome(text_at(told, "TxSts")),
                *_money(amount),
                text_at(told, "AcctSvcrRef") or text_at(told, "StsId"),
                _reason(told, "StsRsnInf"),
            )


def _rejected_whole(main: ET.Element) -> str:
    """The id of a message of which nothing was taken and no transfer is told of by itself."""
    group = main.find("OrgnlGrpInfAndSts")
    is_named = next(each_at(main, "OrgnlPmtInfAndSts/TxInfAndSts"), None) is not None
    if group is None or is_named or text_at(group, "GrpSts") not in _REJECTED:
        return ""
    return text_at(group, "OrgnlMsgId")


def _outcome(status: str) -> Outcome:
    for codes, outcome in (
        (_PAID, Outcome.PAID), (_REJECTED, Outcome.REJECTED), (_ACCEPTED, Outcome.ACCEPTED),
    ):  # fmt: skip
        if status in codes:
            return outcome
    raise RequestError(f"expected a transaction status of ISO 20022, got {status[:40]!r}")


def _entries(main: ET.Element) -> Iterator[Answer]:
    for entry in _booked_in(main):
        yield from _entry(entry)


def booked_entries(root: ET.Element) -> tuple[ET.Element, ...]:
    """The entries that a bank's statement or notice has booked.

    Raises
    ------
    RequestError
        If it is neither.
    """
    for kind in ("camt.053", "camt.054"):
        main = root.find(_MAIN[kind])
        if main is not None and root.tag == "Document":
            return tuple(_booked_in(main))
    raise RequestError(f"expected camt.053 or camt.054, got <{root.tag[:40]}>")


def _booked_in(main: ET.Element) -> Iterator[ET.Element]:
    """Entries that are booked; of those to come the bank will speak again."""
    for parent in ("Stmt", "Ntfctn"):
        for entry in each_at(main, f"{parent}/Ntry"):
            status = text_at(entry, "Sts/Cd") or text_at(entry, "Sts")
            if status == "BOOK":
                yield entry


def _entry(entry: ET.Element) -> Iterator[Answer]:
    details = list(each_at(entry, "NtryDtls/TxDtls"))
    for told in details:
        alone = len(details) == 1
        found = _booked(entry, told, entry.find("Amt") if alone else None)
        if found is not None:
            yield found
    if not details and text_at(entry, "CdtDbtInd") == "DBIT":
        yield Answer(
            "", Outcome.PAID, *_money(entry.find("Amt")), text_at(entry, "AcctSvcrRef"),
            "booked without details",
        )  # fmt: skip


def _booked(entry: ET.Element, told: ET.Element, whole: ET.Element | None) -> Answer | None:
    """One transfer of an entry; nothing for money that came in by itself, as a repayment.

    A debit that returns what came in bears the id of what came in: a repayment bounced.
    """
    direction = text_at(told, "CdtDbtInd") or text_at(entry, "CdtDbtInd")
    came_in = direction == "CRDT"
    named = text_at(told, "Refs/InstrId") or text_at(told, "Refs/EndToEndId")
    is_back = told.find("RtrInf") is not None or text_at(entry, "RvslInd") == "true"
    is_payout = bool(read_instruction_id(named)[0])
    if came_in and not is_back and not is_payout:
        return None
    left = Outcome.BOUNCED if is_back and named and not is_payout else Outcome.PAID
    amount = told.find("AmtDtls/TxAmt/Amt")
    for other in (told.find("Amt"), whole):
        amount = other if amount is None else amount
    return Answer(
        named,
        Outcome.RETURNED if came_in else left,
        *_money(amount),
        text_at(told, "Refs/AcctSvcrRef") or text_at(entry, "AcctSvcrRef"),
        _reason(told, "RtrInf"),
    )


def _reason(told: ET.Element, name: str) -> str:
    found = told.find(name)
    if found is None:
        return ""
    code = text_at(found, "Rsn/Cd") or text_at(found, "Rsn/Prtry")
    more = text_at(found, "AddtlInf")
    return f"{code} {more}".strip()


def _money(amount: ET.Element | None) -> tuple[int | None, str]:
    """An amount in minor units with its currency; no amount where none is told.

    Raises
    ------
    RequestError
        If what stands there is no amount.
    """
    if amount is None:
        return None, ""
    currency = amount.get("Ccy", "")
    found = read_amount(amount.text or "", currency)
    if found is None:
        raise RequestError(f"expected an amount in {currency[:3]}, got {amount.text!r:.40}")
    return found, currency
