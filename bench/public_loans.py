"""Public loans as the training's table: whole numbers in stated units, missing cells empty.

``data/sba_loans`` (its README says origin and traps): only the random draws, whose weights
restore the national totals. Codes that the form does not know (a line that revolves ``0``
or ``T`` times) are missing, never zero.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet

from core.units import PPM

SETTING = "HARVESTLINE_DATA"
SBA_CATALOGUE = Path(__file__).with_name("sba.toml")
SBA = Path("sba_loans") / "sba_sample_all_sectors.parquet"
LACKING = f"set {SETTING} to the folder with the real data sets"
COLUMNS = (
    "approval_fy", "defaulted", "weight", "amount_usd", "guaranteed_share_ppm",
    "employees_count", "new_business", "jobs_created_count", "jobs_retained_count", "franchise",
    "urban", "revolving", "few_documents", "sector_code", "bank_in_state", "agri",
    "charged_off_on", "term",
)  # fmt: skip
JOBS_ASKED_FROM = 1999  # the form's zeros of the years before say that nobody asked
_YES_NO = {"Y": 1, "N": 0}


def data_folder() -> Path | None:
    """The folder with the real data sets, if the machine has it."""
    folder = Path(os.environ.get(SETTING, ""))
    return folder if os.environ.get(SETTING) and folder.is_dir() else None


def write_sba(data: Path, out: Path) -> Path:
    """Write the randomly drawn loans of the SBA as a table that training reads.

    ``agri``, ``charged_off_on`` and ``term`` are no features: the first selects, the second
    says when an outcome was known, the third leaks and is there to be refused.
    """
    with out.open("w", newline="", encoding="utf-8") as file:
        file.write("# simulated: false\n")
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in sba_rows(data):
            writer.writerow(["" if row[name] is None else row[name] for name in COLUMNS])
    return out


def sba_rows(data: Path) -> Iterator[dict[str, Any]]:
    """Every randomly drawn loan with its columns."""
    found = pyarrow.parquet.read_table(data / SBA).to_pylist()
    for loan in found:
        if loan["random_sample"] and loan["approval_fy"] is not None:
            yield _sba_row(loan)


def _sba_row(loan: dict[str, Any]) -> dict[str, Any]:
    amount = round(loan["gr_appv"])
    charged_off = loan["mis_status"] == "CHGOFF"
    asked = loan["approval_fy"] >= JOBS_ASKED_FROM
    known_banks = loan["bank_state"] and loan["state"]
    return {
        "approval_fy": loan["approval_fy"],
        "defaulted": int(charged_off),
        "weight": loan["weight"],
        "amount_usd": amount,
        "guaranteed_share_ppm": round(PPM * loan["sba_appv"] / amount),
        "employees_count": loan["no_emp"] or None,
        "new_business": {1: 0, 2: 1}.get(loan["new_exist"]),
        "jobs_created_count": loan["create_job"] if asked else None,
        "jobs_retained_count": loan["retained_job"] if asked else None,
        "franchise": int(loan["franchise_code"] > 1),
        "urban": {1: 1, 2: 0}.get(loan["urban_rural"]),
        "revolving": _YES_NO.get(loan["rev_line_cr"]),
        "few_documents": _YES_NO.get(loan["low_doc"]),
        "sector_code": (loan["naics"] // 10_000) or None,
        "bank_in_state": int(loan["bank_state"] == loan["state"]) if known_banks else None,
        "agri": int(loan["agri"]),
        "charged_off_on": loan["chg_off_date"].date() if loan["chg_off_date"] else None,
        "term": loan["term"],
    }
