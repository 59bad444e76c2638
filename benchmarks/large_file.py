"""A file too large for one request, from plan to model, on the embedded sandbox.

python benchmarks/large_file.py [SIZE]
python benchmarks/large_file.py --train FOLDER   (its own last step: the sandbox alone)

SIZE is as conversations.py takes it: 1200MB unless said otherwise. A run is killed in the middle of
its upload and started again; in the end there must be one usable file, one job, and exactly the
tokens that the plan said. Prints what each command took, its peak memory beside that for a
file of 1 MB. Needs about three times SIZE of disk, in the system's temporary folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.cli.ledgers import private_folder
from reconciler.cli.world import token_counter
from reconciler.ownership import read_mark
from reconciler.providers.openai import OpenAIProvider
from reconciler.sandbox import embedded
from reconciler.state import Endpoint, JobStatus

COMMAND = str(Path(sys.executable).parent / "reconcile")
CONVERSATIONS = str(Path(__file__).with_name("conversations.py"))
SPEC = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata:
  name: large
spec:
  model: gpt-4o-mini-2024-07-18
  dataset: ../data/large.jsonl
  hyperparameters: {n_epochs: 1}
"""
SPEED = 100_000.0


@dataclass(frozen=True)
class Ran:
    """What a command took; memory is that of its largest process, processor that of all."""

    code: int
    seconds: float
    processor: float
    megabytes: float


def run(root: Path, *command: str, is_enough: Callable[[], bool] = lambda: False) -> Ran:
    """Run a command until it ends, or kill it once something is so."""
    start = time.perf_counter()
    with (root / "log").open("ab") as log:
        process = subprocess.Popen(command, cwd=root, stdout=log, stderr=log)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if is_enough():
                process.kill()
            time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    processor = usage.ru_utime + usage.ru_stime
    seconds = time.perf_counter() - start
    return Ran(process.returncode, seconds, processor, usage.ru_maxrss / 1024)


def make_project(root: Path, size: str) -> Path:
    """A project with one spec; returns its data."""
    data = root / "data" / "large.jsonl"
    for folder in (data.parent, root / "specs"):
        folder.mkdir(parents=True)
    (root / "specs" / "large.yaml").write_text(SPEC)
    subprocess.run([sys.executable, CONVERSATIONS, size, str(data)], check=True)
    return data


def sent_so_far(root: Path) -> int:
    """Bytes of parts that the sandbox holds."""
    parts = (root / ".reconciler" / "sandbox" / "parts").rglob("*")
    return sum(part.stat().st_size for part in parts if part.is_file())


def measure(root: Path, *, is_killed: bool) -> dict[str, Ran]:
    """The steps from plan to model; the first upload may be killed when a third is there."""
    apply = (COMMAND, "apply", "--sandbox", "--auto-approve")
    third = (root / "data" / "large.jsonl").stat().st_size // 3
    ran = {"plan": run(root, COMMAND, "plan", "--sandbox")}
    if is_killed:
        killed = run(root, *apply, is_enough=lambda: sent_so_far(root) > third)
        ran["apply, killed"] = killed
        require(killed.code == -signal.SIGKILL, f"it ended with {killed.code} before its kill")
    ran["apply"] = run(root, *apply)
    ran["train"] = run(root, sys.executable, __file__, "--train", str(root))
    return ran


@contextmanager
def connected(root: Path) -> Iterator[OpenAIProvider]:
    """The project's sandbox, its clock so fast that only real work takes time."""
    with embedded(private_folder(root) / "sandbox", SPEED, token_counter()) as sandbox:
        provider = OpenAIProvider(Endpoint("large", sandbox.base_url), "sandbox")
        yield provider
        provider.close()


def train(root: Path) -> None:
    """Wait for the project's job: what the sandbox checks, counts and trains, and nothing else."""
    with connected(root) as provider:
        (job,) = provider.jobs()
        while not job.status.is_terminal:
            time.sleep(0.1)
            job = provider.job(job.id) or job


def check(root: Path) -> str:
    """What is left must be one usable file, and one job with the tokens that were announced."""
    with connected(root) as provider:
        files, jobs = list(provider.files()), list(provider.jobs())
    require(len(files) == 1 and files[0].is_usable, f"there are {len(files)} files")
    require(len(jobs) == 1 and jobs[0].status is JobStatus.SUCCEEDED, f"jobs: {jobs}")
    mark = read_mark(jobs[0])
    announced, trained = mark and mark.tokens, jobs[0].trained_tokens
    require(announced == trained, f"{trained} tokens were trained, {announced} announced")
    left = sent_so_far(root)
    require(not left, f"{left} bytes of parts are left behind")
    return f"one usable file of {files[0].bytes:,} bytes, one job, {trained:,} tokens as announced"


def require(is_so: bool, otherwise: str) -> None:
    """Stop with the reason unless it is so."""
    if not is_so:
        raise SystemExit(f"large_file.py: {otherwise}")


def main() -> None:
    """Measure a small file, then the large one."""
    if sys.argv[1:2] == ["--train"]:
        train(Path(sys.argv[2]))
        return
    size = sys.argv[1] if len(sys.argv) > 1 else "1200MB"
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        make_project(small, "1MB")
        usual = measure(small, is_killed=False)
        begun = time.perf_counter()
        sys.stdout.write(f"{make_project(large, size).stat().st_size:,} bytes of examples, ")
        sys.stdout.write(f"made in {time.perf_counter() - begun:.0f} s\n")
        for name, ran in measure(large, is_killed=True).items():
            beside = f" ({usual[name].megabytes:.0f} MB for 1 MB)" if name in usual else ""
            took = f"{ran.seconds:8.1f} s{ran.processor:8.1f} s of processor"
            sys.stdout.write(f"{name:14}{took}{ran.megabytes:8.0f} MB{beside}\n")
        sys.stdout.write(f"{check(large)}\n")


if __name__ == "__main__":
    main()
