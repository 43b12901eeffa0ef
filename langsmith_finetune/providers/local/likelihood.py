"""How likely recorded answers are to a local model: after exactly the tokens that it sees when it is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.providers.local.rows import Row

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.generation import Generator


def answer_loss(
    generator: Generator,
    messages: Sequence[Mapping[str, Any]],
    answer: Mapping[str, Any],
    tools: Sequence[Mapping[str, Any]],
    *,
    where: str,
) -> tuple[float, int]:
    """The negative log-likelihood of an answer, in nats, and its tokens; the end of the answer is one of them.

    Args:
        generator: The model.
        messages: What came before, in OpenAI's form.
        answer: The answer.
        tools: What was offered.
        where: What to call it in errors.

    Raises:
        InvalidExampleError: The chat template cannot show it whole, or it is longer than the model takes.
    """
    import torch

    from langsmith_finetune.providers.local.sequences import Sequencer

    *prompt, completion = messages_for_template([*messages, answer], where)
    row = Row(
        where=where, field="", prompt=prompt, completion=completion, tools=[dict(tool) for tool in tools]
    )
    sequence = Sequencer(generator.tokenizer, generator.adaptation, context=generator.context).sequence(row)
    ends = [at for at, token in enumerate(sequence.labels) if token in generator.stop_ids]
    length = (
        ends[-1] + 1 if ends else len(sequence.labels)
    )  # what a template writes after the end is never said
    ids = torch.tensor([sequence.input_ids[:length]], device=generator.model.device)
    labels = torch.tensor(sequence.labels[1:length], device=generator.model.device)
    with torch.inference_mode():
        logits = generator.model(input_ids=ids, use_cache=False).logits[0, :-1].float()
        loss = torch.nn.functional.cross_entropy(logits, labels, ignore_index=-100, reduction="sum")
    return float(loss), int((labels != -100).sum())
