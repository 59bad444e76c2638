"""The ledger on GitHub: whatever its API does, a right is given once, or nothing is sent."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx2
import pytest
import stamina

from reconciler.cache import write_entry
from reconciler.errors import LedgerError, SettingsError
from reconciler.ledger import Ledger, Put
from reconciler.ledger.gitdata import GitData
from reconciler.ledger.github import GithubRecords, open_github
from reconciler.state import Claim, Closing, ClosingKind, Right
from tests.github_fake import (
    LOST,
    REPOSITORY,
    TOKEN,
    Answer,
    Call,
    Carry,
    FakeGithub,
    FakeTransport,
    Spoil,
    deliver_twice,
    fail_after,
    fail_before,
    limit,
    lose_the_reply,
    lose_the_request,
    on_ref_puts,
    refused,
    served,
    told,
)

CLAIM = Claim("https://api.example/v1", "a" * 64, 1, "nonce", 100, "shop", "one")
OTHER = replace(CLAIM, nonce="another")


@dataclass
class Runner:
    """One runner's way to a fake GitHub."""

    github: FakeGithub = field(default_factory=FakeGithub)
    token: str = TOKEN
    repository: str = REPOSITORY
    cache: Path | None = None
    workers: int = 1
    attempts: int = 1

    @property
    def records(self) -> GithubRecords:
        client = httpx2.Client(
            base_url=self.github.base_url,
            transport=FakeTransport(self.github),
            headers={"Authorization": f"Bearer {self.token}"},
        )
        api = GitData(client, self.repository, self.attempts)
        return GithubRecords(api, self.cache, self.workers)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.records)

    def claim_others(self, count: int) -> list[Claim]:
        claims = [replace(CLAIM, key=f"{number:064}") for number in range(count)]
        assert all(self.ledger.claim(claim) for claim in claims)
        return claims

    def rights(self) -> tuple[Right, ...]:
        return self.ledger.rights(CLAIM.endpoint)

    def calls_of(self, method: str, kind: str) -> int:
        return sum(
            call.method == method and f"/git/{kind}" in call.path for call in self.github.calls
        )


@pytest.fixture
def runner() -> Runner:
    return Runner()


@pytest.fixture
def quick_retries() -> Iterator[None]:
    """Retries without their pauses."""
    with stamina.set_testing(True, attempts=9, cap=True):
        yield


# ---- a claim whose answer isn't a plain yes ------------------------------------------------------


@pytest.mark.parametrize("spoiled", [lose_the_reply, fail_after, deliver_twice])
def test_a_claim_that_was_written_stands_whatever_its_answer(
    runner: Runner, spoiled: Spoil
) -> None:
    runner.github.spoil = on_ref_puts(spoiled)
    assert runner.ledger.claim(CLAIM)
    assert not runner.ledger.claim(OTHER)
    assert runner.rights() == (Right(CLAIM),)


def test_a_lost_answer_says_neither_yes_nor_no(runner: Runner) -> None:
    runner.github.spoil = on_ref_puts(lose_the_reply)
    assert runner.records.put("a/b/0001.claim", "text") is Put.UNSURE


@pytest.mark.parametrize("spoiled", [lose_the_request, fail_before])
def test_a_claim_that_was_not_written_is_no_right_and_leaves_no_phantom(
    runner: Runner, spoiled: Spoil
) -> None:
    runner.github.spoil = on_ref_puts(spoiled, times=1)
    with pytest.raises(LedgerError, match="nobody knows"):
        runner.ledger.claim(CLAIM)
    assert runner.rights() == ()
    assert runner.ledger.claim(OTHER)


def test_a_claim_that_arrives_after_it_was_given_up_is_seen_by_the_next_pass(
    runner: Runner,
) -> None:
    late: list[Callable[[], Answer]] = []

    def delay(call: Call, carry: Carry) -> Answer:
        late.append(lambda: carry(call))
        return LOST

    runner.github.spoil = on_ref_puts(delay, times=1)
    with pytest.raises(LedgerError, match="nobody knows"):
        runner.ledger.claim(CLAIM)
    late[0]()
    assert runner.rights() == (Right(CLAIM),)
    assert not runner.ledger.claim(OTHER)


ODD_ANSWERS = [
    Answer(201, {}, b""),
    Answer(201, {"content-type": "text/html"}, b"<html>"),
    told(201, {"ref": "refs/heads/main", "object": {"type": "commit", "sha": "0" * 40}}),
    told(200, {}),
    told(202, {}),
    refused(409, "Conflict"),
    refused(422, "Reference update failed"),
    refused(422, "Object does not exist"),
    refused(500, "Server Error"),
    told(422, []),
]


@pytest.mark.parametrize("answer", ODD_ANSWERS)
def test_an_odd_answer_to_a_claim_is_neither_yes_nor_no(runner: Runner, answer: Answer) -> None:
    runner.github.spoil = on_ref_puts(lambda _call, _carry: answer)
    assert runner.records.put("a/b/0001.claim", "text") is Put.UNSURE

    def answer_oddly(call: Call, carry: Carry) -> Answer:
        carry(call)
        return answer

    runner.github.spoil = on_ref_puts(answer_oddly)
    assert runner.ledger.claim(CLAIM), "it was written, and reading it back shows so"
    assert not runner.ledger.claim(OTHER)


@pytest.mark.parametrize(
    "spoiled", [lose_the_request, lose_the_reply, fail_before, fail_after, limit]
)
@pytest.mark.usefixtures("quick_retries")
def test_a_ref_is_asked_for_once_a_claim(runner: Runner, spoiled: Spoil) -> None:
    runner.attempts = 3
    runner.github.spoil = on_ref_puts(spoiled)
    with suppress(LedgerError):
        runner.ledger.claim(CLAIM)
    assert runner.calls_of("POST", "refs") == 1


@pytest.mark.usefixtures("quick_retries")
def test_a_commit_that_nothing_points_to_is_made_again(runner: Runner) -> None:
    runner.attempts = 3
    failing = [lose_the_reply, fail_before]

    def spoil(call: Call, carry: Carry) -> Answer:
        return failing.pop()(call, carry) if failing else carry(call)

    runner.github.spoil = spoil
    assert runner.ledger.claim(CLAIM)
    assert runner.calls_of("POST", "commits") == 3


# ---- who must act --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"token": "ghs_wrong"}, "Bad credentials.*set GITHUB_TOKEN, or GH_TOKEN"),
        ({"github": FakeGithub(permission="read")}, "not accessible.*contents: write"),
        ({"github": FakeGithub(permission="")}, "spec.ledger.repository.*contents: write"),
        ({"repository": "acme/other"}, "acme/other.*no such repository"),
        ({"github": FakeGithub(is_empty=True)}, "empty.*push a first commit"),
    ],
)
def test_what_did_nothing_and_needs_a_person_says_what_to_do(
    given: dict[str, object], words: str
) -> None:
    runner = replace(Runner(), **given)  # type: ignore[arg-type]  # fields of Runner
    with pytest.raises(LedgerError, match=words) as error:
        runner.ledger.claim(CLAIM)
    assert runner.github.refs == {}
    assert runner.token not in str(error.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            refused(403, "Forbidden", x_ratelimit_remaining="0", x_ratelimit_reset="1795348800"),
            "until 12:00 UTC",
        ),
        (refused(403, "You have exceeded a secondary rate limit"), "for some minutes"),
        (refused(429, "Slow down", retry_after="60"), "for 60 s"),
        (refused(403, "Not now", retry_after="90"), "for 90 s"),
        (refused(301, "Moved Permanently", location="https://api.github.test/x"), "has moved"),
        (refused(401, "Bad credentials"), "set GITHUB_TOKEN"),
        (refused(404, "Not Found"), "no such repository|is gone"),
    ],
)
@pytest.mark.parametrize("kind", ["refs", "matching-refs", "commits"])
def test_a_definite_no_is_told_in_words_and_never_asked_again(
    runner: Runner, kind: str, answer: Answer, words: str
) -> None:
    runner.attempts = 3
    runner.claim_others(1)
    runner.github.calls.clear()
    runner.github.spoil = lambda call, carry: answer if f"/git/{kind}" in call.path else carry(call)
    with pytest.raises(LedgerError, match=words):
        runner.ledger.claim(CLAIM) if kind == "refs" else runner.rights()
    assert sum(f"/git/{kind}" in call.path for call in runner.github.calls) == 1
    assert len(runner.github.refs) == 1


def test_a_token_that_an_answer_repeats_is_not_shown(runner: Runner) -> None:
    runner.github.spoil = lambda _call, _carry: refused(401, f"Bad credentials: {TOKEN}")
    with pytest.raises(LedgerError, match="Bad credentials") as error:
        runner.ledger.claim(CLAIM)
    assert TOKEN not in str(error.value)


def test_without_a_connection_nothing_was_written_and_nothing_is_read_back() -> None:
    with served(FakeGithub()) as base_url:
        pass  # nobody listens there any more
    with httpx2.Client(base_url=base_url) as client:
        api = GitData(client, REPOSITORY, attempts=1)
        with pytest.raises(LedgerError, match=r"no connection to 127\.0\.0\.1"):
            api.create_ref("refs/reconciler/a", "0" * 40)
        with pytest.raises(LedgerError, match=r"no connection to 127\.0\.0\.1"):
            Ledger(GithubRecords(api)).rights(CLAIM.endpoint)


# ---- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [None, 1, 2, 5])
def test_every_page_of_a_list_is_read(runner: Runner, page: int | None) -> None:
    claims = runner.claim_others(5)
    runner.ledger.close(claims[2], Closing(ClosingKind.CREATED, 7, job_id="ftjob-1"))
    runner.github.page = page
    assert [right.claim for right in runner.rights()] == claims
    assert [right.closing is not None for right in runner.rights()].index(True) == 2


def shown(call: Call, target: object) -> Answer:
    ref = f"refs/reconciler/{call.path.rpartition('/')[2]}/a/1.claim"
    return told(200, [{"ref": ref, "object": target}])


COMMIT = {"type": "commit", "sha": "0" * 40}
NOT_WHOLE: dict[str, Spoil] = {
    "not JSON": lambda _call, _carry: Answer(200, {}, b"<html>"),
    "nothing": lambda _call, _carry: Answer(200, {}, b""),
    "no list": lambda _call, _carry: told(200, {"message": "no list"}),
    "a number": lambda _call, _carry: told(200, 7),
    "no row": lambda _call, _carry: told(200, [None]),
    "a branch": lambda _call, _carry: told(200, [{"ref": "refs/heads/main", "object": COMMIT}]),
    "a tag": lambda call, _carry: shown(call, {"type": "tag", "sha": "0" * 40}),
    "no id": lambda call, _carry: shown(call, {"type": "commit", "sha": "none"}),
    "no such commit": lambda call, _carry: shown(call, COMMIT),
    "a part": lambda _call, _carry: told(206, []),
    "a conflict": lambda _call, _carry: refused(409, "Conflict"),
    "a page elsewhere": lambda call, carry: told(
        200, carry(call).json, link='<https://elsewhere.example/x>; rel="next"'
    ),
    "pages in a circle": lambda call, carry: told(
        200, carry(call).json, link=f'<https://api.github.test{call.path}>; rel="next"'
    ),
    "empty pages without end": lambda call, _carry: told(
        200, [], link=f'<https://api.github.test{call.path}?page=2>; rel="next"'
    ),
    "lost": lose_the_reply,
    "failed": fail_before,
    "cut": fail_after,
}


@pytest.mark.parametrize("spoil", NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
def test_a_list_that_may_not_be_whole_is_none(runner: Runner, spoil: Spoil) -> None:
    runner.claim_others(1)
    runner.github.spoil = lambda call, carry: (
        spoil(call, carry) if "matching-refs" in call.path else carry(call)
    )
    with pytest.raises(LedgerError):
        runner.rights()
    assert all(call.path.startswith("/repos/acme/shop/") for call in runner.github.calls)


@pytest.mark.parametrize(("kind", "sha"), [("tag", "0" * 40), ("blob", "0" * 40), ("commit", "a")])
def test_a_ref_to_anything_else_than_a_commit_is_told(runner: Runner, kind: str, sha: str) -> None:
    runner.github.spoil = lambda call, _carry: shown(call, {"type": kind, "sha": sha})
    with pytest.raises(LedgerError, match="something else than commits"):
        runner.rights()


def test_an_answer_about_something_else_is_none(runner: Runner) -> None:
    records = runner.records
    for text in ("won", "lost"):
        records.put("a/b/0001.claim", text)
    won, lost = runner.github.commits.values()

    def answer_of(kind: str, body: object) -> Spoil:
        return lambda call, carry: told(200, body) if f"/git/{kind}/" in call.path else carry(call)

    other_ref = {"ref": "refs/reconciler/x", "object": {"type": "commit", "sha": won["sha"]}}
    a_tag = {"ref": "refs/reconciler/a/b/0001.claim", "object": {"type": "tag", "sha": "0" * 40}}
    others = [("commits", lost), ("ref", other_ref), ("ref", a_tag), ("ref", {})]
    for spoil in (answer_of(kind, body) for kind, body in others):
        runner.github.spoil = spoil
        with pytest.raises(LedgerError, match="it was asked for"):
            records.get("a/b/0001.claim")


def test_a_list_that_shows_a_record_twice_is_none(runner: Runner) -> None:
    runner.claim_others(2)

    def repeat(call: Call, carry: Carry) -> Answer:
        answer = carry(call)
        is_list = "matching-refs" in call.path
        return told(200, answer.json + answer.json[:1]) if is_list else answer

    runner.github.spoil = repeat
    with pytest.raises(LedgerError, match="its list"):
        runner.rights()


def test_the_records_of_another_endpoint_are_not_shown(runner: Runner) -> None:
    records = runner.records
    for name in ("ab/k/1.claim", "abc/k/1.claim"):
        assert records.put(name, name) is Put.STORED
    assert records.all("ab") == {"ab/k/1.claim": "ab/k/1.claim"}


@pytest.mark.usefixtures("quick_retries")
def test_reads_are_asked_again_a_few_times(runner: Runner) -> None:
    runner.attempts = 3
    claims = runner.claim_others(1)
    failing: dict[str, list[Spoil]] = {
        "matching-refs": [fail_before, lose_the_reply],
        "commits": [lose_the_reply],
    }

    def spoil(call: Call, carry: Carry) -> Answer:
        left = failing[call.path.split("/")[5]]
        return left.pop()(call, carry) if left else carry(call)

    runner.github.spoil = spoil
    assert [right.claim for right in runner.rights()] == claims
    assert failing == {"matching-refs": [], "commits": []}
    runner.github.spoil = fail_before
    runner.github.calls.clear()
    with pytest.raises(LedgerError, match="502"):
        runner.rights()
    assert len(runner.github.calls) == 3


def test_only_a_plain_404_says_that_there_is_no_record(runner: Runner) -> None:
    assert runner.records.get("a/b/0001.claim") is None
    runner.github.spoil = lambda _call, _carry: Answer(404, {}, b"<html>a proxy's</html>")
    with pytest.raises(LedgerError):
        runner.records.get("a/b/0001.claim")


# ---- what a record is bound to -------------------------------------------------------------------


def test_a_ref_that_points_to_another_record_stops_everything(runner: Runner) -> None:
    runner.claim_others(2)
    first, second = sorted(runner.github.refs)
    runner.github.refs[first] = runner.github.refs[second]
    with pytest.raises(LedgerError, match=f"{first}.*doesn't hold the record of that name"):
        runner.rights()


def test_a_record_that_was_changed_stops_everything(runner: Runner) -> None:
    runner.claim_others(1)
    [commit] = runner.github.commits.values()
    commit["message"] = commit["message"].replace('"at": 100', '"at": 900')
    with pytest.raises(LedgerError, match="doesn't hold the record"):
        runner.rights()


def test_a_commit_that_is_gone_stops_everything(runner: Runner) -> None:
    runner.claim_others(1)
    runner.github.commits.clear()
    with pytest.raises(LedgerError, match="is gone"):
        runner.rights()


def test_a_line_end_that_git_adds_changes_nothing(runner: Runner) -> None:
    claims = runner.claim_others(1)
    [commit] = runner.github.commits.values()
    commit["message"] += "\n"
    assert [right.claim for right in runner.rights()] == claims


# ---- cost ----------------------------------------------------------------------------------------


def test_a_record_costs_two_requests_and_a_reading_one_and_what_is_new(
    runner: Runner, tmp_path: Path
) -> None:
    runner.cache = tmp_path / "cache"
    claims = runner.claim_others(3)
    assert len(runner.github.calls) == 6
    for expected in (1 + 3, 1, 1):
        runner.github.calls.clear()
        assert [right.claim for right in runner.rights()] == claims
        assert len(runner.github.calls) == expected


@pytest.mark.parametrize("damage", ["cut", "swapped", "rewritten", "of another's claim"])
def test_a_damaged_cache_is_read_anew(runner: Runner, tmp_path: Path, damage: str) -> None:
    runner.cache = tmp_path / "cache"
    claims = runner.claim_others(2)
    runner.rights()
    first, second = sorted(runner.cache.iterdir())
    match damage:
        case "cut":
            first.write_bytes(first.read_bytes()[:-9])
        case "swapped":
            first.write_bytes(second.read_bytes())
        case "rewritten":
            first.write_bytes(first.read_bytes().replace(b"100", b"900"))
        case _:
            told = json.loads(first.read_bytes().partition(b"\n")[2])
            lost = runner.records.api.create_commit(told["message"].replace("nonce", "another"))
            write_entry(first, {"commit": lost, "message": told["message"]})
    runner.github.calls.clear()
    assert [right.claim for right in runner.rights()] == claims
    assert runner.calls_of("GET", "commits") == 1
    runner.github.calls.clear()
    runner.rights()
    assert runner.calls_of("GET", "commits") == 0, "it is whole again"


def test_the_cache_is_private(runner: Runner, tmp_path: Path) -> None:
    runner.cache = tmp_path / "cache"
    runner.claim_others(1)
    runner.rights()
    assert runner.cache.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("workers", [1, 4])
def test_messages_are_read_by_as_many_threads_as_were_given(runner: Runner, workers: int) -> None:
    claims = runner.claim_others(9)
    threads: set[int] = set()
    met = threading.Barrier(min(workers, 2), timeout=10)

    def note(call: Call, carry: Carry) -> Answer:
        if "/git/commits" in call.path and threading.get_ident() not in threads:
            threads.add(threading.get_ident())
            if len(threads) <= met.parties:
                met.wait()
        return carry(call)

    runner.github.spoil = note
    runner.workers = workers
    assert [right.claim for right in runner.rights()] == claims
    is_inline = threads == {threading.get_ident()}
    assert is_inline == (workers == 1)
    assert workers == 1 or len(threads) in range(2, workers + 1)


@pytest.mark.parametrize("workers", [1, 4])
def test_one_message_that_cannot_be_read_stops_everything(runner: Runner, workers: int) -> None:
    runner.claim_others(9)
    del runner.github.commits[sorted(runner.github.commits)[4]]
    runner.workers = workers
    with pytest.raises(LedgerError):
        runner.rights()


# ---- settings ------------------------------------------------------------------------------------

ENVIRONMENT = {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": REPOSITORY}


def opened(repository: str | None, **environment: str) -> tuple[str, str]:
    records = open_github(repository, environment, None)
    with records.api.client as client:
        return str(client.base_url), records.api.repository


def test_the_project_names_the_repository_before_the_environment_does() -> None:
    assert opened(None, **ENVIRONMENT) == ("https://api.github.com", REPOSITORY)
    assert opened("acme/ledger", **ENVIRONMENT)[1] == "acme/ledger"
    enterprise = {"GH_TOKEN": TOKEN, "GITHUB_API_URL": "https://git.example/api/v3"}
    assert opened("acme/ledger", **enterprise)[0] == "https://git.example/api/v3/"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"GITHUB_TOKEN": ""}, "set GITHUB_TOKEN, or GH_TOKEN.*contents: write"),
        ({"GITHUB_TOKEN": f"{TOKEN}\nx"}, "set GITHUB_TOKEN"),
        ({"GITHUB_REPOSITORY": ""}, "not set; write spec.ledger.repository: owner/name"),
        ({"GITHUB_REPOSITORY": "../secrets"}, "write spec.ledger.repository"),
        ({"GITHUB_API_URL": "ftp://x"}, "expected one such as https://api.github.com"),
    ],
)
def test_settings_that_are_missing_say_what_to_set(changes: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as error:
        opened(None, **{**ENVIRONMENT, **changes})
    assert not re.search("ghs_", str(error.value))
