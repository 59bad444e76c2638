"""Every plan can be told in every format."""

from __future__ import annotations

import json

from hypothesis import given

from reconciler.policy import Rules, review
from reconciler.report.annotations import plan_annotations
from reconciler.report.describe import Story, describe_json, describe_text
from reconciler.report.json import plan_json, status_json
from reconciler.report.markdown import plan_markdown
from reconciler.report.summary import TROUBLE, standing
from reconciler.report.text import plan_text, status_text, summary_line
from tests.laws.worlds import RULES, WORLDS, World


@given(world=WORLDS, rules=RULES)
def test_every_plan_is_told_with_all_its_resources(world: World, rules: Rules) -> None:
    plan = review(world.plan(), rules)
    text, markdown = plan_text(plan), plan_markdown(plan)
    assert text.splitlines()[-1] == summary_line(plan)
    for name in (name for resource in plan.resources for name in resource.used_by):
        assert name in text
        assert f"`{name}`" in markdown
    assert len(status_text(plan).splitlines()) > len(plan.resources)


@given(world=WORLDS)
def test_json_counts_what_it_lists(world: World) -> None:
    plan = world.plan()
    document = json.loads(plan_json(plan))
    kinds = [action["kind"] for action in document["actions"]]
    summary = document["summary"]
    counted = [summary[name] for name in ("uploads", "creates", "cancels", "waits")]
    assert counted == [kinds.count(kind) for kind in ("upload", "create", "cancel", "wait")]
    assert len(json.loads(status_json(plan))["resources"]) == len(plan.resources)


@given(world=WORLDS)
def test_each_trouble_is_annotated_on_one_line(world: World) -> None:
    plan = world.plan()
    troubled = [resource for resource in plan.resources if standing(resource) in TROUBLE]
    assert len(plan_annotations(plan).splitlines()) == len(troubled) + len(plan.duplicates)


@given(world=WORLDS)
def test_every_resource_can_be_described(world: World) -> None:
    trainings = {training.key: training for training in world.desired.trainings}
    for resource in world.plan().resources:
        story = Story(resource, trainings[resource.key])
        text = describe_text(story)
        assert resource.key in text
        assert resource.model in text
        assert json.loads(describe_json(story))["resource"]["key"] == resource.key
