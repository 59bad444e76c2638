"""`reconcile prune` as a process, in a real checkout, on the embedded sandbox."""

from __future__ import annotations

import re

from tests.e2e.conftest import Project

PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {name: shop}
"""
PREVIEW = """\
shop at embedded sandbox (it bills nothing; costs are by list prices), commit COMMIT

- model  ft:gpt-4o-mini-2024-07-18:sandbox::ID  of two  Orphan: no spec has its name any more, and \
its lifecycle.on_remove said prune

= 1 file  uploaded in the last 24 hours

Prune: 1 model to delete.
"""


def test_a_spec_that_said_prune_is_gone_with_its_model_and_only_from_a_clean_commit(
    project: Project,
) -> None:
    project.write("reconciler.yaml", PROJECT)
    project.data("two", word="other")
    project.spec("two", data="two", epochs=1)
    spec = project.root / "specs/two.yaml"
    spec.write_text(spec.read_text() + "  lifecycle: {on_remove: prune}\n")
    project.commit()
    fast = ("--sandbox", "--speed", "400")
    assert project.run("apply", "--auto-approve", "--wait", *fast).code == 0
    spec.unlink()
    dirty = project.run("prune", "--auto-approve", *fast)
    assert (dirty.code, dirty.out) == (3, "")
    assert "commit or stash them" in dirty.err
    project.commit()
    unasked = project.run("prune", *fast)
    assert unasked.code == 64
    assert "--auto-approve" in unasked.err
    done = project.run("prune", "--auto-approve", *fast)
    assert (done.code, done.out) == (0, unasked.out)
    shown = re.sub(r"commit \w+", "commit COMMIT", re.sub(r"::\w+", "::ID", done.out))
    assert shown == PREVIEW
    assert re.search(r"delete two: done: ft:\S+ deleted", done.err)
    assert "Nothing to prune." in project.run("prune", "--auto-approve", *fast).out
