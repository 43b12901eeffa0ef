"""Checks the messages of a line: who speaks when, what is called and answered, and what is trained."""

from __future__ import annotations

import re
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.targets.content import Contents
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.rules import Line
from langsmith_finetune.targets.tools import NO_TOOLS, names_of_tools, pattern, read_call

_ROLES = ("system", "user", "assistant", "tool")
_KEYS = {
    "system": frozenset({"role", "content", "name", "weight"}),
    "user": frozenset({"role", "content", "name", "weight"}),
    "assistant": frozenset({"role", "content", "name", "weight", "tool_calls", "refusal", "function_call"}),
    "tool": frozenset({"role", "content", "name", "weight", "tool_call_id"}),
}
LEGACY = frozenset({"functions"})
"""What a line has no more, and has a rule of its own."""

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class Conversation:
    """The messages of one line, and what has been said so far.

    Args:
        problems: Takes what is wrong.
        supervised: Whether the messages are what is learned, and not the input of a preference.
    """

    def __init__(self, problems: Problems, *, supervised: bool) -> None:
        self._problems = problems
        self._rules = problems.rules
        self._supervised = supervised
        self._contents = Contents(problems, images=supervised or problems.rules.preference_images)
        self._tools: set[str] | None = None
        self._open: dict[str, str] = {}  # ids of the calls without an answer, and where they stand
        self._answered: set[str] = set()
        self._called: set[str] = set()

    def read(self, holder: Line, at: str) -> None:
        """Read `messages` and what stands beside them."""
        problems = self._problems
        parallel = holder.get("parallel_tool_calls", False)
        if not isinstance(parallel, bool) and "parallel_tool_calls" in self._rules.line_keys:
            what = f"is {problems.what(parallel)}"
            problems.say("type", f"{at}parallel_tool_calls", what, "Write true or false")
        if "functions" in holder:
            functions = holder["functions"]
            fix = "Write tools, or call check(..., fix=True)" if functions else "Remove it"
            problems.say("legacy_function", f"{at}functions", f"is {problems.what(functions)}", fix)
        if "tools" in holder:
            self._tools = names_of_tools(holder["tools"], f"{at}tools", problems)
        messages, field = holder.get("messages"), f"{at}messages"
        if not isinstance(messages, list) or not messages:
            fix = 'Write {"messages": [...]} on each line'
            problems.say("messages", field, f"is {problems.what(messages)}, not a list of messages", fix)
            return
        self.messages(messages, field)
        self._contents.as_a_whole(field)
        if self._supervised:
            self._learned(messages, field)

    def messages(self, messages: list[Any], at: str, before: str | None = None) -> None:
        """Read the messages one by one, and see that each call has its answer.

        Args:
            messages: The messages.
            at: The path of their list.
            before: The role of the message before the first.
        """
        self._called = set()
        for index, message in enumerate(messages):
            before = self._message(message, f"{at}[{index}]", before)
        # The last message may be a call: it is what is learned.
        if before != "assistant":
            self._unanswered()
        self._open, self._answered = {}, set()

    def _message(self, message: Any, field: str, before: str | None) -> str:
        problems = self._problems
        role = message.get("role") if isinstance(message, OBJECT) else None
        if not isinstance(message, OBJECT):
            fix = "Make lines with training_examples(sessions)"
            problems.say("type", field, f"is {problems.what(message)}, not an object", fix)
        elif not isinstance(role, str) or role not in _ROLES:
            self._bad_role(role, field)
        else:
            if not _KEYS[role].issuperset(message):
                more = self._rules.message_keys if role == "assistant" else frozenset()
                problems.keys(field, message, _KEYS[role] | more, "message_key")
            if role != "tool":
                self._unanswered()
            self._order(role, before, field)
            self._contents.read(message, role, field)
            if role == "assistant":
                self._assistant(message, field)
            elif role == "tool":
                self._answer(message, field)
            if "name" in message:
                self._name(message["name"], f"{field}.name")
            if "weight" in message:
                self._weight(message["weight"], role, f"{field}.weight")
            return role
        return "unknown"

    def _bad_role(self, role: Any, field: str) -> None:
        fixes = {
            "developer": "Write system, which says the same; or call check(..., fix=True)",
            "function": "Write a tool message with tool_call_id; or call check(..., fix=True)",
        }
        fix = fixes.get(role if isinstance(role, str) else "", f"Write one of {', '.join(_ROLES)}")
        self._problems.say("role", f"{field}.role", f"is {self._problems.what(role)}", fix)

    def _order(self, role: str, before: str | None, field: str) -> None:
        order, problems = self._rules.order, self._problems
        if role == "system":
            if before not in (None, "system") and self._rules.system_first:
                fix = "Move it to the front, or say it in a user message"
                problems.say("system_place", field, "is a system message after others", fix)
        elif order in ("free", "prompted"):
            return
        elif before in (None, "system"):
            if role == "assistant" and order in ("user_first", "in_turn"):
                fix = "Begin with what the assistant answers, or leave the line out"
                problems.say("order", field, "is an assistant message that answers nothing", fix)
        elif role == before == "assistant" and order != "user_first":
            problems.say("order", field, "is a second assistant message in a row", "Join the two")
        elif role == before == "user" and order == "in_turn":
            fix = "Join the two" + ("; or call check(..., fix=True)" if self._rules.joins_users else "")
            problems.say("order", field, "is a second user message in a row", fix)

    def _assistant(self, message: Line, field: str) -> None:
        problems = self._problems
        if "function_call" in message:
            is_call = message["function_call"] is not None
            what = "is a call of the legacy form" if is_call else "is null"
            fix = (
                "Write tool_calls, or call check(..., fix=True)"
                if is_call
                else "Remove the key, or call check(..., fix=True)"
            )
            problems.say("legacy_function", f"{field}.function_call", what, fix, warn=not is_call)
        if message.get("refusal") is not None:
            fix = "Put the words into content, or call check(..., fix=True), or leave the line out"
            problems.say("refusal", f"{field}.refusal", f"is {problems.what(message['refusal'])}", fix)
        if "tool_calls" not in message:
            return
        calls = message["tool_calls"]
        if not isinstance(calls, list) or not calls:
            fix = "Write a list of calls, or leave the key out"
            problems.say("type", f"{field}.tool_calls", f"is {problems.what(calls)}", fix)
            return
        if not self._rules.tools:
            problems.say("tools", f"{field}.tool_calls", f"is {problems.what(calls)}", NO_TOOLS)
        for index, call in enumerate(calls):
            at = f"{field}.tool_calls[{index}]"
            if read_call(call, at, self._tools, problems):
                self._call_id(call.get("id"), f"{at}.id")
        self._called.update(self._open)

    def _call_id(self, call_id: Any, field: str) -> None:
        problems, form = self._problems, self._rules.call_id
        if not isinstance(call_id, str) or not call_id:
            fix = "Give each call an id of its own"
            problems.say("call_id", field, f"is {problems.what(call_id)}", fix)
            return
        if call_id in self._open:
            fix = "Give each call of a message an id of its own"
            problems.say("call_id", field, "is the id of another call of the message", fix)
        elif call_id in self._called:
            fix = "Give each call of a line an id of its own"
            problems.say("call_id", field, "is the id of an earlier call of the line", fix, warn=True)
        if form is not None and not pattern(form).fullmatch(call_id):
            fix = "Write an id of that form; fix=True makes one of 9 letters and digits"
            problems.say("call_id", field, f"does not match {form}", fix)
        self._open[call_id] = field

    def _answer(self, message: Line, field: str) -> None:
        problems = self._problems
        call_id, at = message.get("tool_call_id"), f"{field}.tool_call_id"
        if not self._rules.tools:
            problems.say("tools", f"{field}.role", 'is "tool"', NO_TOOLS)
        if not isinstance(call_id, str):
            problems.say("type", at, f"is {problems.what(call_id)}", "Name the call that it answers")
        elif call_id in self._open:
            del self._open[call_id]
            self._answered.add(call_id)
        elif call_id in self._answered:
            problems.say("orphan_answer", at, "answers a call a second time", "Keep one answer a call")
        else:
            what = "answers no call of the assistant message before it"
            problems.say("orphan_answer", at, what, "Put back the call that it answers, or remove it")

    def _unanswered(self) -> None:
        fix = "Add the tool message that answers it, or cut the line there: the last message may be a call"
        for field in self._open.values():
            self._problems.say("unanswered_call", field, "is the id of a call without an answer", fix)
        self._open, self._answered = {}, set()

    def _name(self, name: Any, field: str) -> None:
        problems = self._problems
        if not isinstance(name, str):
            problems.say("type", field, f"is {problems.what(name)}", "Write text, or leave the key out")
        elif not _NAME.fullmatch(name):
            fix = "Write letters, digits, _ and -, at most 64; fix=True drops the name"
            problems.say("name", field, f"is {problems.what(name)} of another form", fix)

    def _weight(self, weight: Any, role: str, field: str) -> None:
        problems = self._problems
        if role != "assistant":
            fix = "Remove it, or call check(..., fix=True): no other message is trained"
            problems.say("weight", field, f"stands on a {role} message", fix)
        elif type(weight) is not int or weight not in (0, 1):
            # A weight is a setting, and nobody's data.
            what = str(weight) if isinstance(weight, int | float) else problems.what(weight)
            fix = "Write 0 for context only; else 1, or no weight"
            problems.say("weight", field, f"is {what}, neither 0 nor 1", fix)
        elif weight == 0 and self._rules.weights == "none" and self._supervised:
            what = (
                f"is 0, but {self._rules.name} is not known to have weights: it would train this message too"
            )
            fix = (
                "Write the file with write_jsonl(examples, path, target=...), which trains it and says how often; "
                'or take a target with weights, such as "together"'
            )
            problems.say("weight", field, what, fix)

    def _learned(self, messages: list[Any], field: str) -> None:
        """See that something is learned, and that it is what the target would train."""
        problems = self._problems
        said = [
            (index, message.get("weight", 1))
            for index, message in enumerate(messages)
            if isinstance(message, OBJECT) and message.get("role") == "assistant"
        ]
        first = next((index for index, weight in said if weight != 0), None)
        if first is None:
            what = "have weight 0 on every answer" if said else "hold no assistant message"
            problems.say("nothing_trained", field, what, "Leave the line out: there is nothing to learn")
            return
        if first == 0 and self._rules.order == "prompted":
            fix = "Give it weight 0, or leave the line out"
            problems.say("order", f"{field}[0]", "is an assistant message that answers nothing", fix)
        after = len(messages) - 1 - said[-1][0]
        if after:
            fix = "Cut the line after the last answer; or call check(..., fix=True)"
            problems.say("last_message", field, f"go on after the last answer, for {after}", fix)
        for index, weight in said if self._rules.weights == "history" else ():
            if weight == 0 and index > first:
                what = "is 0 after a message that is trained, and this target has no weights"
                fix = (
                    "Write the file with write_jsonl(examples, path, target=...), which makes two lines of it"
                )
                problems.say("weight", f"{field}[{index}].weight", what, fix)
