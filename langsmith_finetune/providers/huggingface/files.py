"""Puts files into the private dataset repository of an account at Hugging Face, once each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from io import BufferedReader
from typing import Any, BinaryIO, cast

from langsmith_finetune.providers.http.sending import Sending, Stretch
from langsmith_finetune.providers.huggingface.account import HuggingFaceAccount
from langsmith_finetune.providers.values import (
    FileInfo,
    PreparedFile,
)

_REPO = "langsmith-finetune"


class HuggingFaceFiles(HuggingFaceAccount):
    """The part of `HuggingFaceProvider` that uploads."""

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002 - a file is found by its path
        on_progress: Callable[[int, int], None],
    ) -> FileInfo:
        """Put a file into the repository unless it is there already."""
        path = f"files/{file.sha256[:32]}.jsonl"
        repo = self._repository()
        self._ask_hub(lambda: self._api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True))
        with Sending(self.name, file, lambda _sent, _size: None) as sending:
            # Read more than once on its way; told only when it is there.
            self._commit({path: sending.stretch()}, f"file {file.sha256[:32]}")
        on_progress(file.size_bytes, file.size_bytes)
        return FileInfo(id=path, name=path, size_bytes=file.size_bytes)

    def _repository(self) -> str:
        return f"{self._user()}/{_REPO}"

    def _commit(self, contents: Mapping[str, bytes | Stretch], message: str) -> None:
        """Add the files that are not there yet, or of another size, in one commit: bytes, or an open file, by path."""
        from huggingface_hub import CommitOperationAdd  # noqa: PLC0415

        repo = self._repository()
        found = self._ask_hub(lambda: self._api.get_paths_info(repo, list(contents), repo_type="dataset"))
        there = {(info.path, getattr(info, "size", None)) for info in found}
        operations = [
            CommitOperationAdd(
                path_in_repo=path,
                path_or_fileobj=content
                if isinstance(content, bytes)
                else cast("BinaryIO", BufferedReader(content)),
            )
            for path, content in contents.items()
            if (path, len(content) if isinstance(content, bytes) else content.size) not in there
        ]
        if operations:
            self._ask(
                lambda: self._api.create_commit(repo, operations, commit_message=message, repo_type="dataset")
            )
