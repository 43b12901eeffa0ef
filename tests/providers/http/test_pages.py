from datetime import UTC, datetime, timedelta

import pytest

from langsmith_finetune._foundation.json_values import time_from
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.pages import MOST_ITEMS, WINDOW_DAYS, WINDOW_ITEMS, Page, read_pages

NOW = datetime.now(UTC)


def read_back(ages_days, *, per_page=5, timed=True):
    """Read a list of things of these ages, and say how many pages were asked for and how many things were seen."""
    asked = 0

    def read(cursor):
        nonlocal asked
        asked += 1
        start = int(cursor or 0)
        things = [
            {"id": f"thing-{n}", "at": (NOW - timedelta(days=age)).isoformat()}
            for n, age in enumerate(ages_days[start : start + per_page], start=start)
        ]
        following = str(start + per_page) if start + per_page < len(ages_days) else None
        return Page(things, following)

    created = (lambda thing: time_from(thing["at"])) if timed else None
    things = list(read_pages("host", "things", read, created=created))
    return asked, len(things)


def test_a_list_is_left_once_the_window_is_covered():
    ages = [0] * (WINDOW_ITEMS - 1) + [WINDOW_DAYS + 1] * 1000
    assert read_back(ages) == (WINDOW_ITEMS / 5, WINDOW_ITEMS)


def test_a_list_is_read_on_while_it_is_young():
    ages = [WINDOW_DAYS - 1] * 3000 + [WINDOW_DAYS + 1] * 1000
    assert read_back(ages) == (601, 3005)


def test_the_newest_thousand_are_read_however_old():
    assert read_back([WINDOW_DAYS + 1] * 3000) == (WINDOW_ITEMS / 5, WINDOW_ITEMS)


@pytest.mark.parametrize("timed", [True, False])
def test_a_list_in_another_order_is_read_to_its_end(timed):
    oldest_first = [age / 10 for age in range(3000, 0, -1)]
    assert read_back(oldest_first, timed=timed) == (600, 3000)


def test_a_list_without_end_is_refused():
    def read(cursor):
        start = int(cursor or 0)
        return Page([{"id": str(n)} for n in range(start, start + 1000)], str(start + 1000))

    with pytest.raises(
        ProviderError, match=f"host: the list of things has no end after {MOST_ITEMS:,} items"
    ) as caught:
        list(read_pages("host", "things", read))
    assert not caught.value.temporary


def test_pages_may_be_empty_for_a_while():
    def read(cursor):
        n = int(cursor or 0)
        return Page([{"id": "found"}] if n == 19 else [], str(n + 1) if n < 19 else None)

    assert list(read_pages("host", "things", read)) == [{"id": "found"}]
