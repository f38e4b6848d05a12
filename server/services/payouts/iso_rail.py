"""The rail of a bank: ISO 20022 credit transfers, pain.001.001.09, a file for each batch.

The published libraries write SEPA alone (euro, IBAN, and 001.03), so the message is
written here, element by element in the order of its schema. Sums stand in it twice, as
the standard wants: of the message and of its one payment block.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from core.units import civil_day
from server.services.payouts.accounts import Account, Scheme
from server.services.payouts.file_rail import BATCH_MAX, WAIT_S, hand_to_folder
from server.services.payouts.rails import (
    Debtor,
    Document,
    Handed,
    Instruction,
    Parcel,
    RailTerms,
    amount_text,
)

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
TOLD_CHARS_MAX = 140
_MS_PER_S = 1000


@dataclass(frozen=True, slots=True)
class IsoRail:
    """Batches as ``BATCH.xml``, moved into place whole."""

    terms: RailTerms
    folder: Path
    debtor: Debtor

    @property
    def wait_ms(self) -> int:
        """How long a batch waits for more [ms]."""
        return _MS_PER_S * (WAIT_S if self.terms.wait_s is None else self.terms.wait_s)

    @property
    def batch_max(self) -> int:
        """The most instructions of one batch."""
        return self.terms.batch_max or BATCH_MAX

    @property
    def ask_again_ms(self) -> int | None:
        """Never: a file that was put stays put."""
        return None

    def compose(self, parcel: Parcel) -> Document:
        """The batch as a pain.001.001.09 message."""
        return Document(
            parcel.batch_id, f"{parcel.batch_id}.xml", credit_transfers(parcel, self.debtor)
        )

    def hand_over(self, documents: Sequence[Document], at_ms: int) -> tuple[Handed, ...]:  # noqa: ARG002 - the protocol's signature
        """Put each message into the folder."""
        return tuple(hand_to_folder(self.folder, each, manifest=False) for each in documents)


def credit_transfers(parcel: Parcel, debtor: Debtor) -> bytes:
    """A CustomerCreditTransferInitiationV09 of a parcel, as UTF-8."""
    root = ET.Element("Document", {"xmlns": NAMESPACE})
    message = ET.SubElement(root, "CstmrCdtTrfInitn")
    _header(ET.SubElement(message, "GrpHdr"), parcel, debtor)
    _payments(ET.SubElement(message, "PmtInf"), parcel, debtor)
    out = io.BytesIO()
    ET.ElementTree(root).write(out, encoding="utf-8", xml_declaration=True)
    return out.getvalue() + b"\n"


def _header(header: ET.Element, parcel: Parcel, debtor: Debtor) -> None:
    at = datetime.fromtimestamp(parcel.made_at_ms / _MS_PER_S, UTC)
    _text(header, "MsgId", parcel.batch_id)
    _text(header, "CreDtTm", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    _sums(header, parcel)
    _text(ET.SubElement(header, "InitgPty"), "Nm", debtor.name)


def _payments(block: ET.Element, parcel: Parcel, debtor: Debtor) -> None:
    _text(block, "PmtInfId", parcel.batch_id)
    _text(block, "PmtMtd", "TRF")
    _sums(block, parcel)
    on = civil_day(parcel.made_at_ms)
    _text(ET.SubElement(block, "ReqdExctnDt"), "Dt", on.isoformat())
    _text(ET.SubElement(block, "Dbtr"), "Nm", debtor.name)
    own = Account(debtor.name, debtor.scheme, debtor.number, debtor.bank)
    _account(ET.SubElement(block, "DbtrAcct"), own)
    _bank(ET.SubElement(block, "DbtrAgt"), own)
    _text(block, "ChrgBr", "SLEV")
    for each in parcel.instructions:
        _transfer(ET.SubElement(block, "CdtTrfTxInf"), each)


def _transfer(transfer: ET.Element, each: Instruction) -> None:
    names = ET.SubElement(transfer, "PmtId")
    _text(names, "InstrId", each.instruction_id)
    _text(names, "EndToEndId", each.instruction_id)
    amount = _text(
        ET.SubElement(transfer, "Amt"), "InstdAmt", amount_text(each.amount_minor, each.currency)
    )
    amount.set("Ccy", each.currency)
    if each.account.bank:
        _bank(ET.SubElement(transfer, "CdtrAgt"), each.account)
    _text(ET.SubElement(transfer, "Cdtr"), "Nm", each.account.name)
    _account(ET.SubElement(transfer, "CdtrAcct"), each.account)
    _text(ET.SubElement(transfer, "RmtInf"), "Ustrd", each.told[:TOLD_CHARS_MAX])


def _sums(parent: ET.Element, parcel: Parcel) -> None:
    _text(parent, "NbOfTxs", str(len(parcel.instructions)))
    currency = parcel.instructions[0].currency
    _text(parent, "CtrlSum", amount_text(parcel.sum_minor, currency))


def _account(parent: ET.Element, account: Account) -> None:
    named = ET.SubElement(parent, "Id")
    if account.scheme is Scheme.IBAN:
        _text(named, "IBAN", account.number)
        return
    other = ET.SubElement(named, "Othr")
    _text(other, "Id", account.number)
    scheme = ET.SubElement(other, "SchmeNm")
    if account.scheme is Scheme.PHONE:
        _text(scheme, "Prtry", "PHONE")  # the external code list knows no telephone
    else:
        _text(scheme, "Cd", "BBAN")


def _bank(parent: ET.Element, account: Account) -> None:
    named = ET.SubElement(parent, "FinInstnId")
    if account.has_bic:
        _text(named, "BICFI", account.bank)
    else:
        _text(ET.SubElement(named, "ClrSysMmbId"), "MmbId", account.bank)


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    found = ET.SubElement(parent, name)
    found.text = text
    return found
