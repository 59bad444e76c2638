"""The judge of kills and races sees what is wrong: else neither could ever fail."""

from __future__ import annotations

from typing import Any

from tests.kill.judge import Held, left, lost, needed_by, too_many, unfinished


def job(spec: str, file: str = "file-1", status: str = "succeeded") -> dict[str, Any]:
    return {
        "metadata": {"reconciler.name": spec},
        "status": status,
        "training_file": file,
        "validation_file": None,
    }


def file(file_id: str, name: str = "shop.0123456789abcdef.jsonl") -> dict[str, Any]:
    return {"id": file_id, "filename": name}


def test_one_job_a_spec_is_as_it_should_be() -> None:
    held = Held((job("a"), job("b")), (file("file-1"),), creates=2)
    assert not [*too_many(held, 2), *unfinished(held, 2), *held.orphans]


def test_a_second_job_of_a_spec_is_seen_also_where_it_was_cancelled() -> None:
    held = Held((job("a"), job("a", status="cancelled")), (), creates=2)
    assert list(too_many(held, 2))


def test_a_second_create_is_seen_also_where_its_job_is_gone() -> None:
    assert list(too_many(Held((job("a"),), (), creates=2), 1))


def test_a_spec_without_its_model_is_seen() -> None:
    assert list(unfinished(Held((), (), creates=0), 1))
    assert list(unfinished(Held((job("a", status="running"),), (), creates=1), 1))


def test_a_file_that_no_job_uses_is_an_orphan_also_where_its_bytes_are_used() -> None:
    held = Held((job("a"),), (file("file-1"), file("file-2"), file("file-3", "other")), creates=1)
    assert held.orphans == ["other", "shop.0123456789abcdef.jsonl"]


def test_what_a_prune_took_too_much_or_left_is_seen() -> None:
    jobs = tuple(
        {**job("a", f"file-{n}"), "created_at": n, "fine_tuned_model": f"ft:{n}"} for n in (2, 1)
    )
    held = Held(jobs, (file("file-2"),), creates=0, models=("ft:2",))
    needed = needed_by(["a"], held)
    assert needed == {"ft:2", "file-2"}
    assert not [*lost(held, needed), *left(held, needed)]
    assert list(left(Held(jobs, held.files, 0, ("ft:1", "ft:2")), needed))
    assert list(lost(Held(jobs, (), 0, held.models), needed))
