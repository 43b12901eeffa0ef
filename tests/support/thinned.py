"""Products of cases, thinned to what a run of the tests has time for. `make fuzz` takes them whole."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from hypothesis import settings


def thinned(cases: Iterable[Any], number: int, *, every: int) -> list[Any]:
    """One case of so many, or all of them where Hypothesis searches longer. The test is marked `thinned`.

    Args:
        cases: The last factor of the product, such as the places of a line.
        number: The sum of the numbers of the other factors' cases. So each case meets each case of each other factor
            somewhere, wherever that one has at least `every` cases.
        every: How many cases there are for each that is taken.
    """
    if settings.default.max_examples > settings.get_profile("fixed").max_examples:
        return list(cases)
    return list(islice(cases, number % every, None, every))
