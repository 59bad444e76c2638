"""What breaks between command and endpoint never makes a second job."""

from __future__ import annotations

import json
import time

from tests.e2e.conftest import Project
from tests.e2e.relay import Forward, Relay, Reply, Sent, is_create

SPEND = ("apply", "--auto-approve", "--max-cost", "1")


def lose_the_reply(sent: Sent, forward: Forward) -> Reply:
    reply = forward(sent)
    return Reply(0, None) if is_create(sent) else reply


def test_a_job_whose_reply_is_lost_is_sent_once_and_adopted_by_the_next_run(
    remote: Project, relay: Relay
) -> None:
    relay.spoil = lose_the_reply
    lost = remote.run(*SPEND)
    assert lost.code == 3, lost.all
    assert len(relay.creates) == 1
    assert "Run reconcile once more" in lost.err
    again = remote.run(*SPEND, "--wait")
    assert again.code == 0, again.all
    assert len(relay.creates) == 1
    assert "Ready" in again.out


def test_a_request_that_vanishes_is_held_until_a_person_settles_it(
    remote: Project, relay: Relay
) -> None:
    remote.write(
        "reconciler.yaml",
        "apiVersion: reconciler.dev/v1\nkind: Project\nmetadata: {name: shop}\n"
        "spec: {doubt_window: 300}\n",
    )
    remote.commit()
    vanished: list[Sent] = []

    def lose_the_request(sent: Sent, forward: Forward) -> Reply:
        if is_create(sent) and not vanished:
            vanished.append(sent)
            return Reply(0, None)
        return forward(sent)

    relay.spoil = lose_the_request
    assert remote.run(*SPEND).code == 3
    time.sleep(2)  # the sandbox's clock runs 200 times as fast: the window is over
    held = remote.run(*SPEND)
    assert held.code == 3, held.all
    assert "reconcile settle one --adopt JOB" in held.all
    assert len(relay.creates) == 1
    settled = remote.run("settle", "one", "--abandon")
    assert settled.code == 0, settled.all
    assert "abandoned" in settled.out
    done = remote.run(*SPEND, "--wait")
    assert done.code == 0, done.all
    attempts = [sent.json["metadata"]["reconciler.attempt"] for sent in relay.creates]
    assert attempts == ["1", "2"]
    assert remote.run("settle", "one", "--abandon").code == 64, "nothing is in doubt any more"


def test_what_was_refused_is_not_sent_again_until_a_person_asks(
    remote: Project, relay: Relay
) -> None:
    refusal = {"error": {"message": "no", "type": "invalid_request_error", "code": "bad_thing"}}

    def refuse(sent: Sent, forward: Forward) -> Reply:
        return Reply(400, json.dumps(refusal).encode()) if is_create(sent) else forward(sent)

    relay.spoil = refuse
    codes = [remote.run(*SPEND).code for _ in range(2)]
    assert codes == [1, 1]
    assert len(relay.creates) == 1
    relay.spoil = lambda sent, forward: forward(sent)
    done = remote.run("retry", "one", "--auto-approve", "--max-cost", "1", "--wait")
    assert done.code == 0, done.all
    assert len(relay.creates) == 2


def test_two_runners_at_once_make_one_job(remote: Project, relay: Relay) -> None:
    runners = [remote.start(*SPEND) for _ in range(2)]
    for runner in runners:
        out, err = runner.communicate(timeout=100)
        assert runner.returncode in (0, 3), out + err
    assert remote.run("wait").code == 0
    assert len(relay.creates) == 1


def test_an_endpoint_that_drops_marks_gets_one_job_and_a_warning(
    remote: Project, relay: Relay
) -> None:
    def drop_marks(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if "/fine_tuning/jobs" not in sent.path or reply.body is None:
            return reply
        answer = json.loads(reply.body)
        for job in answer.get("data", [answer]):
            job["metadata"] = None
        return Reply(reply.status, json.dumps(answer).encode(), reply.headers)

    relay.spoil = drop_marks
    first = remote.run(*SPEND)
    assert first.code == 0, first.all
    assert "keeps no marks" in first.err
    second = remote.run(*SPEND, "--wait")
    assert second.code == 0, second.all
    assert len(relay.creates) == 1


def test_a_post_that_was_delivered_twice_freezes_creates_until_a_person_knows(
    remote: Project, relay: Relay
) -> None:
    def deliver_twice(sent: Sent, forward: Forward) -> Reply:
        if is_create(sent):
            forward(sent)
        return forward(sent)

    relay.spoil = deliver_twice
    assert remote.run(*SPEND).code == 0, "nobody knows yet"
    relay.spoil = lambda sent, forward: forward(sent)
    remote.spec("two", epochs=3)
    remote.commit()
    frozen = remote.run(*SPEND)
    assert frozen.code == 3, frozen.all
    assert "two: held (Frozen)" in frozen.out
    assert "reconcile unfreeze" in frozen.out
    assert remote.run("status", "--target", "one").code == 3, "also with nothing to create"
    thawed = remote.run("unfreeze")
    assert thawed.code == 0, thawed.all
    assert "acknowledged: one: ftjob-" in thawed.out
    again = remote.run("unfreeze")
    assert (again.code, again.out) == (64, "")
    assert "nothing is frozen" in again.err
    assert remote.run(*SPEND).code == 0
    assert len(relay.creates) == 2


def test_a_list_that_breaks_off_creates_nothing(remote: Project, relay: Relay) -> None:
    def end_early(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if (
            sent.method == "GET"
            and "/fine_tuning/jobs?" in sent.path
            and "metadata" not in sent.path
        ):
            body = {"object": "list", "data": [], "has_more": True}
            return Reply(200, json.dumps(body).encode(), reply.headers)
        return reply

    relay.spoil = end_early
    ran = remote.run(*SPEND)
    assert ran.code == 1
    assert "goes on, and shows nothing" in ran.err
    assert relay.creates == []


def test_training_not_available_stops_every_create(remote: Project, relay: Relay) -> None:
    remote.spec("two", epochs=3)
    remote.commit()
    error = {"message": "ended", "type": "invalid_request_error", "code": "training_not_available"}

    def end(sent: Sent, forward: Forward) -> Reply:
        is_it = is_create(sent)
        return Reply(403, json.dumps({"error": error}).encode()) if is_it else forward(sent)

    relay.spoil = end
    first = remote.run(*SPEND)
    assert first.code == 1, first.all
    assert "takes no new trainings" in first.all
    assert len(relay.creates) == 1
    again = remote.run(*SPEND)
    assert "TrainingEnded" in again.all
    assert len(relay.creates) == 1


def test_a_job_that_failed_on_its_data_is_never_sent_again(remote: Project, relay: Relay) -> None:
    error = {"code": "invalid_training_file", "message": "Example 3 is bad", "param": None}

    def fail(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if "/fine_tuning/jobs" not in sent.path or reply.body is None:
            return reply
        answer = json.loads(reply.body)
        for job in answer.get("data", [answer]):
            job |= {"status": "failed", "error": error, "fine_tuned_model": None}
        return Reply(reply.status, json.dumps(answer).encode(), reply.headers)

    relay.spoil = fail
    assert remote.run(*SPEND).code == 0
    for _ in range(3):
        ran = remote.run(*SPEND)
        assert ran.code == 1, ran.all
        assert "Example 3 is bad" in ran.out
        assert "reconcile retry one" in ran.out
    assert len(relay.creates) == 1


def test_who_waits_for_a_job_learns_that_it_failed(remote: Project, relay: Relay) -> None:
    """Also where the failure is the service's and the next pass will try again."""

    def fail_later(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if reply.body is None or sent.method != "GET":
            return reply
        if sent.path.startswith("/v1/fine_tuning/jobs?"):  # not ended yet, however slow we are
            page = json.loads(reply.body)
            alive = {"status": "running", "fine_tuned_model": None, "finished_at": None}
            page["data"] = [job | alive for job in page["data"]]
            return Reply(reply.status, json.dumps(page).encode(), reply.headers)
        is_look = sent.path.startswith("/v1/fine_tuning/jobs/ftjob-")
        if not is_look or sent.path.endswith("/events"):
            return reply
        job = json.loads(reply.body) | {
            "status": "failed",
            "error": {"code": "server_error", "message": "ours", "param": None},
            "fine_tuned_model": None,
        }
        return Reply(reply.status, json.dumps(job).encode(), reply.headers)

    relay.spoil = fail_later
    ran = remote.run(*SPEND, "--wait")
    assert ran.code == 1, ran.all
