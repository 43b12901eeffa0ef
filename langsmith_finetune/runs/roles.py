"""A call's role in its application: which agent, at which node, for which purpose.

LangChain, LangGraph and LangSmith's wrappers say so in a run's metadata:

    lc_agent_name            create_agent(name=), and every agent of Deep Agents
    langgraph_node           the node that made the call: "model", "SummarizationMiddleware.before_model"
    langgraph_checkpoint_ns  the way there: "tools:<id>|model:<id>" inside of a tool, "model:<id>" at the top
    ls_agent_type            root, subagent, middleware, compaction: LangSmith's own words
    lc_source                what LangChain's middleware calls a model for: "summarization", "tool_selection"
    lc_internal_call         likewise, without saying what for
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.examples.source import NoteKind

AgentType: TypeAlias = Literal["root", "subagent", "middleware", "compaction", "title"]
"""What a call is for:

- `root`: the application's own conversation.
- `subagent`: that of an agent, or a model, that a tool calls.
- `middleware`: something beside the conversation, such as choosing its tools.
- `compaction`: making a conversation shorter.
- `title`: giving it a name.
"""

AGENT_TYPES: tuple[str, ...] = get_args(AgentType)

SIDE_CALLS: dict[str, NoteKind] = {
    "middleware": "middleware_call",
    "compaction": "compaction_call",
    "title": "title_call",
}
"""The note that is taken of a call which answers nobody, by its type."""


class Role(NamedTuple):
    """The part of one call; None where the run does not say.

    Args:
        agent: The agent's name.
        node: The graph's node that made the call.
        agent_type: One of `AgentType`, or what else `ls_agent_type` says.
        namespace: The nodes on the way to this one, each with the id of its run.
    """

    agent: str | None = None
    node: str | None = None
    agent_type: str | None = None
    namespace: str | None = None


def role_from(metadata: Mapping[str, Any], run_name: Any) -> Role:
    """The part that a call plays.

    Args:
        metadata: Of its run.
        run_name: The name of its run, which an application may have chosen: "generate_title".
    """
    if metadata.keys().isdisjoint(_KEYS):  # as most are
        named_type = metadata.get("ls_agent_type")
        if named_type is None or named_type == "root":
            kind = _named_for(None, short_text(run_name), None) or named_type
            return _OF_NONE[kind] if kind in _OF_NONE else Role(agent_type=kind)
    agent, node = short_text(metadata.get("lc_agent_name")), short_text(metadata.get("langgraph_node"))
    way = metadata.get("langgraph_checkpoint_ns")
    above = way[:_LONGEST_WAY].rpartition("|")[0] if isinstance(way, str) else ""
    named_type = short_text(metadata.get("ls_agent_type"))
    kind = (
        named_type
        if named_type in SIDE_CALLS
        else _side_call(metadata) or _named_for(node, short_text(run_name), agent)
    )
    if kind is None and named_type in (None, "root"):
        # LangChain's JavaScript calls every agent of its own root; Python leaves it out.
        in_tool = node == _TOOLS or f"|{_TOOLS}:" in f"|{above}"
        kind = "subagent" if in_tool else named_type or ("root" if node else None)
    return Role(agent, node, kind or named_type, above or None)


_OF_NONE = {None: Role(), "root": Role(agent_type="root")}
_KEYS = frozenset({
    "lc_agent_name", "langgraph_node", "langgraph_checkpoint_ns", "lc_source", "lc_internal_call",
})  # fmt: skip
_TOOLS = "tools"  # the node in which LangGraph's own agents call their tools
_LONGEST_WAY = 2000


def _side_call(metadata: Mapping[str, Any]) -> str | None:
    source = metadata.get("lc_source")
    if isinstance(source, str) and source:
        words = _words(source[:100])
        return "compaction" if words & _SHORTER else "title" if words & _TITLES else "middleware"
    return "middleware" if metadata.get("lc_internal_call") else None


@lru_cache(1024)
def _named_for(node: str | None, *others: str | None) -> str | None:
    """What names say that a call is for: only those that say nothing else.

    A whole application may be there to summarize conversations, so that only a node's name tells of it.
    """
    words = _words(node or "")
    if _HOOK.search(node or ""):
        return "compaction" if words & _SHORTER else "middleware"
    if words & _SHORTER and words & _OF_CHATS and words <= _SHORTER | _OF_CHATS | _MAKERS:
        return "compaction"
    named = (words, *(_words(name or "") for name in others))
    return (
        "title"
        if any(found & _TITLES and found <= _TITLES | _OF_CHATS | _MAKERS for found in named)
        else None
    )


def _words(name: str) -> set[str]:
    """`generateTitle`, `generate_title` and `Generate title` are the same two words."""
    return {word.lower() for word in _WORD.findall(name)}


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
# Of create_agent's middleware, and of create_react_agent.
_HOOK = re.compile(r"\.(?:before|after)_(?:model|agent)$|^(?:pre|post)_model_hook$")
_TITLES = {"title", "titles", "titler", "titling"}
_SHORTER = frozenset(
    {"summary", "summaries", "summarize", "summarizes", "summarizer", "summarizing", "summarization"}
    | {"summarise", "summariser", "summarising", "summarisation", "compact", "compacts", "compaction"}
    | {"compacting", "compress", "compression", "compressor"}
)
_OF_CHATS = frozenset(
    {"chat", "chats", "conversation", "conversations", "thread", "threads", "session", "sessions"}
    | {"history", "context", "memory", "message", "messages"}
)
_MAKERS = frozenset(
    {"generate", "generates", "generator", "generation", "gen", "make", "maker", "create", "creator"}
    | {"creation", "write", "writer", "suggest", "auto", "set", "get", "update", "for", "of", "the", "a"}
    | {"call", "chain", "node", "agent", "llm", "model", "middleware", "hook", "tool"}
)
