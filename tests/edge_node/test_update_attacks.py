"""Whoever holds the stick, the link or an online key: refused by name, and nothing changes."""

from __future__ import annotations

import json
import shutil

import pytest

from core.canonical import canonical_bytes
from edge_node.store import models, updates
from edge_node.store.database import DiskFullError, StoreError
from edge_node.updates.rounds import METADATA_KEPT
from edge_node.updates.source import FolderSource
from edge_node.updates.trust import TIMESTAMP_BYTES_MAX
from tests.support.models import small_model
from tests.support.update_repository import Repository, key, model_target, prompts_target
from tests.support.updating_station import UpdatingStation

ALTERED, DAMAGED, OLDER, EXPIRED, MIXED, UNSIGNED, ENDLESS, MISFIT, MISSING = (
    f"HL-EDGE-0{number}" for number in (25, 26, 27, 28, 29, 30, 31, 32, 34)
)


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """In use is version 2; version 3 is on its way and was not yet looked for."""
    found = UpdatingStation(tmp_path_factory.mktemp("before"))
    found.offer_model(2)
    assert found.look().problem == ""
    found.offer_model(3)
    found.close()
    return found


@pytest.fixture
def here(before, tmp_path):
    found = UpdatingStation(tmp_path, before)
    yield found
    found.close()


def refused(here, source=None):
    """The number of what a look was refused for; the model in use has to stay."""
    card_before = models.current_model(here.db)
    looked = here.look(source)
    assert models.current_model(here.db) == card_before
    assert card_before.model.version == 2
    assert here.station.apply(1).card.inputs.model_version == 2  # it goes on deciding
    told = [looked.problem] if looked.problem else list(looked.refusals)
    assert len(told) == 1, looked
    assert updates.look(here.db).problem.startswith(told[0][:11])
    return told[0].partition(":")[0]


def takes_it_afterwards(here):
    """A good source right after the attack is believed."""
    assert here.look().activated == ("model/3.json",)


def copy_of(here, tmp_path):
    shutil.copytree(here.repository.path, tmp_path / "honest", dirs_exist_ok=True)
    return FolderSource(tmp_path / "honest")


@pytest.mark.parametrize("position", [0, -1])
def test_a_target_with_one_flipped_bit_is_refused(here, tmp_path, position):
    honest = copy_of(here, tmp_path)
    path = here.repository.file_of("model/3.json")
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert refused(here) == ALTERED
    assert not list((here.folder / "parts").glob("*"))
    assert here.look(honest).activated == ("model/3.json",)


def test_a_target_that_is_cut_off_is_refused(here):
    path = here.repository.file_of("model/3.json")
    path.write_bytes(path.read_bytes()[:-1])
    assert refused(here) == ALTERED


def test_a_target_that_never_ends_is_refused_after_one_byte_too_many(here):
    class Endless(FolderSource):
        taken = 0

        def pieces(self, path, offset, bytes_max):
            if not path.startswith("targets/"):
                yield from super().pieces(path, offset, bytes_max)
                return
            while True:
                Endless.taken += 4096
                yield b"x" * 4096

    size = here.repository.targets["model/3.json"].length
    assert refused(here, Endless(here.repository.path)) == ENDLESS
    assert Endless.taken <= size + 8192
    takes_it_afterwards(here)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_metadata_that_never_end_are_refused(here, role):
    class Endless(FolderSource):
        def pieces(self, path, offset, bytes_max):
            if role not in path:
                yield from super().pieces(path, offset, bytes_max)
                return
            while True:
                yield b" " * 65_536

    assert refused(here, Endless(here.repository.path)) == ENDLESS
    takes_it_afterwards(here)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_metadata_altered_after_signing_are_refused(here, tmp_path, role):
    honest = copy_of(here, tmp_path)
    name = here.repository.name_of(role)
    size = here.repository.metadata(name).stat().st_size

    def later(signed):
        signed["expires"] = "2099-01-01T00:00:00Z"

    here.repository.rewrite(name, later)
    path = here.repository.metadata(name)
    path.write_bytes(json.dumps(json.loads(path.read_bytes()), separators=(",", ":")).encode())
    assert path.stat().st_size <= size  # else it would be refused for its length
    assert refused(here) == DAMAGED
    assert here.look(honest).activated == ("model/3.json",)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
@pytest.mark.parametrize("junk", [b"", b"[" * 200, b'{"signed": 1}'])
def test_metadata_that_cannot_be_read_are_refused(here, role, junk):
    here.repository.metadata(here.repository.name_of(role)).write_bytes(junk)
    assert refused(here) == DAMAGED


def test_every_byte_of_the_timestamp_counts(here, tmp_path):
    honest, path = copy_of(here, tmp_path), here.repository.metadata("timestamp.json")
    whole = path.read_bytes()
    for at in range(0, len(whole), 9):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 2]) + whole[at + 1 :])
        looked = here.look()
        assert looked.problem[:11] in (DAMAGED, UNSIGNED), (at, looked)
        assert not looked.activated
    assert here.look(honest).activated == ("model/3.json",)


def test_an_older_timestamp_is_refused(here):
    old = here.repository.metadata("timestamp.json").read_bytes()
    here.offer_model(4)
    here.look()  # to version 4
    here.repository.metadata("timestamp.json").write_bytes(old)
    assert here.look().problem[:11] == OLDER
    assert here.in_use() == 4


def test_a_timestamp_for_an_older_snapshot_is_refused(here):
    here.look()
    here.repository.versions["snapshot"] = 1
    here.repository.publish(("timestamp",))
    assert here.look().problem[:11] == OLDER
    assert here.in_use() == 3


def test_a_snapshot_of_older_targets_is_refused(here):
    here.look()
    here.repository.versions["targets"] = 1
    here.repository.publish(("snapshot", "timestamp"))
    assert here.look().problem[:11] == OLDER
    assert here.in_use() == 3


def test_older_metadata_are_refused_although_the_folder_of_trust_was_lost(here, tmp_path):
    shutil.copytree(here.repository.path, tmp_path / "older")
    here.offer_model(4)
    here.look()
    shutil.rmtree(here.folder / METADATA_KEPT)  # a restored disk, or a clever hand
    assert here.look(FolderSource(tmp_path / "older")).problem[:11] == OLDER
    assert here.in_use() == 4
    assert here.look().problem == ""


def test_a_well_signed_older_version_is_refused(here):
    """Whoever holds the key of targets offers the version with the known hole again."""
    here.look()
    del here.repository.targets["model/3.json"]
    here.repository.publish()
    looked = here.look()
    assert looked.refusals[0][:11] == OLDER
    assert here.in_use() == 3


def test_a_version_that_is_here_with_other_content_is_refused(here):
    here.look()
    note, data = model_target(small_model(3), here.station.centre.signer)
    other = canonical_bytes({**json.loads(data), "more": "words"})
    here.repository.add(note, other)
    here.repository.publish()
    assert here.look().refusals[0][:11] == OLDER
    assert here.in_use() == 3


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_expired_metadata_block_updates_and_never_the_model_in_use(here, role):
    here.repository.days[role] = 1
    if role == "root":
        here.repository.write_root(here.repository.root_keys)
    here.repository.publish()
    here.days_later(2)
    assert refused(here) == EXPIRED
    here.repository.days[role], here.repository.at_ms = 100, here.station.at_ms
    if role == "root":
        here.repository.write_root(here.repository.root_keys)
    here.repository.publish()
    takes_it_afterwards(here)


def test_a_frozen_source_is_found_out_when_its_time_is_over(here):
    """It answers for ever with what was new once; after 100 days it is not believed."""
    here.look()
    here.days_later(99)
    assert here.look().problem == ""
    here.days_later(2)
    assert here.look().problem[:11] == EXPIRED
    assert here.in_use() == 3


def test_a_clock_set_back_makes_nothing_fresh_again(here):
    here.days_later(150)
    assert here.look().problem[:11] == EXPIRED
    here.station.at_ms -= 149 * 86_400_000
    assert here.look().problem[:11] == EXPIRED  # the floor of trusted time counts


@pytest.mark.parametrize("hashed", [True, False])
def test_documents_of_two_publications_are_refused(tmp_path, hashed):
    found = UpdatingStation(tmp_path)
    try:
        found.repository = Repository(tmp_path / "mixed", found.station.at_ms, hashed=hashed)
        found.root = found.repository.root
        for version in (2, 3):
            found.offer_model(version)
        repository = found.repository
        older = repository.metadata(f"{repository.versions['snapshot'] - 1}.snapshot.json")
        shutil.copy(older, repository.metadata(repository.name_of("snapshot")))
        assert found.look().problem[:11] == MIXED
        older = repository.metadata(f"{repository.versions['targets'] - 1}.targets.json")
        repository.publish()
        shutil.copy(older, repository.metadata(repository.name_of("targets")))
        assert found.look().problem[:11] == MIXED
        assert models.current_model(found.db).model.version == 1
    finally:
        found.close()


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_metadata_by_a_key_that_the_root_does_not_trust_are_refused(here, role):
    own = here.repository.online[role]
    here.repository.online[role] = key(99)
    here.repository.publish()
    assert refused(here) == UNSIGNED
    here.repository.online[role] = own
    here.repository.publish()
    takes_it_afterwards(here)


def test_a_whole_repository_by_another_root_is_refused(here, tmp_path):
    other = Repository(
        tmp_path / "stranger", here.station.at_ms, root_keys=[key(n) for n in (41, 42)],
        online={role: key(50 + n) for n, role in enumerate(("timestamp", "snapshot", "targets"))},
    )  # fmt: skip
    assert refused(here, FolderSource(other.path)) == UNSIGNED


@pytest.mark.parametrize("signers", [[1], [2], [1, 1], [1, 99], [98, 99]])
def test_a_root_below_its_threshold_is_refused(here, signers):
    here.repository.write_root([key(number) for number in signers])
    assert refused(here) == UNSIGNED


def test_a_root_that_does_not_meet_its_own_threshold_is_refused(here):
    old = list(here.repository.root_keys)
    here.repository.root_keys = [key(n) for n in (4, 5, 6)]
    here.repository.write_root([*old, key(4)])  # one of the new keys, two must sign
    assert refused(here) == UNSIGNED


def test_a_root_of_an_older_number_is_refused(here):
    here.repository.write_root(here.repository.root_keys, version=1)
    assert refused(here) == OLDER


def test_keys_rotate_and_the_old_ones_count_no_more(here):
    old_root, old_online = list(here.repository.root_keys), dict(here.repository.online)
    here.repository.root_keys = [key(n) for n in (4, 5, 6)]
    here.repository.write_root([*old_root[:2], key(4), key(5)])
    here.repository.online = {role: key(60 + n) for n, role in enumerate(old_online)}
    here.repository.write_root(here.repository.root_keys)
    here.repository.publish()
    takes_it_afterwards(here)
    here.repository.online = old_online
    here.repository.publish()
    assert here.look().problem[:11] == UNSIGNED
    here.repository.write_root(old_root)
    assert here.look().problem[:11] == UNSIGNED


@pytest.mark.parametrize(
    "said",
    [
        {"schema": 2},
        {"slot": "firmware"},
        {"slot": "model", "version": 9},
        {"slot": "product/../../etc"},
        {"version": "3"},
        {"rollout": {"stations": [], "share_ppm": 2_000_000}},
    ],
)
def test_a_target_that_this_release_does_not_know_is_passed_over(here, said):
    here.repository.renote("model/3.json", **said)
    here.repository.publish()
    assert refused(here) == MISFIT


def test_prompts_of_a_language_that_no_screen_shows_are_refused(here):
    del here.repository.targets["model/3.json"]
    here.repository.renote("model/2.json")
    here.repository.add(*prompts_target({"Draw money": "Gol pesa"}, language="luo"))
    here.repository.publish()
    assert refused(here) == MISFIT


@pytest.mark.parametrize("lost", ["timestamp", "snapshot", "targets", "bytes"])
def test_a_stick_that_lacks_a_file_is_refused_by_its_name(here, lost):
    path = (
        here.repository.file_of("model/3.json")
        if lost == "bytes"
        else here.repository.metadata(here.repository.name_of(lost))
    )
    path.unlink()
    assert refused(here) == MISSING


def test_a_path_in_metadata_cannot_leave_the_folder(here, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("keys")
    note, data = model_target(small_model(5), here.station.centre.signer)
    here.repository.add(note, data)
    target = here.repository.targets.pop(note.path)
    here.repository.targets["../../secret"] = target
    here.repository.publish()
    looked = here.look()
    assert looked.refusals[0][:11] == MISFIT
    assert secret.read_text() == "keys"


def test_a_timestamp_longer_than_any_is_not_read_to_its_end(here):
    here.repository.metadata("timestamp.json").write_bytes(b" " * (TIMESTAMP_BYTES_MAX + 1))
    assert refused(here) == ENDLESS


@pytest.mark.parametrize("name", ["../../../hold", "ab" * 31, "AB" * 32, "zz" * 32])
def test_a_hash_that_is_none_names_no_file(here, name):
    """Whoever holds the key of targets must not choose where the station writes."""
    here.repository.targets["model/3.json"].hashes["sha256"] = name
    here.repository.publish()
    assert refused(here) == MISFIT
    assert not (here.folder.parent / "hold").exists()


def test_a_stick_that_is_pulled_out_is_no_fault_of_the_station(here, tmp_path):
    blocked = tmp_path / "blocked"
    shutil.copytree(here.repository.path, blocked)
    (blocked / "metadata" / "timestamp.json").unlink()
    (blocked / "metadata" / "timestamp.json").mkdir()  # reading it gives EISDIR, as EIO would
    assert refused(here, FolderSource(blocked)) == MISSING
    takes_it_afterwards(here)


def test_a_full_disk_stops_the_look_and_not_the_station(here):
    sha256 = here.repository.targets["model/3.json"].hashes["sha256"]
    (here.folder / "parts").mkdir(exist_ok=True)
    part = here.folder / "parts" / sha256
    part.symlink_to("/dev/full")
    with pytest.raises(DiskFullError, match="expected room for an update"):
        here.look()
    assert here.station.apply(1).card.inputs.model_version == 2
    part.unlink()
    shutil.rmtree(here.folder / METADATA_KEPT)
    (here.folder / METADATA_KEPT).write_text("in the way")
    with pytest.raises(StoreError, match="expected a disk that can be written"):
        here.look()
    (here.folder / METADATA_KEPT).unlink()
    takes_it_afterwards(here)
