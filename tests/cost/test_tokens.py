"""Counting tokens: exact where the tokenizer is at hand and its maker says how, and otherwise said to be estimated."""

from __future__ import annotations

import os
import sys

import pytest
import tiktoken

from langsmith_finetune import PreferenceExample, TrainingExample
from langsmith_finetune.cost.counters import TokenCount
from langsmith_finetune.cost.tokens import count_tokens, token_counter
from langsmith_finetune.runs import RunSource
from tests.support.messages import CALL, HELLO

# A real encoding, small enough to count by eye: bytes, and a few words merged from them.
MERGES = [b"sy", b"st", b"em", b"us", b"er", b"user", b"as", b"ass", b"is", b"ist", b"an", b"ant", b"assist", b"assistant",
          b"syst", b"system", b"He", b"ll", b"Hell", b"Hello"]  # fmt: skip
TINY = tiktoken.Encoding(
    "tiny",
    pat_str=r"\w+|\W",
    mergeable_ranks={bytes([i]): i for i in range(256)} | {m: 256 + i for i, m in enumerate(MERGES)},
    special_tokens={"<|im_start|>": 400},
)

LINE = {
    "messages": [
        {"role": "system", "content": "Hello"},  # 3 + system 1 + 1
        {"role": "user", "content": "Hello!", "name": "ab"},  # 3 + user 1 + 2 + name 1 + 2
        {"role": "assistant", "content": "Hello"},  # 3 + assistant 1 + 1
    ]
}

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


def test_openais_form_is_counted_as_openai_documents_it():
    count = count_tokens(LINE, TINY)
    assert count == TokenCount(
        total=5 + 9 + 5, trained=2, exact=True, how="tiktoken's tiny, with OpenAI's 3 tokens a message"
    )
    assert token_counter(TINY)(LINE) == 19


def test_text_that_looks_like_a_special_token_is_text():
    line = {"messages": [{"role": "assistant", "content": "<|im_start|>"}]}
    assert count_tokens(line, TINY).total == 4 + len(TINY.encode_ordinary("<|im_start|>")) > 5


def test_a_weight_of_zero_is_not_trained():
    messages = [*LINE["messages"], {"role": "assistant", "content": "Hello", "weight": 0}]
    assert count_tokens({"messages": messages}, TINY).trained == 2


ESTIMATED = {
    "tools": ({"tools": [TOOL]}, {}, "tools"),
    "calls": ({}, {"tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]}, "tool_calls"),
    "calls with objects": ({}, {"tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}]}, "tool_calls"),
    "thinking": ({}, {"reasoning_content": "Hello"}, "reasoning_content"),
    "images": ({}, {"content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}, "images and files"),
}  # fmt: skip


@pytest.mark.parametrize(("beside", "more", "what"), ESTIMATED.values(), ids=ESTIMATED)
def test_undocumented_count_of_openai_is_called_an_estimate(beside, more, what):
    line = {"messages": [*LINE["messages"][:2], LINE["messages"][2] | more], **beside}
    count = count_tokens(line, TINY)
    assert not count.exact
    assert count.how == f"tiktoken's tiny, with OpenAI's 3 tokens a message; estimated for {what}"
    assert count.total > 19


def test_parts_of_text_are_counted_as_their_text():
    parts = [{"type": "text", "text": "Hello"}, {"type": "text", "text": "!"}]
    line = {"messages": [{"role": "user", "content": parts}, LINE["messages"][2]]}
    assert count_tokens(line, TINY) == count_tokens(
        {"messages": [{"role": "user", "content": "Hello!"}, LINE["messages"][2]]}, TINY
    )


def test_preference_counts_as_two_conversations():
    line = {
        "input": {"messages": [*LINE["messages"]]},
        "preferred_output": [{"role": "assistant", "content": "Hello"}],
        "non_preferred_output": [{"role": "assistant", "content": "Hello!"}],
    }
    count = count_tokens(PreferenceExample(line=line), TINY)
    assert (count.total, count.trained, count.exact) == (19 + 5 + 19 + 6, 2 + 3, True)
    assert "weight" not in line["input"]["messages"][0]


def test_many_are_exact_only_together():
    assert count_tokens([LINE, LINE], TINY).total == 38
    mixed = count_tokens([LINE, {**LINE, "tools": [TOOL]}, LINE], TINY)
    assert (mixed.exact, mixed.how.endswith("estimated for tools")) == (False, True)
    assert count_tokens([], TINY) == TokenCount(total=0, trained=0, exact=True, how="nothing to count")


NAMES = {
    "gpt-4.1-mini-2025-04-14": "o200k_base",
    "ft:gpt-4.1-mini-2025-04-14:acme::9abc": "o200k_base",  # tiktoken itself says cl100k_base
    "gpt-4.1-2025-04-14.ft-0123-acme": "o200k_base",
    "openai": "o200k_base",
    "azure": "o200k_base",
    "ft:gpt-3.5-turbo-0125:acme::1": "cl100k_base",
    "gpt-4-0613": "cl100k_base",
}


@pytest.mark.parametrize(("name", "encoding"), NAMES.items())
def test_nothing_is_downloaded_unless_asked_for(tmp_path, monkeypatch, name, encoding):
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tiktoken, "get_encoding", pytest.fail)
    count = count_tokens(LINE, name)
    assert not count.exact
    assert count.how == (
        f"estimated by characters: the ranks of {encoding} are not on this machine; "
        "token_counter(..., download=True) fetches them"
    )


def test_a_model_of_the_hub_that_is_not_here_is_estimated():
    assert count_tokens(LINE, "nobody/has-this-model").how == (
        "estimated by characters: the tokenizer of nobody/has-this-model is not on this machine; "
        "token_counter(..., download=True) fetches it"
    )
    assert (
        count_tokens(LINE, "together").how == "estimated by characters: no tokenizer is known for 'together'"
    )


@pytest.mark.parametrize(
    ("package", "name"), [("tiktoken", "gpt-4.1"), ("transformers", "nobody/has-this-model")]
)
def test_missing_tokenizer_gives_an_estimate_naming_the_extra(monkeypatch, package, name):
    monkeypatch.setitem(sys.modules, package, None)
    assert count_tokens(LINE, name).how == (
        f'estimated by characters: counting needs {package}: pip install "langsmith-finetune[tokens]"'
    )


def test_a_model_folder_needs_transformers(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError) as caught:
        token_counter(tmp_path)
    assert str(caught.value) == (
        'counting by a model\'s own tokenizer needs transformers: pip install "langsmith-finetune[tokens]"'
    )


@pytest.mark.skipif("TIKTOKEN_CACHE_DIR" not in os.environ, reason="tiktoken's ranks are not here")
def test_o200k_base_counts_as_openais_cookbook_prints():
    # The messages of the cookbook's example and the number OpenAI's API answered for gpt-4o: 124 prompt tokens,
    # of which 3 begin the answer. https://developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken
    said = [
        ("system", "You are a helpful, pattern-following assistant that translates corporate jargon into plain English."),
        ("system", "New synergies will help drive top-line growth.", "example_user"),
        ("system", "Things working well together will increase revenue.", "example_assistant"),
        ("system", "Let's circle back when we have more bandwidth to touch base on opportunities for increased leverage.", "example_user"),
        ("system", "Let's talk later when we're less busy about how to do better.", "example_assistant"),
        ("user", "This late pivot means we don't have time to boil the ocean for the client deliverable."),
    ]  # fmt: skip
    messages = [dict(zip(("role", "content", "name"), message, strict=False)) for message in said]
    assert token_counter("gpt-4o")({"messages": messages}) == 124 - 3


def test_provider_count_is_used_without_a_tokenizer():
    source = RunSource(run_id="r", model="claude", prompt_tokens=100, completion_tokens=7)
    count = count_tokens(TrainingExample(line=HELLO, source=source), "together")
    assert count == TokenCount(
        total=107, trained=7, exact=False, how="estimated: what claude counted for the run"
    )
    assert count_tokens(TrainingExample(line=HELLO, source=source), TINY).how.startswith("tiktoken")


def test_provider_count_is_shared_among_trained_messages():
    source = RunSource(run_id="r", prompt_tokens=100, completion_tokens=7)
    line = {"messages": [*HELLO["messages"], *HELLO["messages"]]}
    count = count_tokens(TrainingExample(line=line, source=source))
    assert (count.total, count.how) == (107, "estimated: what the model of the run counted for the run")
    assert 0 < count.trained < 107


@pytest.mark.parametrize(
    "example",
    [
        TrainingExample(line=HELLO),
        TrainingExample(line=HELLO, source=RunSource(run_id="r", prompt_tokens=9)),
        TrainingExample(
            line=HELLO,
            source=RunSource(run_id="r", prompt_tokens=9, completion_tokens=9),
            changes=("trimmed",),
        ),
        TrainingExample(
            line=HELLO,
            source=RunSource(run_id="r", prompt_tokens=9, completion_tokens=9),
            merged=(RunSource(run_id="q"),),
        ),
    ],
    ids=["no run", "half a count", "changed", "merged"],
)
def test_a_count_that_is_not_this_line_s_is_not_taken(example):
    assert count_tokens(example).how == "estimated by characters"


def test_the_estimate_is_a_token_for_four_bytes():
    assert count_tokens({"messages": [{"role": "user", "content": "x" * 400}]}).total == 104
    assert count_tokens({"messages": [{"role": "user", "content": "你" * 4}]}).total == 4 + 3
    assert count_tokens({"messages": [{"role": "user", "content": "\ud83c"}]}).total == 4 + 1


def test_a_function_of_ones_own_counts():
    counter = token_counter(lambda line: len(line["messages"]))
    assert counter(LINE) == 3
    assert count_tokens(LINE, counter) == TokenCount(
        total=3, trained=None, exact=False, how="by the function given"
    )
    assert count_tokens([LINE, LINE], counter).trained is None
    assert token_counter(counter) is counter


def test_what_is_no_target_is_refused():
    with pytest.raises(TypeError) as caught:
        token_counter(7)
    assert str(caught.value) == "a target must be a name, a folder, a tokenizer or a function, not int"


# --- by a chat template -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A real tokenizer of transformers with a real chat template, in a folder."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    from langsmith_finetune.providers.local.tiny import CHAT_TEMPLATE

    words = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=None))
    words.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    words.train_from_iterator(["Hello", "Hi there"], trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHAT_TEMPLATE
    path = tmp_path_factory.mktemp("model")
    tokenizer.save_pretrained(path)
    return path


def test_an_open_model_is_counted_as_its_template_renders_it(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    count = count_tokens(CALL, str(folder))
    assert (count.exact, count.how) == (True, f"the tokenizer in {folder.name}, with its chat template")
    # The outside judge: transformers renders the text, and the plain tokenizer counts it.
    from langsmith_finetune.chat_template import messages_for_template

    text = tokenizer.apply_chat_template(
        messages_for_template(CALL["messages"], "x"), tools=CALL.get("tools"), tokenize=False
    )
    assert CALL["tools"][0]["function"]["name"] in text
    assert (
        count.total == len(tokenizer(text, add_special_tokens=False).input_ids) == token_counter(folder)(CALL)
    )
    assert token_counter(tokenizer)(CALL) == count.total


def test_trained_tokens_are_those_of_answers_and_their_end(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    ending = len(tokenizer("Hello<|im_end|>\n", add_special_tokens=False).input_ids)
    assert count_tokens(line, tokenizer).trained == ending
    twice = {"messages": [*line["messages"], *line["messages"]]}
    assert count_tokens(twice, tokenizer).trained == 2 * ending
    context = [line["messages"][0], line["messages"][1] | {"weight": 0}, *line["messages"]]
    assert count_tokens({"messages": context}, tokenizer).trained == ending


def test_what_a_template_does_not_take_is_estimated_and_said_so(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    image = {"type": "image_url", "image_url": {"url": "https://x"}}
    line = {"messages": [{"role": "user", "content": [image]}, *HELLO["messages"]]}
    count = count_tokens(line, tokenizer)
    assert not count.exact
    assert count.how == (
        "the tokenizer given, with its chat template; estimated, since the template does not take these messages"
    )
    assert token_counter(tokenizer)(line) == count.total > 765
    tokenizer.chat_template = "{{ raise_exception('only system, please') }}"
    assert not count_tokens(HELLO, tokenizer).exact
    assert token_counter(tokenizer)(HELLO) == count_tokens(HELLO, tokenizer).total


def test_a_bare_tokenizer_is_an_estimate(folder):
    tokenizers = pytest.importorskip("tokenizers")
    bare = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    line = {"messages": [{"role": "assistant", "content": "Hello"}]}
    count = count_tokens(line, bare)
    assert (count.total, count.exact) == (4 + len(bare.encode("Hello").ids), False)
    assert count.how == "estimated: a tokenizer without chat template, and 4 tokens a message"


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path):
    with pytest.raises((OSError, ValueError)):
        token_counter(tmp_path)


def test_a_counter_says_how_it_counts():
    assert repr(token_counter(TINY)) == "<ByTiktoken: tiktoken's tiny, with OpenAI's 3 tokens a message>"
