"""`reconcile import`, as a process: what was lost from Git comes back from the service."""

from __future__ import annotations

import re

from tests.e2e.conftest import Project
from tests.e2e.test_story import APPLY, DRY, FAST


def test_a_spec_that_was_lost_is_imported_from_its_job(project: Project) -> None:
    data = (project.root / "data/one.jsonl").read_bytes()
    applied = project.run(*APPLY)
    model = re.findall(r"ft:[\w.:-]+", applied.out)[-1]
    (project.root / "specs/one.yaml").unlink()
    (project.root / "data/one.jsonl").unlink()

    imported = project.run("import", model, *FAST)
    assert imported.code == 0, imported.all
    line = r"specs/one\.yaml: ftjob-\w+, (ft:\S+), bound by its mark\n"
    assert (told := re.fullmatch(line, imported.out)), imported.out
    assert told[1] == model
    assert (project.root / "specs/data/one.train.jsonl").read_bytes() == data
    after = project.run(*DRY)
    assert after.code == 0, after.all
