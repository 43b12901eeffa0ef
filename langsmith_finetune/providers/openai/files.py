"""Files at OpenAI-shaped hosts: uploaded once, in one request or in parts, and waited for."""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import openai

from langsmith_finetune.clock import Clock
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.jobs.rejections import rejected_line
from langsmith_finetune.jobs.waiting import patiently
from langsmith_finetune.providers.base import LOOK_AGAIN_SECONDS, PreparedFile, UploadedFile
from langsmith_finetune.providers.masking import host_words
from langsmith_finetune.providers.openai.requests import NO_SUCH_PATH, OpenAIRequests, status_code
from langsmith_finetune.providers.values import count_from, text_from, time_from, word_from

_NOT_READY = frozenset({"pending", "processing", "running", "uploading"})
_LOST = frozenset({"error", "failed", "deleted", "deleting", "cancelled", "canceled"})
_POLL_SECONDS = 5.0
_LONGEST_SECONDS = 900.0
_OURS = re.compile(r"langsmith-finetune-[0-9a-f]{32}\.jsonl")


class OpenAIFiles:
    """The files of one account.

    Args:
        api: Sends the requests.
        patient: The SDK's client with its long time-outs, for what takes long to send.
        brisk: The same with short ones, to look.
        clock: Tells the time.
        largest_upload: Files of more bytes go in parts.
        part_bytes: The bytes of a part.
    """

    def __init__(
        self,
        api: OpenAIRequests,
        patient: openai.OpenAI,
        brisk: openai.OpenAI,
        clock: Clock,
        *,
        largest_upload: int | None,
        part_bytes: int,
    ) -> None:
        self._api = api
        self._create = patient.files.with_raw_response.create
        self._parts = patient.uploads.parts.with_raw_response
        self._uploads = patient.uploads.with_raw_response
        self._files = brisk.files.with_raw_response
        self._clock = clock
        self._largest_upload = largest_upload
        self._part_bytes = part_bytes

    def upload_once(
        self, file: PreparedFile, memory: MutableMapping[str, Any], on_progress: Callable[[int, int], None]
    ) -> UploadedFile:
        """The processed upload of a file, found or made.

        Args:
            file: The file.
            memory: Holds the ids of earlier uploads.
            on_progress: Called with the bytes sent so far, and with all of them.

        Raises:
            InvalidExampleError: The host refuses a line; names it.
            ProviderError: The host refuses the file, or cannot be reached.
        """
        upload = _Upload(file, memory, on_progress)
        found = self._remembered(upload) or self._find(upload.name, upload.size) or self._upload(upload)
        if memory.get(upload.key) != found["id"]:
            memory[upload.key] = found["id"]
        return UploadedFile(
            id=self._processed(found, file.path.name), name=upload.name, size_bytes=upload.size
        )

    def _processed(self, file: dict[str, Any], path_name: str) -> str:
        started = self._clock.now()
        while word_from(file.get("status")) in _NOT_READY:
            if self._clock.now() - started > _LONGEST_SECONDS:
                raise ProviderError(
                    self._api.name,
                    f"file {file['id']} is still {file['status']} after {_LONGEST_SECONDS:.0f} s; no job "
                    "was created. Call create again later: it goes on with this upload",
                )
            self._clock.sleep(_POLL_SECONDS)
            file = patiently(partial(self._api.ask, self._files.retrieve, file["id"]), self._clock)
        if word_from(file.get("status")) in _LOST:
            details = host_words(text_from(file.get("status_details")) or "the provider gave no reason")
            error = ProviderError(
                self._api.name, f"file {file['id']} ended as {file['status']}: {details}. No job was created"
            )
            if line := rejected_line(details, path_name):
                raise line from error
            raise error
        return str(file["id"])

    # --- finding ---------------------------------------------------------------------------------------

    def _remembered(self, upload: _Upload) -> dict[str, Any] | None:
        file_id = upload.memory.get(upload.key)
        if not isinstance(file_id, str):
            return None
        try:
            file = self._api.ask(self._files.retrieve, file_id)
        except ProviderError as error:
            if error.temporary:
                raise
            return None  # deleted, or another account's
        return file if file.get("filename") == upload.name and _is_whole(file, upload.size) else None

    def _find(self, name: str, size: int) -> dict[str, Any] | None:
        return next((file for file in self.named(name) if _is_whole(file, size)), None)

    def named(self, name: str) -> Iterator[dict[str, Any]]:
        """The files of that name, newest first."""
        return (file for file in self._all() if file.get("filename") == name)

    def ids_by_name(self, names: Collection[str]) -> dict[str, set[str]]:
        """The ids of the files of each name."""
        ids: dict[str, set[str]] = {name: set() for name in names}
        for file in self._all():
            name = text_from(file.get("filename"))
            if name in ids:
                ids[name].add(file["id"])
        return ids

    def _all(self) -> Iterator[dict[str, Any]]:
        try:
            yield from self._api.pages("files", self._files.list, purpose="fine-tune")
        except ProviderError as error:
            if status_code(error) in NO_SUCH_PATH:
                return  # a host without a list: a second upload is harmless, a second job is not
            raise

    def ours(self) -> Sequence[UploadedFile]:
        """The files that this library uploaded, newest first."""
        found = [
            UploadedFile(
                id=file["id"],
                name=str(file["filename"]),
                size_bytes=count_from(file.get("bytes")) or None,
                created_at=time_from(file.get("created_at")),
            )
            for file in self._all()
            if _OURS.fullmatch(word_from(file.get("filename")))
        ]
        found.sort(key=lambda file: file.created_at.timestamp() if file.created_at else 0.0, reverse=True)
        return found

    def delete(self, file_id: str) -> None:
        """Remove a file."""
        self._api.ask(self._files.delete, file_id, has_id=False)

    def read(self, file_id: str) -> tuple[str, Iterator[bytes]]:
        """A file's name and content."""
        name = text_from(self._api.ask(self._files.retrieve, file_id).get("filename")) or file_id
        return name, iter([self._api.content(self._files.content, file_id)])

    # --- sending ---------------------------------------------------------------------------------------

    def _upload(self, upload: _Upload) -> dict[str, Any]:
        try:
            if self._largest_upload is not None and upload.size > self._largest_upload:
                try:
                    return self._in_parts(upload)
                except ProviderError as error:
                    if status_code(error) not in NO_SUCH_PATH:
                        raise  # else a host that takes it in one request, or says why not
            with upload.path.open("rb") as file:
                content = _Slice(file, 0, upload.size, upload.told)
                return self._api.ask(
                    self._create,
                    creates=True,
                    file=(upload.name, content, "application/octet-stream"),
                    purpose="fine-tune",
                )
        except ProviderError as error:
            if not error.ambiguous:
                raise
            for seconds in LOOK_AGAIN_SECONDS:
                self._clock.sleep(seconds)
                if found := self._find(upload.name, upload.size):
                    return found
            # An upload costs nothing, so unlike a job it may be sent again after a time-out too.
            raise ProviderError(
                self._api.name, f"{error.message}; file {upload.name} did not arrive", temporary=True
            ) from error

    def _in_parts(self, upload: _Upload) -> dict[str, Any]:
        """Send a file in parts, going on where an earlier process stopped."""
        memory, key = upload.memory, f"parts of {upload.key}"
        begun = memory.get(key)
        if not isinstance(begun, dict) or begun.get("part_bytes") != self._part_bytes:
            begun = {"id": self._begin(upload), "part_bytes": self._part_bytes, "parts": []}
            memory[key] = begun
        upload_id, parts = str(begun["id"]), list(begun["parts"])
        try:
            with upload.path.open("rb") as file:
                for start in range(len(parts) * self._part_bytes, upload.size, self._part_bytes):
                    size = min(self._part_bytes, upload.size - start)
                    part = _Slice(file, start, size, upload.told)
                    send = partial(self._api.ask, self._parts.create, upload_id, data=part)
                    parts.append(patiently(send, self._clock)["id"])
                    memory[key] = begun | {"parts": parts}
                file.seek(0)
                md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            answer = self._api.ask(self._uploads.complete, upload_id, creates=True, part_ids=parts, md5=md5)
        except ProviderError as error:
            if error.ambiguous or error.temporary:
                raise
            # Expired, or the parts do not make the file. What an earlier process began is worth another try.
            memory.pop(key, None)
            raise ProviderError(
                self._api.name, f"{error.message}; the upload begins anew", temporary=bool(begun["parts"])
            ) from error
        memory.pop(key, None)
        whole = answer.get("file")
        if isinstance(whole, dict) and isinstance(whole.get("id"), str):
            return whole
        raise ProviderError(self._api.name, "the answer to a completed upload names no file", ambiguous=True)

    def _begin(self, upload: _Upload) -> str:
        """An upload for parts. One whose answer is lost stays empty, and is gone within the hour."""
        answer = self._api.ask(
            self._uploads.create,
            bytes=upload.size,
            filename=upload.name,
            mime_type="text/jsonl",
            purpose="fine-tune",
        )
        return str(answer["id"])


@dataclass(frozen=True, slots=True)
class _Upload:
    """A file on its way."""

    file: PreparedFile
    memory: MutableMapping[str, Any]
    on_progress: Callable[[int, int], None]

    @property
    def path(self) -> Path:
        return self.file.content

    @property
    def name(self) -> str:
        return file_name(self.file.sha256)

    @property
    def size(self) -> int:
        return self.file.size_bytes

    @property
    def key(self) -> str:
        return f"file {self.file.sha256}"

    def told(self, sent: int) -> None:
        self.on_progress(sent, self.size)


class _Slice(io.RawIOBase):
    """A stretch of a file as a file of its own, which tells how far it was read."""

    def __init__(self, file: BinaryIO, start: int, size: int, told: Callable[[int], None]) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0
        self._told = told

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._at)
        block = self._file.read(min(len(buffer), max(0, self._size - self._at)))
        buffer[: len(block)] = block
        self._at += len(block)
        if block:
            self._told(self._start + self._at)
        return len(block)


def file_name(sha256: str) -> str:
    """The name that a file is uploaded under: the same bytes, the same name."""
    return f"langsmith-finetune-{sha256[:32]}.jsonl"


def _is_whole(file: dict[str, Any], size: int) -> bool:
    return file.get("bytes", size) == size and word_from(file.get("status")) not in _LOST
