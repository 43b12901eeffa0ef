"""The tests; before anything of them looks at the clock, it is moved where that is asked for."""

from tests.support.later import move_clock

move_clock()
