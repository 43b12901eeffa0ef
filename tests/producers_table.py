"""docs/producers.md, from what the captured runs become: `python -m tests.producers_table` writes it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from langsmith_finetune import RunNotUsableError
from langsmith_finetune.shapes import conversation_from_run
from tests.corpus import captured
from tests.wire import cases

PAGE = Path(__file__).parents[1] / "docs" / "producers.md"

# Producer: its file of captured runs, and the names of its scenarios that have their HTTP traffic beside them.
PRODUCERS = {
    "LangChain, Python: chat completions": (["langchain_openai", "langchain_agent"], "lc_"),
    "LangChain, Python: Responses API": (["langchain_openai_responses"], "lc_responses"),
    "LangChain, Python: Anthropic": (["langchain_anthropic"], "lc_anthropic"),
    "LangChain, Python: Gemini": (["langchain_google_genai"], "lc_gemini"),
    "LangChain, Python: 0.0.x": (["legacy_langchain_0_0"], ""),
    "LangChain, Python: text completions": (["langchain_openai_completion"], ""),
    "LangChain.js": (["js_langchain"], "jslc_"),
    "`wrap_openai`: chat completions": (["wrap_openai_chat"], "wo_"),
    "`wrap_openai`: Responses API": (["wrap_openai_responses"], "wo_responses"),
    "`wrap_openai`: text completions": (["wrap_openai_completions"], ""),
    "`wrapOpenAI`, JavaScript": (["js_wrap_openai"], "jswo_"),
    "`wrap_anthropic`": (["wrap_anthropic"], "wa_"),
    "`wrap_gemini`": (["wrap_gemini"], "wg_"),
    "OpenAI Agents SDK": (["openai_agents"], "agents_"),
    "Claude Agent SDK": (["claude_agent_sdk"], ""),
    "Vercel AI SDK, `wrapAISDK`": (["js_vercel_ai"], "jsai_"),
    "LiteLLM": (["litellm"], ""),
    "`@traceable`, by hand": (["traceable"], ""),
    "OpenTelemetry: LangSmith's own": (["otel_langsmith_mode"], ""),
    "OpenTelemetry: GenAI conventions": (["otel_traceloop"], ""),
    "Redacted, attached to, or injected into": (["special"], ""),
}

HEAD = """\
# Producers

What becomes of the runs that each producer posts. Every number is a captured call that the tests read, and
this page is written by them: a run that is *exact* gives the request and the answer of its call to the
character, without a note. A *noted* run is sound too; the note says what its training line does not. A
*refused* run holds no example, or not all of one.

| Producer | Calls | Exact | Noted | Refused |
|---|--:|--:|---|---|
"""
FOOT = """
`NoteKind` and `RunReason` say what each kind and reason means. A reader looks at the form of a payload, not
at the name of its producer: others that write one of these forms are read as well.
"""


def page() -> str:
    """The whole page."""
    rows = []
    prefixes = {prefix for _, prefix in PRODUCERS.values() if prefix}
    for producer, (files, prefix) in PRODUCERS.items():
        runs = [run for file in files for _, run in captured(file)]
        longer = tuple(other for other in prefixes if prefix and other != prefix and other.startswith(prefix))
        runs += [run for name, run, _ in cases(prefix) if prefix and not (longer and name.startswith(longer))]
        exact, noted, refused = 0, Counter[str](), Counter[str]()
        for run in runs:
            try:
                _, source = conversation_from_run(run)
            except RunNotUsableError as error:
                refused[error.reason] += 1
            else:
                exact += not source.notes
                noted.update(note.kind for note in source.notes)
        rows.append(f"| {producer} | {len(runs)} | {exact} | {_counts(noted)} | {_counts(refused)} |\n")
    return HEAD + "".join(rows) + FOOT


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"`{kind}` {count}" for kind, count in sorted(found.items()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
