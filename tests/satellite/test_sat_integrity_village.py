"""One simulated village with planted frauds through the real commands; nightly tells twenty."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.wire.evidence import Flag
from satellite.app import main
from satellite.commands.integrity import integrity
from satellite.integrity.flags import CODES
from tests.support.fraud_villages import by_how, counted, table, village

BOX = {"type": "Polygon", "coordinates": [[[34.2, 0.5], [34.201, 0.5], [34.201, 0.501],
                                           [34.2, 0.501], [34.2, 0.5]]]}  # fmt: skip


@pytest.mark.e2e
@pytest.mark.timeout(300)  # 6 s of CPU; a shared machine may take much longer
def test_planted_frauds_are_flagged_and_honest_plots_are_left_alone(tmp_path: Path) -> None:
    told = village(900, tmp_path / "village", each=4)
    print(f"\n{table(told)}\n{by_how(told)}")
    found = {code: counted(told, code) for code in CODES}
    assert found["pledge_overlap"].found == found["pledge_overlap"].planted >= 4
    assert found["phantom_plot"].found >= 3
    assert sum(c.found for c in found.values()) >= 0.5 * sum(c.planted for c in found.values())
    assert sum(c.false for c in found.values()) <= 3
    assert found["pledge_overlap"].honest >= 45


def plots_file(path: Path, *names: str) -> Path:
    features = [
        {"type": "Feature", "geometry": BOX, "properties": {"plot_id": n, "source": "walked"}}
        for n in names
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_overlaps_need_no_imagery_and_come_with_a_picture(tmp_path: Path) -> None:
    new = plots_file(tmp_path / "new.geojson", "new-1")
    pledged = plots_file(tmp_path / "pledged.geojson", "old-1", "new-1")
    words = [str(new), "--against", str(pledged), "--as-of", "2026-05-01", "--json"]
    done = CliRunner().invoke(integrity, [*words, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    (said,) = json.loads(done.output)["flags"]
    assert (said.pop("plot_id"), said["code"]) == ("new-1", "pledge_overlap")
    flag = Flag(**said)
    assert (flag.raised_on, flag.facts["other_plot"]) == ("2026-05-01", "old-1")
    (picture,) = (tmp_path / "out").glob("*.png")
    assert picture.name.startswith("new-1-pledge_overlap-")
    assert (tmp_path / "out" / "flags.csv").read_text().count("\n") == 2


def test_what_is_missing_is_said_plainly(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    new = str(plots_file(tmp_path / "new.geojson", "new-1"))
    for words, code, said in (
        ([new], 2, "--against"),
        ([new, "--against", new], 2, "--as-of"),
        ([new, "--state", str(tmp_path)], 3, "HL-SAT-022"),
        ([new, "--state", "nowhere", "--as-of", "2026-05-01"], 3, "state.sqlite, got nowhere"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["integrity", *words])
        assert stopped.value.code == code
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["plot,day\na,2026-05-01\n", "plot_id,loss_on\na,soon\n"])
def test_a_claims_file_that_cannot_be_read_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    new = str(plots_file(tmp_path / "new.geojson", "new-1"))
    claims = tmp_path / "claims.csv"
    claims.write_text(text)
    with pytest.raises(SystemExit) as stopped:
        main(["integrity", new, "--against", new, "--as-of", "2026-05-01", "--claims", str(claims)])
    assert stopped.value.code == 3
    assert "HL-SAT-005" in capsys.readouterr().err
