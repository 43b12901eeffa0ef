"""Lets what is lazy be gone through again, and refuses to go through again what gives its items only once."""

from __future__ import annotations

import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
)
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Passes(Iterator[T]):
    """An iterator that starts again: each loop over it is a pass of its own, from the first item on.

    `next` goes through a pass too. The loop after it goes on with that pass, as with any iterator; the loop after
    that one starts again.

    Args:
        begin: Begins a pass.

    Example:
        >>> squares = Passes(lambda: (number**2 for number in [1, 2, 3]))
        >>> list(squares), list(squares)
        ([1, 4, 9], [1, 4, 9])
        >>> next(squares), list(squares)
        (1, [4, 9])
    """

    def __init__(self, begin: Callable[[], Generator[T, None, None]]) -> None:
        self._begin = begin
        self._begun: Generator[T, None, None] | None = None  # by `next`
        self._under_way: weakref.WeakSet[Generator[T, None, None]] = weakref.WeakSet()

    def __iter__(self) -> Iterator[T]:  # noqa: PYI034 - each loop has an iterator of its own
        begun, self._begun = self._begun, None
        return self._pass() if begun is None or is_spent(begun) else begun

    def __next__(self) -> T:
        if self._begun is None:
            self._begun = self._pass()
        return next(self._begun)

    def close(self) -> None:
        """End the passes under way, as `close` of a generator does."""
        for each in [*self._under_way]:
            each.close()

    def _pass(self) -> Generator[T, None, None]:
        begun = self._begin()
        self._under_way.add(begun)
        return begun


class AsyncPasses(AsyncIterator[T]):
    """`Passes` for `async for` and `anext`.

    Args:
        begin: Begins a pass.
    """

    def __init__(self, begin: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._begin = begin
        self._begun: AsyncGenerator[T, None] | None = None  # by `anext`
        # Not held weakly: one that is dropped is closed by the event loop, some time later.
        self._latest: AsyncGenerator[T, None] | None = None

    def __aiter__(self) -> AsyncIterator[T]:  # noqa: PYI034 - as above
        begun, self._begun = self._begun, None
        return self._pass() if begun is None or is_spent(begun) else begun

    async def __anext__(self) -> T:
        if self._begun is None:
            self._begun = self._pass()
        return await anext(self._begun)

    async def aclose(self) -> None:
        """End the pass under way, as `aclose` of an async generator does."""
        for each in (self._latest, self._begun):
            if each is not None:
                await each.aclose()

    def _pass(self) -> AsyncGenerator[T, None]:
        self._latest = begun = self._begin()
        return begun


class Source(Generic[T]):
    """What a caller gave to go through, pass after pass.

    Args:
        name: The argument: `"runs"`.
        given: What was given for it. `async for` takes an async iterable, or any other.

    Raises:
        RuntimeError: A pass begins over what gives its items only once, and has given them.

    Example:
        >>> runs = Source("runs", iter(["a", "b"]))
        >>> list(runs)
        ['a', 'b']
        >>> list(runs)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        RuntimeError: runs is a list_iterator, which gives its items only once, and was gone through before: ...
    """

    def __init__(self, name: str, given: Iterable[T] | AsyncIterable[T]) -> None:
        self.name, self.given = name, given
        self._earlier: Callable[[], Any] = lambda: None  # the iterator of the pass before

    def __iter__(self) -> Iterator[T]:
        items = iter(self.given)  # type: ignore[arg-type]  # `for` is for those that are no async ones
        self._check(items)
        return items

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        if isinstance(self.given, AsyncIterable):
            several = aiter(self.given)
            self._check(several)
            async for item in several:
                yield item
        else:
            for item in self:
                yield item

    @property
    def explains_itself(self) -> bool:
        """True if it says itself why it holds nothing, as what is made here does."""
        kind = type(self.given)  # not the object, which may raise anything when it is asked
        return issubclass(kind, (Passes, AsyncPasses)) or getattr(kind, "explains_itself", None) is True

    @property
    def emptiness(self) -> str:
        """What to say where it held nothing."""
        once = "; it gives its items only once, and may have been gone through before"
        return f"{self.name}, {_a_kind(self.given)}, holds nothing" + (
            once if isinstance(self.given, (Iterator, AsyncIterator)) else ""
        )

    def _check(self, items: Any) -> None:
        if is_spent(items) or self._earlier() is items:
            raise spent(self.name, items)
        # Held weakly, so that a pass that was left early ends: it may hold files or connections.
        self._earlier = (lambda: self.given) if items is self.given else _weakly(items)


def is_spent(items: Any) -> bool:
    """True if this is a generator that has ended: it would give nothing, and not say so."""
    if isinstance(items, GeneratorType):
        return items.gi_frame is None
    return isinstance(items, AsyncGeneratorType) and items.ag_frame is None


def spent(name: str, items: Any) -> RuntimeError:
    """The error for an argument that gives its items only once, and has given them."""
    return RuntimeError(
        f"{name} is {_a_kind(items)}, which gives its items only once, and was gone through before: make it again, "
        "or keep its items in a list. What select_runs, run_files, read_jsonl, the loaders and the steps return "
        "starts again with each loop"
    )


def _a_kind(given: Any) -> str:
    kind = type(given).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def _weakly(items: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(items)
    except TypeError:  # an iterator of a built-in type, of which each pass has its own
        return lambda: None
