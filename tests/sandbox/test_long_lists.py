"""Lists of any length: what a page costs the database, in steps of SQLite's machine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from reconciler.sandbox.records import FileRecord, JobRecord, Page
from reconciler.sandbox.store import Store, insert_file, insert_job

JOBS, ON_A_PAGE = 2_000, 10
OURS = {"owner": "us", "kind": "a"}
JOB = JobRecord(
    id="",
    created_at=0,
    model="gpt-4o-2024-08-06",
    base="gpt-4o-2024-08-06",
    model_name="",
    training_file="file-0",
    validation_file=None,
    size=100,
    method="supervised",
    hyperparameters={},
    suffix=None,
    seed=1,
    metadata=None,
    integrations=[],
    result_file="",
)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store of many jobs, of which every fourth is ours and every other has no metadata."""
    store = Store(tmp_path_factory.mktemp("full"))
    metadata = (OURS, None, {"owner": "them"}, None)
    with store.transaction() as connection:
        for number in range(JOBS):
            name, mark = f"{number:05}", metadata[number % 4]
            insert_job(connection, replace(JOB, id=name, model_name=name, metadata=mark))
            purpose = "fine-tune" if number % 4 == 0 else "fine-tune-results"
            insert_file(connection, FileRecord(name, float(number), purpose, name, 1))
    yield store
    store.close()


def steps(store: Store, ask: Callable[[], object]) -> int:
    """How many steps of SQLite's machine a question takes."""
    counted = [0]

    def count() -> int:
        counted[0] += 1
        return 0

    with store.transaction() as connection:
        connection.set_progress_handler(count, 1)
    ask()
    with store.transaction() as connection:
        connection.set_progress_handler(None, 0)
    return counted[0]


Read = Callable[[Store, Page], Sequence[JobRecord | FileRecord]]


def jobs(metadata: Mapping[str, str] | None) -> Read:
    return lambda store, page: store.jobs(page, metadata)


def files(purpose: str | None) -> Read:
    return lambda store, page: store.files(page, purpose, float(JOBS))


@pytest.mark.parametrize(
    ("read", "rows"),
    [
        (jobs({}), JOBS),
        (jobs({"owner": "us"}), JOBS // 4),
        (jobs(OURS), JOBS // 4),
        (jobs({"owner": "nobody"}), 0),
        (jobs(None), JOBS // 2),
        (files(None), JOBS),
        (files("fine-tune"), JOBS // 4),
    ],
    ids=["jobs", "of an owner", "with two pairs", "of nobody", "without", "files", "of a purpose"],
)
def test_a_list_read_to_its_end_costs_a_bounded_number_of_steps_a_row(
    full: Store, read: Read, rows: int
) -> None:
    found: list[str] = []

    def read_all() -> None:
        while page := read(full, Page(found[-1] if found else None, ON_A_PAGE)):
            found.extend(row.id for row in page)

    taken = steps(full, read_all)
    assert len(found) == len(set(found)) == rows
    assert found == sorted(found, reverse=True)
    assert taken < 100 * JOBS


@pytest.mark.parametrize(
    "read", [jobs({}), jobs({"owner": "us"}), files("fine-tune")], ids=["jobs", "ours", "files"]
)
def test_the_last_page_costs_no_more_than_the_first(full: Store, read: Read) -> None:
    last = f"{4 * ON_A_PAGE + 4:05}"
    early = steps(full, lambda: read(full, Page(None, ON_A_PAGE)))
    late = steps(full, lambda: read(full, Page(last, ON_A_PAGE)))
    assert late < 2 * early
