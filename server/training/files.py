"""Training from files to files: loans and a catalogue in, a model and its card out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.errors import CanonicalError, ShapeError
from core.shape import decode, encode
from core.wire.modelfile import MODEL_BYTES_MAX, Model
from server.store.whole_files import write_whole
from server.training.card import model_card, model_sheet
from server.training.catalogue import TrainingTableError, read_catalogue
from server.training.cutoffs import promised
from server.training.recalibrate import moved, promise, recalibrated
from server.training.release import Release
from server.training.run import train
from server.training.table import LoanTable, read_table
from server.training.trees import train_trees


def write_model(
    loans: Path,
    catalogue: Path,
    out: Path,
    release: Release,
    *,
    simulated: bool | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, object]:
    """Train from files to files; the figures that the command prints.

    Parameters
    ----------
    out
        Where the model goes; its card is written beside it as ``.card.html`` and ``.card.pdf``.
    simulated
        Where the outcomes come from; None leaves it to the file.
    progress
        Told the name of each step as it begins.

    Raises
    ------
    TrainingTableError
        If the loans or the catalogue cannot be used, or nobody says whether the
        outcomes were simulated.
    """
    rules = read_catalogue(catalogue)
    table = read_table(loans, rules)
    origin = _origin(loans, table, simulated)
    report = train(table, rules, release, simulated=origin, progress=progress)
    data = canonical_bytes(encode(report.model))
    card, sheet = out.with_suffix(".card.html"), out.with_suffix(".card.pdf")
    progress("setting the model card")
    _write(out, data)
    _write(card, model_card(report, sha256_hex(data)).encode())
    _write(sheet, model_sheet(report, sha256_hex(data)))
    return {
        "model": str(out),
        "card": str(card),
        "sheet": str(sheet),
        "sha256": sha256_hex(data),
        "bytes": len(data),
        "simulated": origin,
        "loans": len(table.loans),
        "test_seasons": list(report.test_seasons),
        "standings": [encode(standing) for standing in report.standings],
        "cut_off": report.cut_off,
        "approved_ppm": report.approved_ppm,
        "referred_ppm": report.referred_ppm,
        "two_way_tables": len(report.model.table.pairs),
        "unused_columns": list(report.unused_columns),
    }


def _origin(loans: Path, table: LoanTable, simulated: bool | None) -> bool:  # noqa: FBT001
    origin = table.simulated if simulated is None else simulated
    if origin is None:
        raise TrainingTableError(
            f"{loans} does not say whether its outcomes were simulated: give --simulated or "
            "--observed"
        )
    return origin


def write_trees(
    loans: Path,
    catalogue: Path,
    out: Path,
    release: Release,
    *,
    simulated: bool | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, object]:
    """Train a challenger of boosted trees from files to a file; the figures that are printed.

    Parameters are those of :func:`write_model`.

    Raises
    ------
    TrainingTableError
        As :func:`write_model`.
    """
    rules = read_catalogue(catalogue)
    table = read_table(loans, rules)
    origin = _origin(loans, table, simulated)
    progress("fitting boosted trees")
    found = train_trees(table, rules, release, simulated=origin)
    data = canonical_bytes(encode(found))
    _write(out, data)
    return {
        "model": str(out),
        "sha256": sha256_hex(data),
        "bytes": len(data),
        "trees": len(found.trees),
        "auc_ppm": found.training.auc_ppm,
        "ks_ppm": found.training.ks_ppm,
        "simulated": origin,
    }


def write_restated(
    paths: tuple[Path, Path, Path, Path],
    release: Release,
    *,
    from_season: str = "",
    level_ppm: int | None = None,
) -> dict[str, object]:
    """Restate a model's probabilities from files to a file; the figures that are printed.

    Parameters
    ----------
    paths
        The model, the recent loans, the catalogue, and where the restated model goes.
    from_season
        Loans of seasons before it are left out.
    level_ppm
        The expected default rate to move to; None reads new steps off the loans.

    Raises
    ------
    TrainingTableError
        If a file cannot be used, or the loans are too few.
    """
    model_file, loans_file, catalogue, out = paths
    rules = read_catalogue(catalogue)
    table = read_table(loans_file, rules)
    loans = [loan for loan in table.loans if loan.season >= from_season]
    model = _read_model(model_file)
    if level_ppm is None:
        restated = recalibrated(model, loans, rules.training, release, table.sha256)
    else:
        restated = moved(model, loans, level_ppm, rules.training, release)
    data = canonical_bytes(encode(restated))
    _write(out, data)
    return {
        "model": str(out),
        "sha256": sha256_hex(data),
        "before": encode(promise(promised(model.table, loans), loans)),
        "after": encode(promise(promised(restated.table, loans), loans)),
    }


def _read_model(path: Path) -> Model:
    try:
        return decode(Model, parse_canonical(path.read_bytes(), MODEL_BYTES_MAX))
    except (OSError, CanonicalError, ShapeError) as error:
        raise TrainingTableError(
            f"expected a model in canonical JSON at {path}: {error}"
        ) from error


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise TrainingTableError(f"expected to write {path}: {error}") from error
