"""Files looked into by processes of their own: a hostile file can crash those, not the web process.

Codecs are C libraries fed with bytes from the network (P9): they may crash, hang, or ask for
more memory than there is. Each of these ends as CannotDecode for that one frame.
"""

import contextlib
import fcntl
import multiprocessing
import os
import queue
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, ParamSpec, Self, TypeVar

from viewer.ports import CannotDecode, DecoderDied

_START_S = 60.0  # the first frame of a process waits for its imports
_MEMORY_BYTES = 8 * 1024**3
_P = ParamSpec("_P")
_R = TypeVar("_R")


class Isolated:
    """Calls functions in other processes; usable from many threads.

    Parameters
    ----------
    functions
        What can be called: functions of a module's top level, for other processes import them.
    processes
        How many calls are answered at once. They start when first needed.
    limit_s
        Seconds one call may take before its process is ended.
    """

    def __init__(
        self, *functions: Callable[..., Any], processes: int = 2, limit_s: float = 20.0
    ) -> None:
        self._functions = functions
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for _ in range(processes):
            self._idle.put(_Worker(functions, limit_s))
        self._processes = processes

    def calling(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """One of the functions, called elsewhere; CannotDecode whatever became of the process."""
        number = self._functions.index(function)

        def call(*arguments: _P.args, **named: _P.kwargs) -> _R:
            worker = self._idle.get()
            try:
                answer: _R = worker.call(number, arguments, named)
                return answer
            finally:
                self._idle.put(worker)

        return call

    def warm(self) -> None:
        """Start every process now, so that the first call need not wait for one."""
        workers = [self._idle.get() for _ in range(self._processes)]
        for worker in workers:
            try:
                worker.start()
            except CannotDecode:
                pass  # the first call says so
            finally:
                self._idle.put(worker)

    def close(self) -> None:
        """End all processes; waits for calls in hand."""
        for _ in range(self._processes):
            self._idle.get().end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a function returned; a sentence stands for what it raised."""

    value: Any


class _Worker:
    """One process and the pipe to it; started, and started again, when needed."""

    def __init__(self, functions: Sequence[Callable[..., Any]], limit_s: float) -> None:
        self._functions = functions
        self._limit_s = limit_s
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def call(self, number: int, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        pipe = self.start()
        try:
            pipe.send((number, arguments, named))
            if not pipe.poll(self._limit_s):
                self.end()
                raise DecoderDied(f"the frame took longer than {self._limit_s:g} s to decode")
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            self.end()
            raise DecoderDied("the frame's decoder crashed") from error
        if isinstance(answer, _Answer):
            return answer.value
        raise answer if isinstance(answer, CannotDecode) else CannotDecode(str(answer))

    def start(self) -> Connection:
        """The pipe to the process, which is started if it does not run."""
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self.end()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._functions), daemon=True, name="frame-decoder"
        )
        self._process.start()
        theirs.close()
        try:
            if self._pipe.poll(_START_S):
                self._pipe.recv()
                return self._pipe
        except (EOFError, OSError):
            pass
        self.end()
        raise DecoderDied("the frame decoder does not start")

    def end(self) -> None:
        """Kill the process; a next frame starts another."""
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process.close()
        self._pipe = self._process = None


def _serve(pipe: Connection, functions: Sequence[Callable[..., Any]]) -> None:
    """The other process: answers each call with an _Answer or what it ends in."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _die_with_parent()
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        pipe.send("ready")
        while True:
            number, arguments, named = pipe.recv()
            try:
                answer: _Answer | CannotDecode = _Answer(functions[number](*arguments, **named))
            except CannotDecode as error:
                answer = _as_it_ends(error, str(error))
            except Exception as error:  # noqa: BLE001 - the boundary of the decoding process
                sentence = f"the frame cannot be decoded ({type(error).__name__})"
                answer = _as_it_ends(error, sentence)
            pipe.send(answer)


def _as_it_ends(error: BaseException, sentence: str) -> CannotDecode:
    """Whether it was the frame, or that there was no memory or no disk to look at it."""
    kind = DecoderDied if may_pass(error) else CannotDecode
    return kind(sentence)


def may_pass(error: BaseException | None) -> bool:
    """Whether an error is of the machine and the moment, not of what was looked at."""
    while error is not None:
        if isinstance(error, OSError | MemoryError | DecoderDied):
            return True
        error = error.__cause__ or error.__context__
    return False


def _die_with_parent() -> None:
    """Let the kernel end this process when its parent is gone.

    A thread that waits for the parent's end would not do: a codec that hangs may hold the
    interpreter's lock. Nor would PR_SET_PDEATHSIG, which follows the thread that started this
    process and not the parent. So a signal that nobody handles is asked for when the pipe of
    which the parent holds the other end is closed (F_SETOWN in fcntl(2)).
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)
