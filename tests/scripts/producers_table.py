"""docs/producers.md, from what the captured runs become: `python -m tests.scripts.producers_table` writes it."""

from __future__ import annotations

from collections import Counter
from typing import Any

from langsmith_finetune import RunNotUsableError
from langsmith_finetune.dialects.read import conversation_from_run
from tests.support import older
from tests.support.corpus import captured
from tests.support.paths import ROOT
from tests.support.wire import cases

PAGE = ROOT / "docs" / "producers.md"

# Producer: the packages its runs were captured with, and how their names in `tests.support.older` begin.
OLDER = {
    "`wrap_openai` of other years": ("langsmith 0.1.99 with openai 1.40; 0.3.45 with 1.109", "wrap_openai"),
    "`wrap_anthropic` of other years": (
        "langsmith 0.3.45 with anthropic 0.69; 0.4.31 with 0.39",
        "wrap_anthropic",
    ),
}

# Producer: the packages its runs were captured with, its files of captured runs, and how the names of its
# scenarios begin that have their HTTP traffic beside them.
PRODUCERS: dict[str, tuple[str, list[str], tuple[str, ...]]] = {
    "LangChain, Python: `ChatOpenAI`, `create_agent`": (
        "langchain-openai 1.7.3, langchain 1.4.7, langchain-core 1.7.2",
        ["langchain_openai", "langchain_agent"],
        ("lc_",),
    ),
    "LangChain, Python: `ChatOpenAI`, Responses API": (
        "langchain-openai 1.7.3", ["langchain_openai_responses"], ("lc_responses",)
    ),
    "LangChain, Python: `ChatAnthropic`": ("langchain-anthropic 1.7.7", ["langchain_anthropic"], ("lc_anthropic",)),
    "LangChain, Python: `ChatGoogleGenerativeAI`": (
        "langchain-google-genai 4.4.2 and 4.4.3", ["langchain_google_genai"], ("lc_gemini",)
    ),
    "LangChain, Python: `ChatBedrockConverse`": ("langchain-aws 1.9.1", [], ("lc_bedrock",)),
    "LangChain, Python: `ChatOllama`": ("langchain-ollama 1.1.0", [], ("lc_ollama",)),
    "LangChain, Python: `ChatLiteLLM`": ("langchain-litellm 0.11.2", [], ("lc_litellm",)),
    "LangChain, Python: 2023": ("langchain 0.0.310", ["legacy_langchain_0_0"], ()),
    "LangChain, Python: text completions": ("langchain-openai 1.7.3", ["langchain_openai_completion"], ()),
    "LangChain, Python: all of 2026": (
        "langchain-anthropic 1.7.10, -aws 1.4.5 and 1.9.1, -google-genai 4.4.3, -ollama 1.1.0, -mistralai 1.1.6, "
        "-deepseek 1.1.1, -perplexity 1.4.2, -cohere 0.6.0", [], ("lc2026_",),
    ),
    "LangChain, Python: all of 2025": (
        "langchain-openai 0.3.28, -anthropic 0.3.10, -aws 0.2.17 and 1.1.0, -google-genai 3.2.0, -ollama 1.0.0, "
        "-mistralai 0.2.9, -groq 0.3.1, -fireworks 0.2.8, -together 0.3.0, -cohere 0.4.3", [], ("lc2025_",),
    ),
    "LangChain, Python: all of 2024": (
        "langchain-openai 0.1.6, -anthropic 0.1.11 and 0.3.1, -community 0.0.38 with Ollama, -aws 0.1.17 and 0.2.10, -google-genai 1.0.10 and 2.1.0, "
        "-mistralai 0.2.4, -groq 0.2.2, -fireworks 0.2.6, -together 0.2.0", [], ("lc2024_",),
    ),
    "LangChain.js: `ChatOpenAI`": ("@langchain/openai 1.5.8, @langchain/core 1.4.0", ["js_langchain"], ("jslc_",)),
    "LangChain.js: `ChatAnthropic`": ("@langchain/anthropic 1.5.11", [], ("jslc_anthropic",)),
    "LangChain.js: `ChatGoogleGenerativeAI`": ("@langchain/google-genai 2.3.2", [], ("jslc_google_",)),
    "LangChain.js: `ChatGoogle`": ("@langchain/google 0.2.6", [], ("jslc_google",)),
    "LangChain.js: `ChatBedrockConverse`": ("@langchain/aws 1.4.5", [], ("jslc_bedrock",)),
    "LangChain.js: `ChatOllama`": ("@langchain/ollama 0.2.4 and 1.3.0", [], ("jslc_ollama", "jslc_unsent")),
    "LangChain.js: `ChatMistralAI`": ("@langchain/mistralai 1.2.0", [], ("jslc_mistral",)),
    "LangChain.js of 2024 to 2026, any chat model": (
        "@langchain/core 0.2, 0.3 and 1.4, and the chat models of their time",
        [],
        ("jslc_answers_json", "jslc_blocks", "jslc_names", "jslc_no_arguments", "jslc_old_gemini", "jslc_one_system", "jslc_pieces", "jslc_rounded", "jslc_texts"),
    ),
    "`wrap_openai`: chat completions": (
        "langsmith 0.3 with openai 1.109; 0.15 with 3.54", ["wrap_openai_chat"], ("wo_",)
    ),
    "`wrap_openai`: Responses API": (
        "langsmith 0.15 with openai 3.54", ["wrap_openai_responses"], ("wo_responses",)
    ),
    "`wrap_openai`: text completions": (
        "langsmith 0.15 with openai 3.54", ["wrap_openai_completions"], ()
    ),
    "`wrapAnthropic` and `wrapSDK`, JavaScript": ("langsmith 0.1.68 and 0.12", [], ("jswa_",)),
    "`wrapOpenAI`, JavaScript": ("langsmith 0.3.87 with openai 5, 0.12 with 6.49", ["js_wrap_openai"], ("jswo_",)),
    "`wrap_anthropic`": ("langsmith 0.15 with anthropic 0.125 and 2.12", ["wrap_anthropic"], ("wa_",)),
    "`wrap_gemini`": ("langsmith 0.15 with google-genai 2.34", ["wrap_gemini"], ("wg_",)),
    "`wrap_openai`, 2024 and 2025": (
        "langsmith 0.1.85 with openai 1.35; 0.4.28 with 1.107", [], ("wo2024_", "wo2025_")
    ),
    "`wrap_anthropic`, 2025": ("langsmith 0.4.28 with anthropic 0.67", [], ("wa2025_",)),
    "OpenAI Agents SDK": ("openai-agents 0.24", ["openai_agents"], ("agents_",)),
    "OpenAI Agents SDK, 2025": (
        "openai-agents 0.3.0 and 0.6.2 with langsmith 0.4.28 and 0.4.58", [], ("agents2025",)
    ),
    "OpenAI Agents SDK, JavaScript": ("@openai/agents 0.20", [], ("jsagents_",)),
    "Claude Agent SDK": ("claude-agent-sdk 0.2.187", ["claude_agent_sdk"], ()),
    "Google ADK": ("google-adk 2.13", [], ("adk_",)),
    "Vercel AI SDK 6 and 7, `wrapAISDK`": ("ai 6.0.326 and 7.0.173", ["js_vercel_ai"], ("jsai_", "jsai7_wrap")),
    "Vercel AI SDK 7, `LangSmithTelemetry`": ("ai 7.0.173, langsmith 0.12", [], ("jsai7_telemetry",)),
    "Vercel AI SDK 5, `wrapAISDK`": ("ai 5.0.277, langsmith 0.3.87", [], ("jsai5_",)),
    "Vercel AI SDK 4, `AISDKExporter`": ("ai 4.3.19, langsmith 0.3.30", [], ("jsai4_",)),
    "LiteLLM, callback": ("litellm 1.106.2", ["litellm"], ()),
    "`@traceable`, by hand": ("langsmith 0.15", ["traceable"], ()),
    "`traceable`, JavaScript": ("langsmith 0.12", [], ("jstr_",)),
    "`@traceable` around boto3's Converse": ("boto3 1.44.8", [], ("tr_bedrock",)),
    "`@traceable` around Google's SDK": ("google-genai 3.6.1", [], ("tr_genai",)),
    "`@traceable` around Ollama's client": ("ollama 0.6.3", [], ("tr_ollama",)),
    "OpenTelemetry: LangSmith's own": ("langsmith 0.15", ["otel_langsmith_mode"], ()),
    "OpenTelemetry: GenAI conventions": ("opentelemetry-instrumentation-openai 0.62.4", ["otel_traceloop"], ()),
    "Redacted, attached to, or injected into": ("langsmith 0.15", ["special"], ()),
}  # fmt: skip

HEAD = """\
# Which producers of runs are read

What becomes of the runs that each producer posts. Every number is a captured call that the tests read, and
this page is written by them: a run that is *exact* gives the request and the answer of its call to the
character, without a note. A *noted* run is sound too; the note says what its training line does not. A
*refused* run holds no example, or not all of one.

| Producer | Captured with | Calls | Exact | Noted | Refused |
|---|---|--:|--:|---|---|
"""
FOOT = """
The versions are those of the captures. Of other years, runs are read by their form: LangChain's of 2023 to today,
in Python and JavaScript, `wrap_openai`'s since langsmith 0.3, the AI SDK's from 4 to 7. Read by their form, too, and
held to payloads written after their sources: Dify's, and Azure's and Groq's over `wrap_openai` or `@traceable`.

Some versions lose parts of a call before they post it; these are known, and no example is made of what is left:

- `wrap_anthropic` of langsmith 0.3 to 0.4.31 loses the arguments of streamed calls: refused where the tool requires
  some, noted where it may take some.
- Calls of a stream that a host numbers alike (Gemini's OpenAI endpoint) are joined into one by `wrap_openai` of any
  version, and `wrapOpenAI` in JavaScript joins those that are numbered apart, too: refused.
- JavaScript's SDK writes inputs down after the call: a list that the application went on with is cut back, and noted.
- `messages.stream()` of `wrap_anthropic` to langsmith 0.4, streams of `wrap_gemini` and LangChain's `ChatPerplexity`
  leave text alone: noted where tools were offered.
- `with_raw_response` of `wrap_openai` to langsmith 0.4 is posted as Python's name for the response: refused.
- Streamed calls of LangChain's `ChatCohere` get ids or names that the model did not give: refused.
- LangChain's `ChatBedrock` of 2024 drops the text beside calls: noted. OpenAI's agents of late 2025 post no tools: noted.
- LangChain's `ChatGoogleGenerativeAI` takes the spaces off the end of an answer, and `wrap_gemini` joins the texts of a
  message by line breaks: neither shows.
- LangSmith's `AISDKExporter` posts calls without the text beside them: always noted. `wrapAnthropic` and `wrapGemini`
  in JavaScript join the texts of a system prompt or a message by line breaks, which no run tells.
- LangChain.js parses arguments into numbers that end at 2^53: larger integers are noted where their text is not kept.
- Google's ADK joins thoughts to the answer, and the Claude Agent SDK posts no turns before the query: always noted.

`NoteKind` and `RunReason` say what each kind and reason means. A reader looks at the form of a payload, not
at the name of its producer: others that write one of these forms are read as well.
"""


def page() -> str:
    """The whole page."""
    rows = []
    prefixes = {prefix for _, _, some in PRODUCERS.values() for prefix in some}
    for producer, (packages, files, own) in PRODUCERS.items():
        runs = [run for file in files for _, run in captured(file)]
        for prefix in own:
            longer = tuple(one for one in prefixes if one != prefix and one.startswith(prefix))
            runs += [run for name, run, _ in cases(prefix) if not (longer and name.startswith(longer))]
        rows.append(_row(producer, packages, runs))
    for producer, (packages, prefix) in OLDER.items():
        rows.append(_row(producer, packages, [older.run(n) for n in older.names() if n.startswith(prefix)]))
    return HEAD + "".join(rows) + FOOT


def _row(producer: str, packages: str, runs: list[dict[str, Any]]) -> str:
    exact, noted, refused = 0, Counter[str](), Counter[str]()
    for run in runs:
        try:
            _, source = conversation_from_run(run)
        except RunNotUsableError as error:
            refused[error.reason] += 1
        else:
            exact += not source.notes
            noted.update(note.kind for note in source.notes)
    return f"| {producer} | {packages} | {len(runs)} | {exact} | {_counts(noted)} | {_counts(refused)} |\n"


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"`{kind}` {count}" for kind, count in sorted(found.items()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
