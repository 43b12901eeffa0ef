"""What is lazy starts again; what gives its items only once is refused the second time."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from itertools import islice

import pytest

from langsmith_finetune._foundation.arguments import check_many
from langsmith_finetune._foundation.passes import AsyncPasses, Passes, Source, is_spent

AGAIN = (
    "which gives its items only once, and was gone through before: make it again, or keep its items in a list. What "
    "select_runs, run_files, read_jsonl, the loaders and the steps return starts again with each loop"
)


def passes(items=(1, 2, 3)) -> Passes[int]:
    return Passes(lambda: (item for item in items))


def async_passes(closed=None) -> AsyncPasses[int]:
    async def begin():
        try:
            for item in (1, 2, 3):
                yield item
        finally:
            if closed is not None:
                closed.append(True)

    return AsyncPasses(begin)


def test_each_loop_starts_again_whatever_the_one_before_came_to():
    numbers = passes()
    for _ in numbers:
        break
    assert [*numbers] == [*numbers] == [1, 2, 3]
    assert list(zip(numbers, numbers, strict=True)) == [(1, 1), (2, 2), (3, 3)]
    assert isinstance(numbers, Iterator)


def test_a_loop_goes_on_with_what_next_began_and_the_one_after_starts_again():
    numbers = passes()
    assert (next(numbers), next(numbers), [*numbers], [*numbers]) == (1, 2, [3], [1, 2, 3])
    assert next(numbers) == 1
    for number in numbers:
        assert number == 2
        break
    assert [*numbers] == [1, 2, 3]


def test_next_ends_and_stays_at_the_end_until_a_loop_starts():
    numbers = passes([1])
    assert [next(numbers, None) for _ in range(3)] == [1, None, None]
    assert [*numbers] == [1]


def test_a_pass_that_failed_starts_again_too():
    def fails():
        yield 1
        raise OSError

    numbers = Passes(fails)
    for _ in range(2):
        with pytest.raises(OSError):
            list(numbers)
    assert next(numbers) == 1
    with pytest.raises(OSError):
        next(numbers)
    assert next(iter(numbers)) == 1


def test_one_pass_is_held_to_take_parts_of_it():
    one = iter(passes(range(5)))
    assert [list(islice(one, 2)) for _ in range(4)] == [[0, 1], [2, 3], [4], []]


def test_closing_ends_the_passes_under_way():
    ended = []

    def begin():
        try:
            yield from (1, 2)
        finally:
            ended.append(True)

    with closing(Passes(begin)) as numbers:
        one, other = iter(numbers), iter(numbers)
        assert (next(one), next(other), next(numbers)) == (1, 1, 1)
    assert ended == [True] * 3


async def test_async_loops_start_again_and_go_on_with_what_anext_began():
    numbers = async_passes()
    assert isinstance(numbers, AsyncIterator)
    async for _ in numbers:
        break
    assert [n async for n in numbers] == [n async for n in numbers] == [1, 2, 3]
    assert (await anext(numbers), [n async for n in numbers], [n async for n in numbers]) == (
        1,
        [2, 3],
        [1, 2, 3],
    )
    closed = []
    async with aclosing(async_passes(closed)) as numbers:
        async for _ in numbers:
            break
    assert closed == [True]


ONCE = {
    "a generator": (lambda: (n for n in (1, 2)), "a generator"),
    "an iterator of a list": (lambda: iter([1, 2]), "a list_iterator"),
    "a map": (lambda: map(abs, [1, 2]), "a map"),
}


class Hidden:
    """Looks as if it could be gone through again."""

    def __init__(self) -> None:
        self._items = (n for n in (1, 2))

    def __iter__(self):
        return self._items


@pytest.mark.parametrize("name", [*ONCE, "hidden"])
def test_a_second_pass_over_what_gives_its_items_once_says_what_to_do(name):
    make, kind = ONCE.get(name, (Hidden, "a generator"))
    source = Source("runs", make())
    assert [*source] == [1, 2]
    for _ in range(2):
        with pytest.raises(RuntimeError) as caught:
            list(source)
        assert str(caught.value) == f"runs is {kind}, {AGAIN}"


def test_a_second_pass_after_one_that_was_left_early_is_refused_too():
    source = Source("runs", iter([1, 2]))
    for _ in source:
        break
    with pytest.raises(RuntimeError, match="runs is a list_iterator, which gives its items only once"):
        list(source)


@pytest.mark.parametrize("given", [[1, 2], (1, 2), {1: "a", 2: "b"}.keys(), range(1, 3), passes((1, 2))])
def test_what_can_be_gone_through_again_is(given):
    source = Source("runs", given)
    assert [*source] == [*source] == [1, 2]


async def test_async_sources_and_sync_ones_in_async_loops_are_held_to_the_same():
    async def once():
        yield 1

    for given, kind in ((once(), "an async_generator"), (iter([1]), "a list_iterator")):
        source = Source("runs", given)
        assert [item async for item in source] == [1]
        with pytest.raises(RuntimeError) as caught:
            [item async for item in source]
        assert str(caught.value) == f"runs is {kind}, {AGAIN}"
    source = Source("runs", async_passes())
    assert [item async for item in source] == [item async for item in source] == [1, 2, 3]


def test_a_generator_that_has_ended_is_refused_at_once():
    ended = (n for n in ())
    assert not is_spent(ended)
    assert [*ended] == []
    with pytest.raises(RuntimeError) as caught:
        check_many("examples", ended, "examples")
    assert str(caught.value) == f"examples is a generator, {AGAIN}"


def test_a_pass_left_early_does_not_live_on():
    class Item:
        pass

    items = [Item()]
    ended = []

    def begin():
        try:
            yield weakref.ref(items[0])
            yield items.pop()
        finally:
            ended.append(True)

    source = Source("runs", Passes(begin))
    for _ in source:
        break
    gc.collect()
    assert ended == [True]
