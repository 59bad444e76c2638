"""Nothing is spent unattended without a limit, a clean commit and the right endpoint."""

from __future__ import annotations

from tests.e2e.conftest import Project
from tests.e2e.relay import Relay, Reply, is_create

PROJECT = "apiVersion: reconciler.dev/v1\nkind: Project\nmetadata: {name: shop}\n"


def test_without_a_terminal_nothing_is_applied_unasked(remote: Project, relay: Relay) -> None:
    ran = remote.run("--max-cost", "1")
    assert ran.code == 64, ran.all
    assert "--auto-approve" in ran.err
    assert relay.creates == []


def test_unattended_spending_needs_a_budget(remote: Project, relay: Relay) -> None:
    ran = remote.run("apply", "--auto-approve")
    assert ran.code == 3, ran.all
    assert "NoBudget" in ran.out
    assert relay.creates == []


def test_the_projects_budget_is_a_budget(remote: Project, relay: Relay) -> None:
    remote.write("reconciler.yaml", PROJECT + "spec: {budget: {per_pass: 0.000001}}\n")
    remote.commit()
    over = remote.run("apply", "--auto-approve")
    assert over.code == 3, over.all
    assert "OverBudget" in over.out
    remote.write("reconciler.yaml", PROJECT + "spec: {budget: {per_pass: 1}}\n")
    remote.commit()
    assert remote.run("apply", "--auto-approve").code == 0
    assert len(relay.creates) == 1


def test_an_unclean_checkout_spends_nothing_unattended(remote: Project, relay: Relay) -> None:
    remote.spec(epochs=5)
    spend = ("apply", "--auto-approve", "--max-cost", "1")
    ran = remote.run(*spend)
    assert ran.code == 3, ran.all
    assert "UncleanCheckout" in ran.out
    assert relay.creates == []
    assert remote.run(*spend, "--allow-dirty").code == 0
    (create,) = relay.creates
    assert create.json["metadata"]["reconciler.commit"].endswith("-dirty")


def test_a_job_carries_the_commit_it_was_made_from(remote: Project, relay: Relay) -> None:
    remote.spec(epochs=4)
    commit = remote.commit()
    remote.run("apply", "--auto-approve", "--max-cost", "1")
    assert relay.creates[0].json["metadata"]["reconciler.commit"] == commit


def test_another_endpoint_than_the_pinned_one_is_refused(remote: Project, relay: Relay) -> None:
    pin = "spec: {provider: {base_url: https://api.openai.com/v1}}\n"
    remote.write("reconciler.yaml", PROJECT + pin)
    remote.commit()
    ran = remote.run("plan")
    assert ran.code == 1
    assert "pins spec.provider.base_url" in ran.err
    assert relay.sent == []


def test_organisation_and_project_are_sent_with_every_request(
    remote: Project, relay: Relay
) -> None:
    pin = "spec: {provider: {organization: org-a, project: proj_b}}\n"
    remote.write("reconciler.yaml", PROJECT + pin)
    ran = remote.run("plan")
    assert ran.code == 0, ran.all
    assert "org-a" in ran.out
    headers = [{k.lower(): v for k, v in sent.headers.items()} for sent in relay.sent]
    assert {h["openai-organization"] for h in headers} == {"org-a"}
    assert {h["openai-project"] for h in headers} == {"proj_b"}


def test_a_missing_key_is_named_and_the_sandbox_offered(project: Project) -> None:
    ran = project.run("plan")
    assert ran.code == 1
    assert "OPENAI_API_KEY" in ran.err
    assert "--sandbox" in ran.err


def test_no_output_ever_holds_the_key(remote: Project) -> None:
    for command in (["plan"], ["apply", "--auto-approve", "--max-cost", "1"], ["status"]):
        assert "sk-test-0123456789" not in remote.run(*command).all


def test_a_key_that_no_header_can_carry_is_refused_unseen(remote: Project) -> None:
    for key in ("abc\ndef-0123456789", "schlüssel-0123456789", "two words"):
        ran = remote.run("plan", OPENAI_API_KEY=key)
        assert ran.code == 1
        assert "OPENAI_API_KEY holds characters" in ran.err
        assert "0123456789" not in ran.all
    assert remote.run("plan", OPENAI_API_KEY="plain-0123456789\n").code == 0


def test_settings_that_cannot_be_are_named(remote: Project) -> None:
    for url in ("http://[::1", "localhost:8000", "ftp://x/v1"):
        ran = remote.run("plan", OPENAI_BASE_URL=url)
        assert ran.code == 1
        assert "is no base URL" in ran.err


def test_what_is_embedded_goes_through_no_proxy(project: Project) -> None:
    proxy = {"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    ran = project.run("apply", "--sandbox", "--auto-approve", **proxy)
    assert ran.code == 0, ran.all


def test_a_port_in_use_is_said_in_a_line(project: Project, relay: Relay) -> None:
    port = relay.base_url.rpartition(":")[2].removesuffix("/v1")
    ran = project.run("sandbox", "--port", port)
    assert ran.code == 64
    assert "in use" in ran.err
    assert project.run("sandbox", "--host", "192.0.2.1").code == 64


def test_an_outage_puts_one_training_in_doubt_and_stops(remote: Project, relay: Relay) -> None:
    for number in range(3, 6):
        remote.spec(f"more-{number}", epochs=number)
    remote.commit()
    relay.spoil = lambda sent, forward: Reply(502, b"") if is_create(sent) else forward(sent)
    ran = remote.run("apply", "--auto-approve", "--max-cost", "1")
    assert ran.code == 3, ran.all
    assert len(relay.creates) == 1


def test_looking_is_not_judged_as_spending(remote: Project, relay: Relay) -> None:
    remote.spec(epochs=3)
    for command in (("status",), ("plan",), ("describe", "one")):
        ran = remote.run(*command)
        assert ran.code == 0, (command, ran.all)
        assert "NoBudget" not in ran.all
    assert relay.creates == []


def test_a_project_file_that_nothing_would_read_is_a_problem(remote: Project) -> None:
    remote.write("reconciler.yml", PROJECT)
    ran = remote.run("plan")
    assert ran.code == 1
    assert "Rename it to reconciler.yaml" in ran.err
