"""A project whose users rated some of its answers, for tests of the whole path."""

from datetime import UTC, datetime

import pytest

from tests.support.standins.langsmith import KEY, LangSmith, trace

LIKED = 24
"""How many of its traces have user_score 1."""


def rated_runs(count=30):
    """Traces with a question each; every fifth answer was not liked."""
    return [
        run
        for number in range(count)
        for run in trace(
            run_id=f"01a20272-c025-4739-87fb-a057d0d2{number:04}",
            started=datetime(2026, 11, 1, 12, number % 60, tzinfo=UTC),
            inputs={
                "messages": [{"role": "user", "content": f"What is {number} times 7?"}],
                "model": "gpt-4o",
            },
            outputs={"choices": [{"message": {"role": "assistant", "content": f"It is {number * 7}."}}]},
            root={"feedback": [{"key": "user_score", "score": int(number % 5 != 4)}]},
        )
    ]


@pytest.fixture
def langsmith(monkeypatch):
    """The project `support-bot`, as the environment says."""
    projects = {"support-bot": ("22222222-2222-4222-8222-222222222222", datetime(2026, 10, 1, tzinfo=UTC))}
    with LangSmith(rated_runs(), projects=projects) as langsmith:
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
        yield langsmith
