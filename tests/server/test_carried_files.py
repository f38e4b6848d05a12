"""Sticks and agents' devices at the centre: taken once, or refused by name."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import EnvelopeDamagedError
from core.wire.carrier import MAGIC, documents_in, framed
from core.wire.envelope import LogClass, peek
from server.app import main
from server.keys import write_key_pair
from server.services.carrying import take_file, write_answer, write_down
from server.services.centre import Centre
from server.services.envelopes import accept_envelope
from server.store import counts, logs
from server.store.engine import NotKnownError
from tests.support.centre_kit import STATION, Kit, keys_of
from tests.support.kiosk_kit import MONEY

START_S = 60


def file_of(*documents: bytes) -> io.BytesIO:
    return io.BytesIO(MAGIC + b"".join(framed(each) for each in documents))


def consents(kit: Kit, count: int) -> None:
    for n in range(count):
        body = {
            "action": "grant", "consent_id": f"c-{len(kit.station.records.get(MONEY, []))}-{n}",
            "farmer_id": "farmer-a", "helped": False, "purposes": ["terms"],
            "recipient": "lender", "shown_sha256": "ab" * 32, "spoken": False,
        }  # fmt: skip
        kit.station.write(MONEY, "consent", body, kit.clock.at_ms)


def had(kit: Kit) -> int:
    return int(kit.read(counts.rows_by_table)["inbound_records"])


def answer_of(kit: Kit, carried: object) -> list[bytes]:
    out = io.BytesIO()
    count = write_answer(kit.centre, carried, out)  # type: ignore[arg-type]
    out.seek(0)
    found = list(documents_in(out.read, "answer"))
    assert len(found) == count
    return found


def test_a_stick_is_taken_and_answered_with_receipts_and_the_log_down(kit: Kit):
    consents(kit, 5)
    asked = kit.station.pull_bytes(kit.clock.at_ms)
    carried = take_file(kit.centre, file_of(asked, kit.station.envelope(MONEY)), "s.hls")
    assert (carried.applied_count, carried.stations, carried.refused) == (1, [STATION], [])
    receipt, *downs = answer_of(kit, carried)
    assert kit.station.receipt(receipt).high_water == 5
    for each in downs:
        kit.station.take_down(each)
    assert kit.station.bodies("farmer")
    # The next stick tells that it has come; there is nothing more to say.
    carried = take_file(kit.centre, file_of(kit.station.pull_bytes(kit.clock.at_ms)), "s.hls")
    assert answer_of(kit, carried) == []


def test_a_long_log_down_comes_in_several_envelopes(kit: Kit):
    kit.centre = replace(kit.centre, settings=replace(kit.centre.settings, pull_bytes_max=4_096))
    carried = take_file(kit.centre, file_of(kit.station.pull_bytes(kit.clock.at_ms)), "s.hls")
    downs = answer_of(kit, carried)
    assert len(downs) > 2
    for each in downs:
        kit.station.take_down(each)
    assert kit.station.pull(kit.centre) == []


def test_a_first_stick_needs_no_asking(kit: Kit):
    consents(kit, 2)
    accept_envelope(kit.centre, kit.station.envelope(MONEY))
    out = io.BytesIO()
    assert write_down(kit.centre, STATION, out) >= 2
    out.seek(0)
    receipt, *downs = documents_in(out.read, "down")
    assert kit.station.receipt(receipt).high_water == 2
    for each in downs:
        kit.station.take_down(each)
    with pytest.raises(NotKnownError):
        write_down(kit.centre, "nobody", io.BytesIO())


def test_the_same_file_again_and_an_older_one_change_nothing(kit: Kit):
    consents(kit, 3)
    older = kit.station.envelope(MONEY)
    consents(kit, 3)
    newer = kit.station.envelope(MONEY)
    for document, fate in ((newer, "applied"), (newer, "known"), (older, "known")):
        carried = take_file(kit.centre, file_of(document), "s.hls")
        assert getattr(carried, f"{fate}_count") == 1
        assert kit.station.receipt(answer_of(kit, carried)[0]).high_water == 6
    assert had(kit) == 6


def test_what_is_bad_in_a_file_is_refused_by_name_and_the_rest_is_taken(kit: Kit):
    consents(kit, 6)
    good = kit.station.envelope(MONEY)
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    stranger = replace(kit.station, keys=keys_of("st-other", 9))
    own_down = kit.station.pull_bytes(0).replace(b"st-one", b"st-two")
    documents = (flipped, stranger.envelope(MONEY), b"rubbish", own_down, good)
    carried = take_file(kit.centre, file_of(*documents), "s.hls")
    assert carried.applied_count == 1
    assert [reason[:11] for reason in carried.refused] == [
        "HL-CORE-006", "HL-SRV-003:", "HL-CORE-006", "HL-CORE-004",
    ]  # fmt: skip
    assert had(kit) == 6


def test_the_centres_own_answer_brought_back_is_refused(kit: Kit):
    out = io.BytesIO()
    write_down(kit.centre, STATION, out)
    out.seek(0)
    carried = take_file(kit.centre, out, "down.hls")
    assert carried.applied_count == 0
    assert carried.refused


@pytest.mark.parametrize(
    "content", [b"", b"HL", b"PK\x03\x04 a zip", b"HLS1\xff\xff\xff\xff", b"HLS1\x00"]
)
def test_what_is_no_carriers_file_is_refused_whole(kit: Kit, content: bytes):
    with pytest.raises(EnvelopeDamagedError):
        take_file(kit.centre, io.BytesIO(content), "a renamed file.hls")


def test_a_file_that_is_cut_off_anywhere_gives_what_came_before(kit: Kit):
    consents(kit, 4)
    whole = file_of(*(kit.station.envelope(MONEY, n, n) for n in (1, 2, 3, 4))).getvalue()
    ends = [len(MAGIC)]
    for document in documents_in(io.BytesIO(whole).read, "whole"):
        ends.append(ends[-1] + 4 + len(document))
    for end in range(ends[1] + 1, len(whole), 97):
        carried = take_file(kit.centre, io.BytesIO(whole[:end]), "s.hls")
        complete = sum(1 for each in ends[1:] if each <= end)
        assert had(kit) == complete
        assert len(carried.refused) == (end not in ends)
    assert take_file(kit.centre, io.BytesIO(whole), "s.hls").refused == []
    assert had(kit) == 4


def test_one_run_by_stick_and_link_at_once_is_applied_once(kit: Kit):
    consents(kit, 30)
    guard, inner = threading.Lock(), kit.centre.new_id

    def new_id() -> str:
        with guard:
            return inner()

    centre: Centre = replace(kit.centre, new_id=new_id)
    whole, early, late = (
        kit.station.envelope(MONEY, a, b) for a, b in ((1, 30), (1, 20), (11, 30))
    )
    start = threading.Barrier(6)

    def by_stick(documents: tuple[bytes, ...]) -> list[str]:
        start.wait()
        return take_file(centre, file_of(*documents), "s.hls").refused

    def by_link(data: bytes) -> list[str]:
        start.wait()
        accept_envelope(centre, data)
        return []

    with ThreadPoolExecutor(6) as pool:
        sticks = [pool.submit(by_stick, each) for each in ((late, early), (whole,), (early, whole))]
        links = [pool.submit(by_link, each) for each in (whole, early, late)]
        refused = [reason for each in (*sticks, *links) for reason in each.result()]
    assert refused == []
    assert had(kit) == 30
    state = kit.read(logs.inbound)[0]
    assert (state.high_water, state.head) == (30, peek(whole).head)


def settings_file(kit: Kit, database_url: str, folder: Path) -> Path:
    """The centre of a kit as commands find it."""
    settings = kit.centre.settings
    write_key_pair(folder / "centre.key", settings.name, bytes([1]) * 32, bytes([101]) * 32)
    path = folder / "server.toml"
    path.write_text(
        f'name = "{settings.name}"\ndatabase_url = "{database_url}"\n'
        f'key_file = "{folder / "centre.key"}"\n'
        f'session_secret_file = "{settings.session_secret_file}"\n'
    )
    return path


def test_one_file_by_two_processes_at_once_is_applied_once(
    kit: Kit, database_url: str, tmp_path: Path
):
    consents(kit, 40)
    config = settings_file(kit, database_url, tmp_path)
    runs = [kit.station.envelope(MONEY, n, n + 3) for n in range(1, 40, 4)]
    asked = kit.station.pull_bytes(kit.clock.at_ms)
    files = {"one.hls": (asked, *runs), "two.hls": (*reversed(runs), asked)}
    processes = []
    for name, documents in files.items():
        (tmp_path / name).write_bytes(file_of(*documents).getvalue())
        command = [
            str(Path(sys.executable).parent / "harvestline-server"), "import-envelopes",
            "--config", str(config), str(tmp_path / name),
            "--answer", str(tmp_path / f"{name}.back"), "--json",
        ]  # fmt: skip
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    said = [json.loads(process.communicate(timeout=START_S)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [each["refused"] for each in said] == [[], []]
    assert had(kit) == 40
    back = io.BytesIO((tmp_path / "two.hls.back").read_bytes())
    answers = list(documents_in(back.read, "back"))
    assert kit.station.receipt(answers[0]).high_water == 40
    assert [peek(each).log for each in answers[1:]] == [LogClass.DOWN] * (len(answers) - 1)


def test_a_bad_file_ends_the_command_with_its_code(kit: Kit, database_url: str, tmp_path: Path):
    config = settings_file(kit, database_url, tmp_path)
    consents(kit, 1)
    good = kit.station.envelope(MONEY)
    (tmp_path / "half.hls").write_bytes(file_of(good, b"rubbish").getvalue())
    (tmp_path / "renamed.hls").write_bytes(b"PK a zip")
    for words, code, count in (
        (("import-envelopes", tmp_path / "half.hls"), 4, 1),
        (("import-envelopes", tmp_path / "renamed.hls"), 3, 1),
        (("import-envelopes", tmp_path / "nowhere.hls"), 3, 1),
        (("export-down", "nobody", tmp_path / "out.hls"), 3, 1),
        (("export-down", STATION, tmp_path / "out.hls"), 0, 1),
    ):
        command, *rest = (str(word) for word in words)
        done = CliRunner().invoke(main, [command, "--config", str(config), *rest])
        assert done.exit_code == code, done.output
        assert had(kit) == count
    assert not (tmp_path / "out.hls.new").exists()
