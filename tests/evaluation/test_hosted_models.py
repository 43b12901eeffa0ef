"""ChatOpenAI over HTTP, against a server of the test's: what goes over the wire, and what a host's faults become."""

import json

import pytest
from langchain_openai import ChatOpenAI

from langsmith_finetune import InvalidExampleError, ProviderError, evaluate
from langsmith_finetune.evaluation import cases_of, plan_evaluation
from langsmith_finetune.evaluation.models import asked_model
from tests.support.evaluations import ADD, asks, call, calls, doubles, says, shrugs, sum_line, text_lines
from tests.support.standins.server import Response, StandIn

QUIET = {"progress": False}
PATH = "/v1/chat/completions"


class Host(StandIn):
    """Answers each chat with one message."""

    def __init__(self, message=None):
        super().__init__()
        self.message = message or says("It is 2.")

    def handle(self, request):
        choice = {"index": 0, "finish_reason": "stop", "message": self.message}
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        return Response(
            body={
                "id": "c",
                "object": "chat.completion",
                "created": 1,
                "model": "m",
                "choices": [choice],
                "usage": usage,
            }
        )

    @property
    def bodies(self):
        return [request.json() for request in self.requests]


@pytest.fixture
def host():
    with Host() as host:
        yield host


def chat_of(host, **settings):
    return ChatOpenAI(
        model="gpt-4.1-mini", base_url=f"{host.url}/v1", api_key="sk-stand-in-key", max_retries=0, **settings
    )


HISTORY = [
    {"role": "system", "content": "Add."},
    asks("1 + 2, 3 + 4?"),
    calls(call(a=1, b=2), call(a=3, b=4, call_id="call_2")),
    {"role": "tool", "tool_call_id": "call_1", "content": "3"},
    {"role": "tool", "tool_call_id": "call_2", "content": "7"},
    says("3 and 7."),
    {
        "role": "user",
        "content": [{"type": "text", "text": "And"}, {"type": "image_url", "image_url": {"url": "data:,x"}}],
    },
    says("10."),
]


def test_what_goes_over_the_wire_is_what_was_recorded(host):
    line = {"messages": HISTORY, "tools": [ADD], "parallel_tool_calls": False}
    result = evaluate({"mine": chat_of(host)}, [line], answers="last", **QUIET)
    [body] = host.bodies
    assert body["messages"] == HISTORY[:-1]
    assert body["tools"] == [ADD]
    assert body["parallel_tool_calls"] is False
    assert (result.usage[0].input_tokens, result.usage[0].output_tokens) == (11, 7)
    assert result.answers["mine"][0].message == says("It is 2.")


def test_calls_of_a_host_are_read_valid_and_broken():
    for text, figure in (('{"a": 1, "b": 2.0}', 1), ('{"a": 1, "b":', 0)):
        made = {"id": "x", "type": "function", "function": {"name": "add", "arguments": text}}
        with Host({"role": "assistant", "content": None, "tool_calls": [made]}) as host:
            result = evaluate({"mine": chat_of(host)}, [sum_line(1, 2)], **QUIET)
        assert result.mean("mine", "calls_match") == figure
        assert result.mean("mine", "arguments_json_valid") == figure
        assert result.mean("mine", "tool_name_match") == 1


def test_a_refusal_is_text():
    refusal = {"role": "assistant", "content": None, "refusal": "I cannot."}
    with Host(refusal) as host:
        result = evaluate({"mine": chat_of(host)}, [{"messages": [asks("Bomb?"), refusal]}], **QUIET)
    assert result.mean("mine", "exact_match") == 1


def error_of(code, words="no"):
    return {"error": {"message": words, "type": "x", "code": code, "param": None}}


def test_a_host_that_asks_to_wait_is_asked_again_when_it_says(host, clock):
    host.fault("POST", PATH, Response(429, error_of("rate_limit"), {"retry-after": "30"}), times=2)
    started = clock.now()
    result = evaluate({"mine": chat_of(host)}, text_lines(2), max_concurrency=1, **QUIET)
    assert result.usage[0].errors == 0
    assert clock.now() - started >= 60
    assert len(host.requests) == 4


def test_a_host_that_is_down_for_a_while_is_asked_again(host, clock):
    host.fault("POST", PATH, Response(503, error_of("down")), times=3)
    assert evaluate({"mine": chat_of(host)}, text_lines(1), **QUIET).usage[0].errors == 0


def test_nobody_there_is_an_error_that_passes(clock):
    with Host() as gone:
        chat = chat_of(gone)
    result = evaluate({"mine": chat}, text_lines(1), **QUIET)
    assert result.answers["mine"][0].is_temporary
    assert result.answers["mine"][0].error.endswith("ConnectionError: Connection error.")


def test_a_refused_question_counts_and_holds_nothing_of_the_prompt(host):
    words = 'Invalid value: "Double 0." in {"messages": [{"content": "Double 0."}]}, key sk-stand-in-key'
    host.fault("POST", PATH, Response(400, error_of("invalid", words)))
    result = evaluate({"mine": chat_of(host)}, text_lines(1), **QUIET)
    error = result.answers["mine"][0].error
    assert "Error: Error code: 400" in error
    assert "Double" not in error
    assert "sk-stand-in" not in error
    assert result.mean("mine") == 0


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (404, "model_not_found"), (429, "insufficient_quota")]
)
def test_a_host_that_refuses_the_model_ends_the_evaluation(host, status, code):
    host.fault("POST", PATH, Response(status, error_of(code)))
    with pytest.raises(ProviderError) as caught:
        evaluate({"mine": chat_of(host)}, text_lines(3), max_concurrency=1, **QUIET)
    assert str(caught.value).startswith("mine: ")
    assert f"Error code: {status}" in str(caught.value)
    assert len(host.requests) == 1


def test_a_chat_model_is_known_by_its_settings_and_not_by_its_key(host):
    def digest(**settings):
        return asked_model("mine", chat_of(host, **settings), batch_size=1).digest

    assert digest() == digest()
    assert digest(temperature=0) != digest(temperature=1)
    assert asked_model("mine", chat_of(host).bind(stop=["x"]), batch_size=1).digest != digest()
    other_key = ChatOpenAI(
        model="gpt-4.1-mini", base_url=f"{host.url}/v1", api_key="sk-another-key", max_retries=0
    )
    assert asked_model("mine", other_key, batch_size=1).digest == digest()
    other_host = ChatOpenAI(
        model="gpt-4.1-mini", base_url="http://other.example/v1", api_key="sk-x", max_retries=0
    )
    assert asked_model("mine", other_host, batch_size=1).digest != digest()


def test_a_providers_model_is_asked_by_its_name(host, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-stand-in-key")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{host.url}/v1")
    evaluate({"mine": "openai:gpt-4.1-mini"}, text_lines(1), **QUIET)
    [body] = host.bodies
    assert (body["model"], body["temperature"]) == ("gpt-4.1-mini", 0)


def test_a_model_that_cannot_be_offered_tools_is_refused_and_not_scored(host):
    for model, name in (
        (chat_of(host) | (lambda message: message), "RunnableSequence"),
        (fake(), "FakeListChatModel"),
    ):
        with pytest.raises(TypeError) as caught:
            evaluate({"mine": model}, [sum_line(1, 2)], **QUIET)
        assert str(caught.value) == (
            f"{name} cannot be offered tools, as the held-out lines do: give a chat model that has bind_tools, or a "
            "function of messages and tools"
        )


def fake():
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    return FakeListChatModel(responses=["x"])


def test_the_judge_is_in_the_plan(tmp_path):
    path = tmp_path / "heldout.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in text_lines(5)), encoding="utf-8")
    models = {"before": shrugs, "after": doubles}
    judge = lambda messages: "VERDICT: TIE"  # noqa: E731
    before = plan_evaluation(models, path, judge=judge).models[-1]
    assert (before.model, before.questions) == ("judge", 10)
    assert before.input_tokens > 500
    evaluate(models, path, judge=judge, **QUIET)
    assert plan_evaluation(models, path, judge=judge).models[-1].questions == 0


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"messages": [asks("Hi"), says("Ho")], "functions": [{"name": "f"}]}, "example 1: functions: are tools of the legacy form. Write them as tools, or call check(..., fix=True)"),
        ({"messages": [asks("Hi"), {**says(None), "function_call": {"name": "f", "arguments": "{}"}}]}, "example 1: messages[1].function_call: is a function call of the legacy form. Make lines with training_examples(sessions), which turns it into tool_calls"),
        ({"messages": [asks("Hi"), {"role": "tool", "content": "1"}, says("Ho")]}, "example 1: messages[1].tool_call_id: is missing. Make lines with training_examples(sessions)"),
        ({"messages": [asks("Hi"), calls({"function": {"name": "f", "arguments": "{}"}}), says("Ho")]}, "example 1: messages[1].tool_calls[0].id: is missing. Make lines with training_examples(sessions)"),
    ],
)  # fmt: skip
def test_what_no_chat_model_can_be_asked_is_refused(line, text):
    with pytest.raises(InvalidExampleError) as caught:
        cases_of([line])
    assert str(caught.value) == text


def test_arguments_that_are_objects_are_asked_as_text(host):
    made = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    line = {
        "messages": [
            asks("1 + 2?"),
            calls(made),
            {"role": "tool", "tool_call_id": "call_1", "content": "3"},
            says("3"),
        ]
    }
    result = evaluate({"mine": chat_of(host)}, [line], max_concurrency=1, **QUIET)
    assert json.loads(host.bodies[-1]["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {
        "a": 1,
        "b": 2,
    }
    assert result.cases[0].expected["tool_calls"][0]["function"]["arguments"] == '{"a":1,"b":2}'
