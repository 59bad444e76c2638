"""How long a command takes to start, beside bare Python, in one run: medians and ratios.

python benchmarks/startup.py [runs]
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
COMMAND = str(Path(sys.executable).parent / "reconcile")
BARE = [sys.executable, "-c", "pass"]
COMMANDS = {
    "python -c pass": BARE,
    "reconcile --help": [COMMAND, "--help"],
    "reconcile validate": [COMMAND, "validate"],
    "reconcile plan --sandbox": [COMMAND, "plan", "--sandbox"],
}


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Interleave the commands, so that what else the machine does hits all alike."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        shutil.copytree(CHECKOUT / "specs", project / "specs")
        measured: dict[str, list[float]] = {name: [] for name in COMMANDS}
        for _ in range(runs):
            for name, command in COMMANDS.items():
                measured[name].append(seconds(command, project))
    bare = statistics.median(measured["python -c pass"])
    for name, times in measured.items():
        median = statistics.median(times)
        sys.stdout.write(f"{name:26}{median * 1000:8.0f} ms{median / bare:8.1f} x bare Python\n")


if __name__ == "__main__":
    main()
