"""What outlives a process: identity, jobs, and results worked out again after a crash."""

import json
import multiprocessing
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openai import OpenAI

from reconciler.sandbox.records import FileRecord, Page
from reconciler.sandbox.store import Store


def test_a_folder_keeps_its_identity_and_another_has_another(tmp_path: Path) -> None:
    ids = []
    for folder in ("one", "one", "other"):
        store = Store(tmp_path / folder)
        ids.append(store.id)
        store.close()
    assert ids[0] == ids[1] != ids[2]


def test_chance_that_is_given_makes_the_same_names(tmp_path: Path) -> None:
    names = []
    for folder in ("one", "other"):
        store = Store(tmp_path / folder, random.Random(3))  # noqa: S311 - that is the point
        names.append((store.id, store.new_name("ftjob-")))
        store.close()
    assert names[0] == names[1]


def _add_files(folder: Path, writer: int) -> None:
    store = Store(folder)
    for number in range(25):
        content = folder / f"{writer}-{number}"
        content.write_bytes(b"{}")
        name = f"file-{writer}-{number}"
        store.add_file(FileRecord(name, float(number), "fine-tune", "a.jsonl", 2), content)
    store.close()


def test_processes_may_open_and_write_one_folder_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add_files, args=(tmp_path, one)) for one in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
        writer.close()
    store = Store(tmp_path)
    assert len(store.files(Page(None, 100), None, now=100.0)) == 50
    store.close()


def test_a_job_goes_on_under_another_server_and_speed(
    start: Callable[..., Any], connect: Callable[[str], OpenAI], chats: list[Any]
) -> None:
    first = start(speed=1.0)
    client = connect(first.base_url)
    file = client.files.create(file=("a.jsonl", _jsonl(chats)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file=file.id)
    first.wall.advance(20)
    running = client.fine_tuning.jobs.retrieve(job.id)
    second = connect(start(wall=first.wall, speed=1_000.0).base_url)
    first.wall.advance(0.05)
    done = second.fine_tuning.jobs.retrieve(job.id)
    assert (running.status, done.status) == ("running", "succeeded")
    assert client.fine_tuning.jobs.retrieve(job.id) == done


def test_figures_lost_in_a_crash_are_worked_out_again_the_same(
    start: Callable[..., Any], connect: Callable[[str], OpenAI], chats: list[Any]
) -> None:
    first = start()
    client = connect(first.base_url)
    file = client.files.create(file=("a.jsonl", _jsonl(chats)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file=file.id)
    first.wall.advance(1_000)
    done = client.fine_tuning.jobs.retrieve(job.id)
    results = client.files.content(done.result_files[0]).text
    with first.sandbox.store.transaction() as connection:
        connection.execute("DELETE FROM outcomes")
        connection.execute("DELETE FROM files WHERE purpose = 'fine-tune-results'")
    second = connect(start(wall=first.wall).base_url)
    assert second.files.content(done.result_files[0]).text == results
    assert second.fine_tuning.jobs.retrieve(job.id).trained_tokens == done.trained_tokens


def _jsonl(examples: list[Any]) -> bytes:
    return "".join(json.dumps(example) + "\n" for example in examples).encode()
