"""Several processes examine the parts of a big file; their reports come in the file's order.

A fresh interpreter loads the vocabulary once and forks itself, so that all workers share it; ours
is never forked, since it may have threads (the watch, a sandbox). Each worker is fed over a socket
by a thread of its own, so that nobody waits for anybody: a thread hands over a block and waits for
its report. However we end, the sockets end, and with them the workers.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from socket import socketpair
from subprocess import DEVNULL, Popen
from typing import NoReturn

from reconciler.dataset.examine import Block, Examiner, Question, Report
from reconciler.errors import ReconcileError, WorkerLost

MOST_WORKERS = 8
"""Workers at the most: memory is not without end."""

_AHEAD = 2
"""Blocks a worker that are read ahead, so that it doesn't wait for the disk."""


def processors() -> int:
    """The processors that this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def examined(
    blocks: Iterable[Block], question: Question, workers: int
) -> Generator[Report, None, None]:
    """The report of each block, in order, by so many processes; below two by this one.

    Raises:
        SettingsError: no vocabulary is installed for the encoding.
        WorkerLost: a process ended by itself.
    """
    if workers < 2:
        yield from map(Examiner(question).examine, blocks)
        return
    with _crew(question, min(workers, MOST_WORKERS)) as crew, _threads(crew) as threads:
        idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in crew:
            idle.put(worker)
        waiting: deque[Future[Report]] = deque()
        for block in blocks:
            waiting.append(threads.submit(_ask, idle, block))
            if len(waiting) > len(crew) * _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


# ---- our side --------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Worker:
    """Our end of the socket to a worker, and the process that all of them come from."""

    connection: Connection
    process: Popen[bytes]

    def examine(self, block: Block) -> Report:
        try:
            with suppress(BrokenPipeError):  # it may have said why before it left
                self.connection.send(block)
            answer: Report | ReconcileError = self.connection.recv()
        except (EOFError, OSError) as error:  # OSError: it ended in the midst of its answer
            raise WorkerLost from error
        if isinstance(answer, ReconcileError):
            raise answer
        return answer


def _ask(idle: SimpleQueue[_Worker], block: Block) -> Report:
    worker = idle.get()
    try:
        return worker.examine(block)
    finally:
        idle.put(worker)


@contextmanager
def _threads(crew: Sequence[_Worker]) -> Iterator[ThreadPoolExecutor]:
    """A thread a worker. Where reports are wanted no more, the workers go first: threads wake."""
    threads = ThreadPoolExecutor(len(crew))
    try:
        yield threads
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(crew[0].process.pid, signal.SIGKILL)
        raise
    finally:
        threads.shutdown(cancel_futures=True)


@contextmanager
def _crew(question: Question, number: int) -> Iterator[list[_Worker]]:
    """The workers; none is left when this ends."""
    with ExitStack() as stack:
        pairs = [tuple(map(stack.enter_context, socketpair())) for _ in range(number)]
        process = _started([theirs.fileno() for _, theirs in pairs])
        crew = [_Worker(Connection(ours.detach()), process) for ours, _ in pairs]
        for _, theirs in pairs:
            theirs.close()
        try:
            crew[0].connection.send(question)
            yield crew
        finally:
            for worker in crew:
                worker.connection.close()
            process.wait()


def _started(handles: list[int]) -> Popen[bytes]:
    # -P: the folder that somebody works in is not where modules are looked for.
    code = f"from {__name__} import serve; serve({handles})"
    return Popen(  # noqa: S603  # our own interpreter, a fixed command
        [sys.executable, "-P", "-c", code],
        stdin=DEVNULL,
        stdout=DEVNULL,
        pass_fds=handles,
        start_new_session=True,  # Ctrl-C is for us, and we end them
    )


# ---- their side ------------------------------------------------------------------------------


def serve(handles: list[int]) -> None:
    """The life of the workers, one a socket: blocks in, reports out, until the socket ends."""
    try:
        examiner = Examiner(Connection(os.dup(handles[0])).recv())
    except EOFError:
        return
    except ReconcileError as error:
        for handle in handles:
            Connection(handle).send(error)
        return
    gc.disable()  # only the reading of faulty lines leaves circles behind
    gc.freeze()
    mine = next((handle for handle in handles[1:] if os.fork() == 0), handles[0])
    for handle in handles:
        if handle != mine:
            os.close(handle)
    _work(examiner, mine)


def _work(examiner: Examiner, handle: int) -> NoReturn:
    with suppress(EOFError, OSError), Connection(handle) as connection:
        while True:
            report = examiner.examine(connection.recv())
            connection.send(report)
            if report.breaches:
                gc.collect()
    with suppress(ChildProcessError):  # those that were forked have none
        while True:
            os.wait()
    os._exit(0)  # nothing is left to be flushed; to take the vocabulary apart takes a while
