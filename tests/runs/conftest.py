"""Tests that read runs ask stand-ins alone: no settings of this machine, no waiting, no connection left open."""

from tests.support.langsmith_runs import (
    apis,
    clock,
    no_connection_left_open,
    no_settings_of_this_machine,
)

__all__ = ["apis", "clock", "no_connection_left_open", "no_settings_of_this_machine"]
