"""The centre's side of updates: keys, versions on their way, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tuf.api.metadata import Metadata

from core.canonical import canonical_bytes, parse_canonical
from core.shape import decode, encode
from core.timeline import CLOCK_SETTING, DEMO_SETTING, clock_text
from core.units import MS_PER_DAY, day_start_ms
from core.wire.modelfile import Model
from core.wire.update import ModelPack, ProductPack, Rollout, vectors_that_differ
from server.app import main
from server.services.publishing.files import VERSIONS_KEPT, Folder
from server.services.publishing.rollout import VERSIONS_LISTED_MAX
from server.services.publishing.signing import Publisher
from tests.support.centre_kit import PRODUCTS, keys_of, model
from tests.support.update_repository import basemap_bytes

SEASON_MS = day_start_ms(date(2026, 3, 20))
PRODUCT = PRODUCTS / "crop-season.toml"


class Shell:
    """Runs the commands on one centre in a folder, by a clock that a test turns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config = folder / "centre" / "server.toml"
        self.at_ms = SEASON_MS
        self.set_days(0)

    def set_days(self, days: int) -> None:
        self.at_ms += days * MS_PER_DAY
        (self.folder / "clock").write_text(clock_text(self.at_ms))

    def run(self, *words: str | Path, code: int = 0) -> str:
        environ = {CLOCK_SETTING: str(self.folder / "clock"), DEMO_SETTING: "1"}
        found = CliRunner(env=environ).invoke(main, [str(word) for word in words])
        assert found.exit_code == code, found.output + repr(found.exception)
        return found.output if code else found.stdout

    def on(self, command: str, *words: str | Path) -> dict[str, Any]:
        return json.loads(self.run(*command.split(), "--config", self.config, *words, "--json"))

    def refused(self, command: str, *words: str | Path, code: int = 3) -> str:
        return self.run(*command.split(), "--config", self.config, *words, code=code)

    def by(self, officer: str, command: str, *words: str | Path) -> dict[str, Any]:
        """A command that an officer gives by name and password; both are made when needed."""
        secret = self.folder / f"{officer}.password"
        if not secret.exists():
            secret.write_text("a long enough secret", encoding="utf-8")
            role = "lender" if officer == "maria" else "supervisor"
            self.run("user", "add", officer, "--role", role, "--password-file", secret,
                     "--config", self.config)  # fmt: skip
        proof = ("--officer", officer, "--password-file", secret)
        return self.on(command, *words, *proof)

    def approved(self, version: int) -> None:
        """A model that Maria proposed and Chen approved."""
        self.on("model add", write_model(self, version))
        self.by("maria", "model propose", str(version))
        self.by("chen", "model approve", str(version))

    def station(self, name: str, number: int = 2) -> None:
        path = self.folder / f"{name}.pub.json"
        path.write_bytes(canonical_bytes(encode(keys_of(name, number).identity())))
        self.run("enroll-station", "--config", self.config, path)

    def listed(self) -> dict[str, dict[str, Any]]:
        found = self.on("updates status")["repository"]["targets"]
        return {f"{one['note']['slot']} {one['note']['version']}": one for one in found}

    def metadata(self, name: str) -> Any:
        path = self.folder / "centre" / "updates" / "metadata" / name
        return Metadata.from_bytes(path.read_bytes())

    def target(self, listed: dict[str, Any]) -> bytes:
        note = listed["note"]
        slot, _, _ = note["slot"].partition("/")
        name = f"{listed['sha256']}.{note['version']}.*"
        found = list((self.folder / "centre" / "updates" / "targets").rglob(name))
        assert len(found) == 1, (slot, found)
        return found[0].read_bytes()


@pytest.fixture
def shell(tmp_path):
    return publishing(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """One centre for what is refused: nothing is ever published there."""
    return publishing(tmp_path_factory.mktemp("untouched"))


def publishing(folder: Path) -> Shell:
    found = Shell(folder)
    found.run("init", "--out", folder / "centre")
    found.on("updates init", "--root-keys-out", folder / "roots")
    return found


def root_keys(shell: Shell, *numbers: int, folder: str = "roots") -> list[str]:
    words = []
    for number in numbers:
        words += ["--root-key", str(shell.folder / folder / f"root-{number}.key")]
    return words


def write_model(shell: Shell, version: int) -> Path:
    path = shell.folder / f"model-{version}.json"
    path.write_bytes(canonical_bytes(encode(model(version))))
    return path


def revised(shell: Shell, version: int, **changes: str) -> Path:
    text = PRODUCT.read_text(encoding="utf-8").replace("version = 1", f"version = {version}", 1)
    for old, new in changes.items():
        text = text.replace(old, new)
    path = shell.folder / f"product-{version}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_init_keeps_root_keys_apart_and_asks_for_two_of_three(shell):
    roots = sorted((shell.folder / "roots").iterdir())
    assert [path.name for path in roots] == ["root-1.key", "root-2.key", "root-3.key"]
    for path in (*roots, shell.folder / "centre" / "updates.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    root = shell.metadata("1.root.json")
    assert root.signed.roles["root"].threshold == 2
    assert len(root.signed.roles["root"].keyids) == 3
    assert set(json.loads((shell.folder / "centre" / "updates.key").read_text())) == {
        "timestamp", "snapshot", "targets",
    }  # fmt: skip
    again = shell.refused("updates init", "--root-keys-out", shell.folder / "more", code=4)
    assert "is not overwritten" in again
    assert not (shell.folder / "more").exists()


def test_metadata_outlast_the_darkness_and_status_says_when_to_renew(shell):
    found = shell.on("updates status")
    days = {
        role: (date.fromisoformat(on) - date(2026, 3, 20)).days
        for role, on in found["repository"]["expires"].items()
    }
    assert min(days.values()) >= 90
    assert found["warnings"] == []
    shell.set_days(40)
    (warning,) = shell.on("updates status")["warnings"]
    assert warning == (
        "timestamp can be trusted for 80 days more, a station may be dark for 90: run updates renew"
    )
    shell.on("updates renew")
    assert shell.on("updates status")["warnings"] == []
    shell.set_days(1_000)
    assert any("rotate-root" in one for one in shell.on("updates status")["warnings"])


def test_a_model_is_published_as_its_officers_say(shell):
    """Nothing before two of them approved it; then canaries, a share, all; and taken back."""
    shell.station("st-one")
    shell.approved(1)
    shell.by("chen", "model promote", "1")
    shell.on("model add", write_model(shell, 2))
    shell.by("maria", "model propose", "2")
    assert list(shell.listed()) == ["model 1"], "what is not approved is not even published"
    shell.by("chen", "model approve", "2")
    shell.by("chen", "model stage", "2", "--station", "st-one", "--percent", "10")
    listed = shell.listed()["model 2"]
    assert listed["note"]["rollout"] == {"stations": ["st-one"], "share_ppm": 100_000}
    pack = decode(ModelPack, parse_canonical(shell.target(listed), 2**20))
    found = decode(Model, pack.model["body"])
    assert vectors_that_differ(found, pack.golden) == ()
    assert {vector.points for vector in pack.golden} >= {500, 600}  # both sides of an edge
    models = {m["version"]: m["state"] for m in shell.on("model list")["models"]}
    assert models == {1: "active", 2: "candidate"}
    shell.by("chen", "model promote", "2")
    models = {m["version"]: m["state"] for m in shell.on("model list")["models"]}
    assert models == {1: "superseded", 2: "active"}
    assert shell.listed()["model 2"]["note"]["rollout"]["share_ppm"] == 1_000_000
    assert shell.by("chen", "model roll-back", "2")["in_force"] == 1
    assert shell.listed()["model 2"]["note"]["withdrawn"]
    assert not shell.listed()["model 1"]["note"]["withdrawn"]


@pytest.mark.parametrize("act", ["stage", "promote", "withdraw"])
def test_models_do_not_move_by_the_updates_own_commands(shell, act):
    shell.approved(1)
    assert "two persons approve it" in shell.refused(f"updates {act}", "model", "1")


def test_a_product_waits_too_and_comes_into_force_when_it_is_promoted(shell):
    shell.on("updates add-product", PRODUCT)
    assert shell.on("product list")["products"] == []
    shell.on("updates promote", "product/crop-season", "1")
    listed = shell.on("updates add-product", revised(shell, 2))
    pack = decode(ProductPack, parse_canonical(shell.target(listed), 2**20))
    assert pack.policy_version.startswith("crop-season@2:")
    assert [p["version"] for p in shell.on("product list")["products"]] == [1]
    shell.on("updates promote", "product/crop-season", "2")
    assert [p["version"] for p in shell.on("product list")["products"]] == [2]


def test_a_roll_out_grows_and_never_shrinks_by_itself(shell):
    slot = "product/crop-season"
    shell.on("updates add-product", PRODUCT)
    shell.on("updates stage", slot, "1", "--station", "st-one", "--percent", "10")
    assert "expected at least as many" in shell.refused(
        "updates stage", slot, "1", "--percent", "5"
    )
    more = shell.on("updates stage", slot, "1", "--station", "st-two")
    assert more["note"]["rollout"] == {"stations": ["st-one", "st-two"], "share_ppm": 100_000}
    shell.on("updates promote", slot, "1")
    assert "expected at least as many" in shell.refused(
        "updates stage", slot, "1", "--percent", "10"
    )
    assert "is in force at this centre" in shell.refused("updates withdraw", slot, "1")
    shell.on("updates add-product", revised(shell, 2))
    shell.on("updates promote", slot, "2")
    withdrawn = shell.on("updates withdraw", slot, "1")["note"]
    assert withdrawn["withdrawn"], "what was in force and is no more may be taken back"
    assert "was withdrawn" in shell.refused("updates stage", slot, "1")


def test_a_product_that_is_in_force_is_not_withdrawn_whatever_its_share(shell):
    shell.on("updates add-product", PRODUCT)
    shell.on("updates promote", "product/crop-season", "1")
    desk = Publisher(
        Folder(shell.folder / "centre" / "updates"), shell.folder / "centre" / "updates.key", 0
    )
    (one,) = dataclasses.replace(desk, at_ms=shell.at_ms).listed()
    small = dataclasses.replace(one, note=dataclasses.replace(one.note, rollout=Rollout()))
    dataclasses.replace(desk, at_ms=shell.at_ms).publish([small])  # as a crash may leave it
    refusal = shell.refused("updates withdraw", "product/crop-season", "1")
    assert "is in force at this centre" in refusal


def test_versions_go_up_and_what_runs_everywhere_stays_listed(shell):
    shell.on("updates add-product", revised(shell, 3))
    shell.on("updates promote", "product/crop-season", "3")
    for version in range(4, 4 + VERSIONS_LISTED_MAX + 1):
        shell.on("updates add-product", revised(shell, version))
    targets = shell.on("updates status")["repository"]["targets"]
    assert [one["note"]["version"] for one in targets] == [3, *range(5, 11)]
    assert "expected a version above 10" in shell.refused("updates add-product", revised(shell, 2))
    assert [p["version"] for p in shell.on("product list")["products"]] == [3]


def test_targets_that_nobody_can_ask_for_any_more_are_removed(shell):
    path = shell.folder / "map.pmtiles"
    for version in range(1, VERSIONS_LISTED_MAX + 3):
        path.write_bytes(basemap_bytes(tiles=version))
        shell.on("updates add-basemap", path, "--version", str(version))
    folder = shell.folder / "centre" / "updates" / "targets"
    assert len(list(folder.rglob("*.pmtiles"))) == VERSIONS_LISTED_MAX + 2, "some may be asked for"
    for _ in range(VERSIONS_KEPT):
        shell.on("updates renew")
    assert len(list(folder.rglob("*.pmtiles"))) == VERSIONS_LISTED_MAX


def test_there_is_one_way_to_the_stations(shell):
    assert "this centre publishes updates" in shell.refused("product add", PRODUCT)


def test_a_version_is_never_published_with_other_content(shell):
    shell.on("updates add-product", PRODUCT)
    assert shell.on("updates add-product", PRODUCT)["note"]["version"] == 1  # the same again
    other = revised(shell, 1, maize="millet")
    assert "HL-SRV-005" in shell.refused("updates add-product", other, code=4)
    shell.on("model add", write_model(shell, 1))
    changed = write_model(shell, 1)
    changed.write_bytes(changed.read_bytes().replace(b'"base":500', b'"base":501'))
    assert "HL-SRV-005" in shell.refused("model add", changed, code=4)
    path = shell.folder / "map.pmtiles"
    path.write_bytes(basemap_bytes())
    shell.on("updates add-basemap", path, "--version", "1")
    path.write_bytes(basemap_bytes(tiles=4))
    assert "raise the version" in shell.refused("updates add-basemap", path, "--version", "1")


def test_what_is_in_force_is_not_withdrawn_and_what_is_withdrawn_not_promoted(shell):
    slot = "product/crop-season"
    shell.on("updates add-product", PRODUCT)
    shell.on("updates promote", slot, "1")
    assert "is in force at this centre" in shell.refused("updates withdraw", slot, "1")
    shell.on("updates add-product", revised(shell, 2))
    shell.on("updates withdraw", slot, "2")
    assert "was withdrawn" in shell.refused("updates promote", slot, "2")
    assert "expected a version that was added" in shell.refused("updates stage", slot, "9")
    assert "HL-CORE-003" in shell.refused("updates stage", "../model", "1")


@pytest.mark.parametrize(
    ("command", "content", "code", "told"),
    [
        ("add-basemap", b"no map at all", 3, "HL-CORE-003"),
        ("add-basemap", basemap_bytes()[:-10], 3, "HL-CORE-003"),
        ("add-prompts", b"[]", 3, "HL-CORE-003"),
        ("add-prompts", b'{"language": "sw", "name": "Kiswahili", "messages": []}', 3, "HL-CORE"),
        ("add-product", b"product_id = 1", 3, "HL-CORE-003"),
        ("add-product", b"\xff", 3, "HL-CORE-011"),
    ],
)
def test_what_a_station_would_refuse_is_refused_here_first(untouched, command, content, code, told):
    path = untouched.folder / "given"
    path.write_bytes(content)
    version = ["--version", "1"] if command in ("add-basemap", "add-prompts") else []
    assert told in untouched.refused(f"updates {command}", path, *version, code=code)
    assert untouched.on("updates status")["repository"]["targets"] == []


def test_the_root_s_keys_sign_by_threshold_and_rotate(shell):
    refusal = shell.refused("updates rotate-online", *root_keys(shell, 1), code=4)
    assert "expected 2 different keys of the root in force, got 1" in refusal
    twice = shell.refused("updates rotate-root", *root_keys(shell, 2, 2), code=4)
    assert "got 1 of them" in twice
    before = (shell.folder / "centre" / "updates.key").read_bytes()
    assert shell.on("updates rotate-online", *root_keys(shell, 1, 3))["root_version"] == 2
    assert (shell.folder / "centre" / "updates.key").read_bytes() != before
    new = ["--root-keys-out", str(shell.folder / "new"), "--root-keys", "5", "--threshold", "3"]
    rotated = shell.on("updates rotate-root", *root_keys(shell, 1, 2), *new)
    assert (rotated["root_version"], rotated["root_keys"], rotated["threshold"]) == (3, 5, 3)
    assert "0 of them and 2 others" in shell.refused(
        "updates rotate-root", *root_keys(shell, 1, 2), code=4
    )
    shell.set_days(500)
    renewed = shell.on("updates rotate-root", *root_keys(shell, 1, 2, 3, folder="new"))
    assert renewed["root_version"] == 4
    assert renewed["expires"] > rotated["expires"]
    for version in (2, 3, 4):  # each is signed by the one before it and by itself
        old, found = (
            shell.metadata(f"{version - 1}.root.json"),
            shell.metadata(f"{version}.root.json"),
        )
        old.signed.verify_delegate("root", found.signed_bytes, found.signatures)
        found.signed.verify_delegate("root", found.signed_bytes, found.signatures)


@pytest.mark.parametrize("words", [("--root-keys", "2", "--threshold", "3"), ("--threshold", "0")])
def test_a_threshold_that_cannot_be_met_leaves_no_key_behind(tmp_path, shell, words):
    bare = Shell(tmp_path / "bare")
    bare.run("init", "--out", bare.folder / "centre")
    before = sorted(bare.folder.rglob("*"))
    refusal = bare.refused("updates init", "--root-keys-out", bare.folder / "roots", *words, code=4)
    assert "expected a threshold of 1 to the number of keys" in refusal
    after = sorted(path for path in bare.folder.rglob("*") if path.name != ".lock")
    assert [path for path in after if path.is_file()] == [p for p in before if p.is_file()]
    bare.on("updates init", "--root-keys-out", bare.folder / "roots")
    new = ["--root-keys-out", str(shell.folder / "new"), *words]
    shell.refused("updates rotate-root", *root_keys(shell, 1, 2), *new, code=4)
    strangers = root_keys(bare, 1, 2)
    shell.refused("updates rotate-root", *strangers, *new[:2], code=4)
    assert not (shell.folder / "new").exists()


def test_new_root_keys_are_numbered_from_the_highest(shell):
    roots = shell.folder / "roots"
    (roots / "root-1.key").rename(shell.folder / "carried-away.key")
    (roots / "root-note.key").write_text("no number")
    keys = ["--root-key", str(shell.folder / "carried-away.key"), *root_keys(shell, 3)]
    shell.on("updates rotate-root", *keys, "--root-keys-out", roots)
    found = sorted(path.name for path in roots.iterdir())
    assert found == [*(f"root-{n}.key" for n in (2, 3, 4, 5, 6)), "root-note.key"]


def test_keys_that_the_root_does_not_trust_publish_nothing(shell):
    path = shell.folder / "centre" / "updates.key"
    seeds = dict.fromkeys(json.loads(path.read_text()), "ab" * 32)
    path.write_text(json.dumps(seeds))
    before = shell.metadata("timestamp.json").signed.version
    assert "HL-SRV-013" in shell.refused("updates renew", code=4)
    assert shell.metadata("timestamp.json").signed.version == before
    path.chmod(0o644)
    assert "HL-SRV-010" in shell.refused("updates renew", code=6)


def test_an_export_holds_what_stations_need_and_no_key(shell):
    shell.on("updates add-product", PRODUCT)
    shell.on("updates export", shell.folder / "stick")
    names = [p.relative_to(shell.folder / "stick") for p in (shell.folder / "stick").rglob("*")]
    assert {part.parts[0] for part in names} == {"metadata", "targets"}
    assert not [name for name in names if "key" in name.name or name.name.startswith(".")]


def test_old_publications_are_forgotten_but_for_those_under_way(shell):
    centre = shell.folder / "centre"
    publisher = Publisher(Folder(centre / "updates"), centre / "updates.key", shell.at_ms)
    for _ in range(VERSIONS_KEPT + 3):
        publisher.renew()
    found = list((centre / "updates" / "metadata").glob("*.snapshot.json"))
    assert len(found) == VERSIONS_KEPT
    assert publisher.standing().versions == {
        "root": 1, "timestamp": VERSIONS_KEPT + 4, "snapshot": VERSIONS_KEPT + 4,
        "targets": VERSIONS_KEPT + 4,
    }  # fmt: skip


def test_without_a_repository_the_commands_say_what_to_do(tmp_path):
    shell = Shell(tmp_path)
    shell.run("init", "--out", tmp_path / "centre")
    for command in ("updates status", "updates renew"):
        assert "run updates init" in shell.refused(command, code=4)
    assert "run updates init" in shell.refused("updates add-product", PRODUCT, code=4)
    assert shell.on("product list")["products"] == []
    shell.on("product add", PRODUCT)  # without updates, the log is the one way
