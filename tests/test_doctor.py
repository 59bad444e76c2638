"""The doctor looks at all that a pass relies on, says what it found, and changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, nullcontext
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reconciler.catalog import load_catalog
from reconciler.cli.doctor import host_of
from reconciler.cli.options import Scope
from reconciler.cli.terminal import Screen
from reconciler.cli.world import open_world
from reconciler.engine import World, reconcile
from reconciler.engine.doctor import dates, diagnose, machine
from reconciler.engine.doctor.diagnosis import ASKED, DECLARED, HERE
from reconciler.engine.doctor.endpoint import without_parts
from reconciler.providers.openai import OpenAIProvider, Wire
from reconciler.providers.protocol import Connection
from reconciler.report.doctor import Check, Status, doctor_json, doctor_text
from reconciler.sandbox import embedded
from reconciler.spec import Price
from reconciler.state import Endpoint, Revision
from tests.e2e.conftest import SPEC, git, lines_of
from tests.e2e.relay import Forward, Relay, Reply, Sent, Spoil, passing, relay_to
from tests.github_fake import REPOSITORY, TOKEN, FakeGithub, served
from tests.make import CLEAN, GATEWAY, MINI, OPENAI, make_calendar, make_facts
from tests.test_remedies import parsed

KEY = "a-key-of-no-known-shape"
PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {name: shop}
spec:
  budget: {per_pass: 5}
"""
ALL = {"settings", "key", *ASKED, *DECLARED, *HERE}
Found = Mapping[str, Check]


def words(_encoding: str, text: str) -> int:
    return len(text.split())


@dataclass
class Place:
    """A project at an endpoint that can be spoiled; its variables are those of the process."""

    root: Path
    relay: Relay
    sandbox: httpx2.Client

    def write(self, path: str, text: str) -> None:
        (self.root / path).write_text(text, encoding="utf-8")

    def strike(self, *faults: dict[str, Any]) -> None:
        plan = {"seed": 0, "faults": list(faults)}
        assert self.sandbox.post("/_sandbox/faults", json=plan).status_code == 200

    def look(self, change: Callable[[World], World] = lambda world: world) -> Found:
        """What is found, by name; of each check the laws that hold whatever it finds."""
        scope = Scope()
        with chdir(self.root), open_world(scope, Screen(has_bars=False)) as world:
            checks = diagnose(scope.request(is_attended=True), change(world), host_of(scope))
        for check in checks:
            parsed(check.remedy)
            assert check.remedy or check.status in (Status.OK, Status.NOTE), check
            assert KEY not in f"{check.found} {check.remedy}"
        assert {check.name for check in checks} == ALL
        assert len(checks) == len(ALL)
        return {check.name: check for check in checks}


def graver(found: Found) -> dict[str, Status]:
    """The checks that somebody should look at."""
    grave = (Status.WARN, Status.FAIL)
    return {name: check.status for name, check in found.items() if check.status in grave}


def answering(part: str, status: int, words: str = "no") -> Spoil:
    """Refuses what is asked below a part of the API, as the service would."""
    body = json.dumps({"error": {"message": words, "code": "any"}}).encode()

    def spoil(sent: Sent, forward: Forward) -> Reply:
        is_meant = sent.path.partition("?")[0].endswith(part)
        return Reply(status, body) if is_meant else forward(sent)

    return spoil


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A clean checkout whose one spec has a job at the endpoint."""
    base = tmp_path_factory.mktemp("doctor")
    root = base / "shop"
    for folder in ("specs", "data"):
        (root / folder).mkdir(parents=True)
    (root / "data/one.jsonl").write_text("".join(lines_of(12, "answer")))
    (root / "specs/one.yaml").write_text(SPEC.format(name="one", epochs=2, data="one"))
    (root / "reconciler.yaml").write_text(PROJECT)
    git(root, "init", "-q", "-b", "main", "--template=")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    with (
        embedded(base / "sandbox", 1.0, words) as sandbox,
        relay_to(sandbox.base_url) as relay,
        httpx2.Client(base_url=sandbox.base_url.removesuffix("/v1")) as control,
        pytest.MonkeyPatch.context() as patch,
        chdir(root),
    ):
        patch.setenv("OPENAI_BASE_URL", relay.base_url)
        patch.setenv("OPENAI_API_KEY", KEY)
        with open_world(Scope(), Screen(has_bars=False)) as world:
            request = Scope().request(max_usd=1)
            reconcile(request, world, approve=lambda _plan: True, tell=lambda _outcome: None)
        assert len(relay.creates) == 1
        yield Place(root, relay, control)


@pytest.fixture
def place(trained: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A copy of the checkout, its ledger included, at the same endpoint."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "GITHUB_", "CI")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_BASE_URL", trained.relay.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("RECONCILER_CACHE", "")
    root = tmp_path / "shop"
    shutil.copytree(trained.root, root)
    trained.relay.sent.clear()
    yield Place(root, trained.relay, trained.sandbox)
    trained.relay.spoil = passing
    trained.strike()


# ---- all of it -----------------------------------------------------------------------------------


def test_of_a_healthy_project_nothing_but_good_is_told(place: Place) -> None:
    found = place.look()
    assert {check.status for check in found.values()} == {Status.OK}, found
    told = {name: check.found for name, check in found.items()}
    assert told["settings"] == f"{place.relay.base_url}, by OPENAI_BASE_URL"
    assert told["key"] == "accepted; 1 job of ours there"
    assert told["metadata"] == "kept: 1 job with our mark"
    assert told["owner filter"].startswith("honoured")
    assert told["ledger"] == "folder .reconciler/ledger; 1 claim, 0 in doubt"
    assert told["specs"] == "1 spec, 1 training"
    assert told["checkout"] == f"clean, at {git(place.root, 'rev-parse', 'HEAD')[:12]}"


def test_nothing_is_changed_at_the_endpoint_or_on_disk(place: Place) -> None:
    shutil.rmtree(place.root / ".reconciler")
    before = sorted(path.relative_to(place.root) for path in place.root.rglob("*"))
    place.look()
    assert sorted(path.relative_to(place.root) for path in place.root.rglob("*")) == before
    # Who begins an upload of nothing is told what is wrong with it.
    writes = [(s.method, s.path, s.body) for s in place.relay.sent if s.method != "GET"]
    assert writes == [("POST", "/v1/uploads", b"{}")]


# ---- settings and key ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_that_is_not_taken_keeps_from_asking_on_and_from_nothing_else(
    place: Place, status: int
) -> None:
    place.relay.spoil = answering("", status, f"Incorrect API key provided: {KEY}")
    found = place.look()
    assert graver(found) == {"key": Status.FAIL}
    assert "Incorrect API key provided: …" in found["key"].found
    assert {found[name].found for name in ASKED} == {"not asked before the key is accepted"}
    who = {401: "who made it", 403: "whoever manages this key", 404: "its address is right"}
    assert who[status] in found["key"].remedy
    assert len(place.relay.sent) == 1


def test_a_key_that_is_not_set_is_told_with_both_ways_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    found = place.look()
    assert graver(found) == {"key": Status.FAIL}
    assert found["key"].remedy.startswith("set it in the environment, or try --sandbox")


def test_settings_that_contradict_each_other_send_nothing_anywhere(place: Place) -> None:
    place.write("reconciler.yaml", PROJECT + "  provider: {base_url: https://api.example/v1}\n")
    found = place.look()
    assert graver(found) == {"settings": Status.FAIL}
    assert "OPENAI_BASE_URL" in found["settings"].found
    assert "unset the variable" in found["settings"].remedy
    assert {found[name].found for name in DECLARED} == {"not asked before the settings are right"}
    assert place.relay.sent == []


def test_a_project_that_cannot_be_read_sends_nothing_anywhere(place: Place) -> None:
    place.write("reconciler.yaml", PROJECT + "  nonsense: {base_url: https://api.example/v1}\n")
    assert graver(place.look()) == {"settings": Status.FAIL, "specs": Status.FAIL}
    assert place.relay.sent == []


def test_what_is_sent_along_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.look()["organisation"].found.startswith("none sent: the key has its own; ")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-a")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj_b")
    place.relay.sent.clear()
    told = place.look()["organisation"].found
    assert told.startswith("organization org-a and project proj_b; ")
    assert {sent.headers["openai-organization"] for sent in place.relay.sent} == {"org-a"}


def test_specs_with_problems_keep_nobody_from_asking_the_endpoint(place: Place) -> None:
    place.write("specs/two.yaml", "kind: FineTune\nnonsense: 1\n")
    found = place.look()
    assert graver(found) == {"specs": Status.FAIL}
    assert "problems in specs or datasets" in found["specs"].found
    assert found["key"].status is Status.OK
    assert found["bases"].found == found["prices"].found == dates.NO_BASE


def test_an_owner_that_nobody_wrote_and_a_budget_that_nobody_set_are_noted(place: Place) -> None:
    (place.root / "reconciler.yaml").unlink()
    found = place.look()
    notes = {name for name, check in found.items() if check.status is Status.NOTE}
    assert notes == {"owner", "budget", "checkout"}
    assert found["owner"].found.startswith("shop, by the folder's name")
    assert "metadata.name" in found["owner"].remedy
    assert "spec.budget.per_pass" in found["budget"].remedy


# ---- what the endpoint can do --------------------------------------------------------------------


def test_metadata_that_got_lost_is_seen_by_the_jobs_that_the_ledger_names(place: Place) -> None:
    place.strike({"what": "drop_metadata"})
    found = place.look()
    assert graver(found) == {"metadata": Status.WARN}
    assert "without our mark: ftjob-" in found["metadata"].found
    assert found["metadata"].found.endswith("; 0 jobs with it")


def test_a_filter_that_is_ignored_is_noted(place: Place) -> None:
    place.strike({"what": "ignore_filter"})
    found = place.look()
    assert graver(found) == {}
    assert found["owner filter"].status is Status.NOTE
    assert found["owner filter"].found.startswith("not honoured")


def test_what_only_jobs_can_show_is_not_known_before_there_are_any(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded(tmp_path / "empty", 1.0, words) as sandbox:
        monkeypatch.setenv("OPENAI_BASE_URL", sandbox.base_url)
        found = place.look()
    notes = {name for name, check in found.items() if check.status is Status.NOTE}
    assert notes == {"metadata", "owner filter", "checkpoints"}
    assert all(found[name].found.startswith("not known yet") for name in notes)


@pytest.mark.parametrize(
    ("part", "name", "status"),
    [
        ("/uploads", "uploads", Status.NOTE),
        ("/files", "files", Status.FAIL),
        ("/checkpoints", "checkpoints", Status.NOTE),
        ("/models", "organisation", Status.FAIL),
    ],
)
def test_a_call_that_the_endpoint_does_not_have_is_as_grave_as_what_needs_it(
    place: Place, part: str, name: str, status: Status
) -> None:
    place.relay.spoil = answering(part, 404)
    found = place.look()
    assert found[name].status is status
    others = {"shutdown dates"} if part == "/models" else set()
    assert set(graver(found)) - {name} == others


def test_a_list_of_files_that_this_key_may_not_read_is_told_as_the_key_s(place: Place) -> None:
    place.relay.spoil = answering("/files", 403, "missing scope: api.files.read")
    found = place.look()
    assert graver(found) == {"files": Status.FAIL}
    assert "missing scope" in found["files"].found
    assert "whoever manages this key" in found["files"].remedy


def test_a_spec_that_starts_from_a_checkpoint_needs_them_shown(place: Place) -> None:
    child = SPEC.format(name="two", epochs=1, data="one").replace(
        f"model: {MINI}", "model: {from: one, checkpoint: 12}"
    )
    place.write("specs/two.yaml", child)
    place.relay.spoil = answering("/checkpoints", 404)
    found = place.look()
    assert graver(found) == {"checkpoints": Status.FAIL}
    assert found["checkpoints"].found == "not shown, and two starts from one"


def test_without_parts_a_large_dataset_cannot_be_sent() -> None:
    small, large = make_facts("small"), make_facts("large", bytes=600_000_000)
    assert without_parts([small], "reconcile doctor").status is Status.NOTE
    verdict = without_parts([small, large], "reconcile doctor")
    assert (verdict.status, "data/large.jsonl" in verdict.found) == (Status.FAIL, True)


@pytest.mark.parametrize(("ours", "side"), [(-300, "behind"), (86_400, "ahead of")])
def test_a_clock_that_is_off_is_told_with_its_side(place: Place, ours: int, side: str) -> None:
    endpoint = Endpoint(place.relay.base_url, place.relay.base_url)
    provider = OpenAIProvider(endpoint, KEY, wire=Wire(wall=lambda: time.time() + ours))
    connection = Connection(endpoint, provider, provider, provider)
    found = place.look(lambda world: replace(world, connect=lambda _: nullcontext(connection)))
    provider.close()
    assert graver(found) == {"clock": Status.WARN}
    seconds, told = found["clock"].found.split(" s ")
    assert told == f"{side} the endpoint's"
    assert abs(int(seconds.replace(",", "")) - abs(ours)) <= 2  # its Date has whole seconds


# ---- ledger and checkout -------------------------------------------------------------------------


def only(folder: Path, pattern: str) -> Path:
    (path,) = folder.rglob(pattern)
    return path


def test_a_claim_that_nothing_answers_is_in_doubt(place: Place) -> None:
    only(place.root / ".reconciler/ledger", "*.closing").unlink()
    assert place.look()["ledger"].found.endswith("1 claim, 0 in doubt")  # its job is there
    claim = only(place.root / ".reconciler/ledger", "*.claim")
    claim.write_text(claim.read_text().replace(json.loads(claim.read_text())["nonce"], "other"))
    found = place.look()
    assert graver(found) == {"ledger": Status.WARN}
    assert found["ledger"].found.endswith("1 claim, 1 in doubt")
    assert found["ledger"].remedy.endswith("reconcile status")


def test_without_the_jobs_nobody_says_that_a_claim_is_in_doubt(place: Place) -> None:
    only(place.root / ".reconciler/ledger", "*.closing").unlink()
    place.relay.spoil = answering("", 401)
    found = place.look()
    assert graver(found) == {"key": Status.FAIL, "ledger": Status.WARN}
    assert "in doubt" not in found["ledger"].found


def test_a_ledger_that_cannot_be_read_fails_alone(place: Place) -> None:
    only(place.root / ".reconciler/ledger", "*.claim").write_text("{")
    found = place.look()
    assert graver(found) == {"ledger": Status.FAIL}
    assert "is damaged" in found["ledger"].found
    assert "restore it from a backup" in found["ledger"].remedy


def test_a_ledger_that_cannot_be_written_is_told_without_writing(place: Place) -> None:
    place.write("taken", "no folder")
    place.write("reconciler.yaml", PROJECT + "  ledger: {path: taken/ledger}\n")
    found = place.look()
    assert graver(found) == {"ledger": Status.FAIL}
    assert "can't be written" in found["ledger"].found
    assert not machine.can_write(place.root / "taken")
    assert machine.can_write(place.root / "a/b/c")


def test_a_ledger_that_dies_with_its_machine_is_warned_of(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    found = place.look()
    assert graver(found) == {"ledger": Status.WARN}
    assert "kind: github" in found["ledger"].remedy


@pytest.mark.parametrize(
    ("permission", "status"), [("write", Status.NOTE), ("read", Status.NOTE), ("", Status.FAIL)]
)
def test_whether_github_takes_a_record_is_known_only_by_trying(
    place: Place, monkeypatch: pytest.MonkeyPatch, permission: str, status: Status
) -> None:
    place.write("reconciler.yaml", PROJECT + "  ledger: {kind: github}\n")
    github = FakeGithub(permission=permission)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    with served(github) as url:
        monkeypatch.setenv("GITHUB_API_URL", url)
        ledger = place.look()["ledger"]
    assert ledger.status is status
    assert {call.method for call in github.calls} == {"GET"}
    if status is Status.NOTE:
        assert f"GitHub {REPOSITORY}" in ledger.found
        assert "known only by trying" in ledger.found


def test_a_token_that_is_missing_is_told_as_a_setting(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    place.write("reconciler.yaml", PROJECT + "  ledger: {kind: github}\n")
    found = place.look()
    assert graver(found) == {"ledger": Status.FAIL}
    assert "GITHUB_TOKEN" in found["ledger"].found


@pytest.mark.parametrize(
    ("revision", "status"),
    [
        (CLEAN, Status.OK),
        (replace(CLEAN, is_dirty=True), Status.NOTE),
        (Revision(), Status.NOTE),
        (Revision(is_dirty=True), Status.WARN),
    ],
)
def test_a_checkout_is_as_good_as_what_models_trace_to(revision: Revision, status: Status) -> None:
    verdict = machine.checkout(revision)
    assert verdict.status is status
    assert bool(verdict.remedy) is (status is not Status.OK)


def test_a_shallow_clone_is_noted(place: Place, tmp_path: Path) -> None:
    git(place.root, "commit", "-q", "--allow-empty", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth", "1", place.root.as_uri(), "shallow")
    found = replace(place, root=tmp_path / "shallow").look()
    assert graver(found) == {}
    assert found["history"].status is Status.NOTE
    assert "git fetch --unshallow" in found["history"].remedy


# ---- days, catalog, prices -----------------------------------------------------------------------

LAST = date(2027, 1, 6)  # of new jobs at OpenAI, by the catalog
ENDS = date(2027, 1, 14)  # of MINI there


def before(day: date, days: int) -> date:
    return day - timedelta(days=days)


@pytest.mark.parametrize(
    ("days", "status", "told"),
    [
        (100, Status.OK, "100 days"),
        (90, Status.NOTE, "90 days"),
        (1, Status.NOTE, "1 day"),
        (0, Status.NOTE, "0 days"),
        (-1, Status.WARN, "and no more"),
    ],
)
def test_new_jobs_are_taken_until_a_day(days: int, status: Status, told: str) -> None:
    verdict = dates.calendar(make_calendar(OPENAI, today=before(LAST, days)))
    assert (verdict.status, verdict.found.endswith(told)) == (status, True)
    assert "2027-01-06" in verdict.found


def test_an_endpoint_without_a_calendar_has_no_last_day() -> None:
    assert dates.calendar(make_calendar(GATEWAY)).status is Status.OK


@pytest.mark.parametrize(
    ("days", "status"),
    [(91, Status.OK), (90, Status.NOTE), (14, Status.NOTE), (13, Status.WARN), (-5, Status.WARN)],
)
def test_bases_are_told_with_their_last_day(days: int, status: Status) -> None:
    verdict = dates.bases(make_calendar(OPENAI, today=before(ENDS, days)), (MINI, "gpt-9"), 14)
    assert verdict.status is status
    assert "2027-01-14" in verdict.found
    assert "gpt-9: no last day is known" in verdict.found


def test_the_endpoint_s_word_against_the_catalog_s_is_told_with_both() -> None:
    def told(**shutdown: str) -> tuple[Status, str]:
        live = {name.replace("_", "-"): day for name, day in shutdown.items()}
        verdict = dates.shutdown_dates(make_calendar(OPENAI, shutdown=live))
        return verdict.status, verdict.found

    assert told(gpt_4o_mini_2024_07_18="2027-01-14")[0] is Status.OK
    assert told(gpt_9="2020-01-01", gpt_4o_mini_2024_07_18="")[0] is Status.OK
    status, found = told(gpt_4o_mini_2024_07_18="2027-02-01")
    assert status is Status.WARN
    assert found == f"{MINI} ends on 2027-02-01 by the endpoint, and on 2027-01-14 by the catalog"


def test_a_date_that_the_endpoint_announces_is_asked_of_it(place: Place) -> None:
    def announce(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if sent.path != "/v1/models" or reply.body is None:
            return reply
        return replace(reply, body=reply.body.replace(b"null", b'"2099-12-31"'))

    place.relay.spoil = announce
    found = place.look()
    assert f"{MINI} until 2099-12-31" in found["bases"].found
    assert not found["shutdown dates"].found.startswith("0 dates")


@pytest.mark.parametrize(("age", "status"), [(90, Status.OK), (91, Status.WARN)])
def test_the_catalog_is_too_old_where_a_base_of_ours_was_read_long_ago(
    age: int, status: Status
) -> None:
    catalog = load_catalog()
    row = catalog.base(MINI)
    assert row is not None
    day = row.as_of + timedelta(days=age)
    assert dates.catalog_age(catalog, (MINI, "gpt-9"), day).status is status
    assert dates.catalog_age(catalog, (), day).status is Status.OK


def test_a_base_without_a_price_is_told_with_the_way_to_set_one() -> None:
    catalog = load_catalog()
    assert dates.prices(catalog, (MINI,), {}).status is Status.OK
    verdict = dates.prices(catalog, (MINI, "gpt-9"), {})
    assert (verdict.status, "gpt-9" in verdict.found, MINI in verdict.found) == (
        Status.WARN,
        True,
        False,
    )
    own = {"gpt-9": Price(training=1.0, source="a contract")}
    assert dates.prices(catalog, ("gpt-9",), own).status is Status.OK


# ---- how it is told ------------------------------------------------------------------------------

TWO = (
    Check("key", Status.OK, "accepted"),
    Check("clock", Status.WARN, "75 s behind\x1b[2J sk-0123456789abcdef", "set it"),
    Check("files", Status.FAIL, "not listed", "ask"),
    Check("owner", Status.NOTE, "shop"),
)


def test_people_read_a_line_a_check_and_a_sentence() -> None:
    assert doctor_text(TWO).splitlines() == [
        "ok    key    accepted",
        "WARN  clock  75 s behind [2J sk-…",
        "             → set it",
        "FAIL  files  not listed",
        "             → ask",
        "note  owner  shop",
        "4 checks: 1 ok, 1 note, 1 warning, 1 failure.",
    ]


def test_programs_read_the_same() -> None:
    told = json.loads(doctor_json(TWO))
    assert (told["schema_version"], told["kind"]) == (1, "doctor")
    assert told["summary"] == {"checks": 4, "ok": 1, "notes": 1, "warnings": 1, "failures": 1}
    assert told["checks"][0] == {
        "name": "key",
        "status": "ok",
        "found": "accepted",
        "remedy": None,
    }
    assert [check["status"] for check in told["checks"]] == ["ok", "warn", "fail", "note"]
