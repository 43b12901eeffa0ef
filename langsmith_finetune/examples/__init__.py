"""What an example is, and where it came from.

example.line      what goes into the training file
example.source    the run that it came from: never in the file
"""

from langsmith_finetune.examples.example import PreferenceExample, TrainingExample
from langsmith_finetune.examples.source import Note, NoteKind, RunSource

__all__ = ["Note", "NoteKind", "PreferenceExample", "RunSource", "TrainingExample"]
