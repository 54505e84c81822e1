"""What both engines share: errands are queued at a desk and done there, one transaction each."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from math import inf
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy import Connection

from storage.database import BaseSilent, Priority

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

READ_S = 2.0
GUEST_READ_S = 10.0  # of a command, which may meet a busy machine
_DRAIN_S = 5.0
_MOST_WAITING = 1000  # beyond that only the intake is let in

Entry = tuple[int, int, "Errand[Any]"]  # priority, number in order of arrival
LAST = len(Priority)  # the priority of the errand that ends a worker, after all that was queued


class Errand(Generic[R]):
    """A function to run in a transaction. Who asked may stop waiting; the errand is done anyway."""

    def __init__(self, do: Callable[[Connection], R], until: float = inf) -> None:
        """`until`, of `time.monotonic`: when it is of no use any more."""
        self.do = do
        self.until = until
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[R] = self._loop.create_future()

    def done(self, result: R) -> None:
        """Tell the result, from whatever thread."""
        self._tell(self._set_result, result)

    def failed(self, error: BaseException) -> None:
        if isinstance(error, StopIteration):  # a future refuses it: the caller would wait for ever
            stopped = RuntimeError(f"raised in a transaction: {error!r}")
            error = stopped.with_traceback(error.__traceback__)
        self._tell(self._set_error, error)

    def _tell(self, how: Callable[[T], None], what: T) -> None:
        with suppress(RuntimeError):  # the loop of who asked is closed: nobody to tell
            self._loop.call_soon_threadsafe(how, what)

    def _set_result(self, result: R) -> None:
        if not self.answer.done():
            self.answer.set_result(result)

    def _set_error(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            return
        self._loop.call_exception_handler(
            {"message": "a transaction failed after its caller had gone", "exception": error}
        )


class Desk(ABC):
    """A queue of errands and its workers, who start with the first of them."""

    def __init__(self) -> None:
        self._numbers = count()
        self._until: float | None = None  # once it is being closed: when the last may begin

    async def ask(self, errand: Errand[R], priority: int = 0) -> R:
        if self._until is not None:
            raise BaseSilent("the base is being closed")
        if priority > Priority.INTAKE and self._waiting() >= _MOST_WAITING:
            raise BaseSilent("too many errands are waiting")
        self._start()
        self._put((priority, next(self._numbers), errand))
        return await errand.answer

    def _refuse_late(self, errand: Errand[Any]) -> None:
        if time.monotonic() > min(errand.until, self._until or inf):
            raise BaseSilent("its turn came too late")

    async def close(self) -> None:
        """Let the workers finish what is queued and go."""
        if self._until is not None:
            return
        self._until = time.monotonic() + _DRAIN_S
        goodbyes = [Errand[None](_nothing) for _ in range(self._started())]
        for goodbye in goodbyes:
            self._put((LAST, next(self._numbers), goodbye))
        await asyncio.gather(*(goodbye.answer for goodbye in goodbyes))

    @abstractmethod
    def _start(self) -> None: ...

    @abstractmethod
    def _started(self) -> int:
        """How many workers there are to say goodbye to."""

    @abstractmethod
    def _waiting(self) -> int: ...

    @abstractmethod
    def _put(self, entry: Entry) -> None: ...


def _nothing(_: Connection) -> None:
    pass


class Asked:
    """The half of a `Database` that puts questions to its two desks."""

    def __init__(self, writes: Desk, reads: Desk, *, read_s: float = READ_S) -> None:
        self._writes = writes
        self._reads = reads
        self._read_s = read_s

    async def write(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        errand = Errand(lambda conn: do(conn, *args, **kwargs))
        return await self._writes.ask(errand, Priority.PAGES)

    async def write_as(
        self,
        priority: Priority,
        do: Callable[Concatenate[Connection, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        errand = Errand(lambda conn: do(conn, *args, **kwargs))
        return await self._writes.ask(errand, priority)

    async def read(
        self, do: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        until = time.monotonic() + self._read_s
        errand = Errand(lambda conn: do(conn, *args, **kwargs), until)
        return await self._reads.ask(errand)

    async def close(self) -> None:
        await asyncio.gather(self._writes.close(), self._reads.close())
