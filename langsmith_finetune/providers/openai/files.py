"""Uploads files to OpenAI-shaped hosts, once, in one request or in parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import openai

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.json_values import count_from, id_from, text_from, time_from, word_from
from langsmith_finetune._foundation.masking import host_words
from langsmith_finetune._foundation.retry import LOOK_AGAIN_SECONDS, with_retries
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.http.sending import FileChangedError, Sending
from langsmith_finetune.providers.openai.client import NO_SUCH_PATH, OpenAIRequests
from langsmith_finetune.providers.values import FileInfo, PreparedFile

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
        largest_upload: Files of more bytes go in parts.
        part_bytes: The bytes of a part.
    """

    def __init__(
        self,
        api: OpenAIRequests,
        patient: openai.OpenAI,
        brisk: openai.OpenAI,
        *,
        largest_upload: int | None,
        part_bytes: int,
    ) -> None:
        self._api = api
        self._create = patient.files.with_raw_response.create
        self._parts = patient.uploads.parts.with_raw_response
        self._uploads = patient.uploads.with_raw_response
        self._files = brisk.files.with_raw_response
        self._largest_upload = largest_upload
        self._part_bytes = part_bytes

    def upload_once(
        self, file: PreparedFile, memory: MutableMapping[str, Any], on_progress: Callable[[int, int], None]
    ) -> FileInfo:
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
        found = self._processed(found, file.path.name)
        if self._is_another(found, upload):
            memory.pop(upload.key, None)
            raise ProviderError(
                self._api.name,
                f"file {found['id']} is shown as {_shown(found)}, and not as {upload.name} of {upload.size:,} bytes. No "
                "job was created; remove it with delete_file, and call create again",
            )
        return FileInfo(id=str(found["id"]), name=upload.name, size_bytes=upload.size)

    def _is_another(self, file: dict[str, Any], upload: _Upload) -> bool:
        name, size = text_from(file.get("filename")), count_from(file.get("bytes"))
        return name not in (None, upload.name) or size not in (None, 0, upload.size)

    def _processed(self, file: dict[str, Any], path_name: str) -> dict[str, Any]:
        started = clock().now()
        while word_from(file.get("status")) in _NOT_READY:
            if clock().now() - started > _LONGEST_SECONDS:
                raise ProviderError(
                    self._api.name,
                    f"file {file['id']} is still {file['status']} after {_LONGEST_SECONDS:.0f} s; no job "
                    "was created. Call create again later: it goes on with this upload",
                )
            clock().sleep(_POLL_SECONDS)
            file = with_retries(partial(self._look, file["id"]))
        if word_from(file.get("status")) in _LOST:
            details = host_words(text_from(file.get("status_details")) or "the provider gave no reason")
            error = ProviderError(
                self._api.name, f"file {file['id']} ended as {file['status']}: {details}. No job was created"
            )
            if line := rejected_line(details, path_name):
                raise line from error
            raise error
        return file

    def _look(self, file_id: str) -> dict[str, Any]:
        """A file as it is now.

        Raises:
            ProviderError: The host shows another.
        """
        file = self._api.ask(self._files.retrieve, file_id)
        if file["id"] != file_id:
            raise self._api.odd_answer(f"to a look at file {file_id} shows file {file['id']}", creates=False)
        return file

    # --- finding ---------------------------------------------------------------------------------------

    def _remembered(self, upload: _Upload) -> dict[str, Any] | None:
        file_id = upload.memory.get(upload.key)
        if not isinstance(file_id, str):
            return None
        try:
            file = self._look(file_id)
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
            if status_of(error) in NO_SUCH_PATH:
                return  # a host without a list: a second upload is harmless, a second job is not
            raise

    def ours(self) -> Sequence[FileInfo]:
        """The files that this library uploaded, newest first."""
        found = [
            FileInfo(
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
        name = text_from(self._look(file_id).get("filename")) or file_id
        return name, iter([self._api.content(self._files.content, file_id)])

    # --- sending ---------------------------------------------------------------------------------------

    def _upload(self, upload: _Upload) -> dict[str, Any]:
        try:
            if self._largest_upload is not None and upload.size > self._largest_upload:
                try:
                    return self._in_parts(upload)
                except ProviderError as error:
                    if status_of(error) not in NO_SUCH_PATH:
                        raise  # else a host that takes it in one request, or says why not
            with upload.sending(self._api.name) as sending:
                return self._api.ask(
                    self._create,
                    creates=True,
                    file=(upload.name, sending.stretch(), "application/octet-stream"),
                    purpose="fine-tune",
                )
        except ProviderError as error:
            if not error.ambiguous:
                raise
            for seconds in LOOK_AGAIN_SECONDS:
                clock().sleep(seconds)
                if found := self._find(upload.name, upload.size):
                    return found
            # An upload costs nothing, so unlike a job it may be sent again after a time-out too.
            raise ProviderError(
                self._api.name, f"{error.message}; file {upload.name} did not arrive", temporary=True
            ) from error

    def _in_parts(self, upload: _Upload) -> dict[str, Any]:
        """Send a file in parts, going on where an earlier process stopped."""
        memory, key = upload.memory, f"parts of {upload.key}"
        with upload.sending(self._api.name) as sending:
            begun = self._begun(memory.get(key), sending)
            if begun is None:
                begun = {"id": self._begin(upload), "part_bytes": self._part_bytes, "parts": [], "sha256": []}
                memory[key] = begun
            upload_id, parts, hashes = str(begun["id"]), list(begun["parts"]), list(begun["sha256"])
            try:
                for start in range(len(parts) * self._part_bytes, upload.size, self._part_bytes):
                    part = sending.stretch(start, self._part_bytes)
                    send = partial(self._api.ask, self._parts.create, upload_id, data=part)
                    parts.append(with_retries(send)["id"])
                    hashes.append(part.sha256)
                    memory[key] = begun | {"parts": parts, "sha256": hashes}
                answer = self._api.ask(
                    self._uploads.complete, upload_id, creates=True, part_ids=parts, md5=sending.md5
                )
            except FileChangedError:
                memory.pop(key, None)
                with suppress(ProviderError):  # left alone, it is gone within the hour
                    self._api.ask(self._uploads.cancel, upload_id)
                raise
            except ProviderError as error:
                if error.ambiguous or error.temporary:
                    raise
                # Expired, or the parts do not make the file. What an earlier process began is worth another try.
                memory.pop(key, None)
                raise ProviderError(
                    self._api.name,
                    f"{error.message}; the upload starts from the beginning",
                    temporary=bool(begun["parts"]),
                ) from error
        memory.pop(key, None)
        whole = answer.get("file")
        if isinstance(whole, dict) and id_from(whole.get("id")):
            return whole
        raise ProviderError(self._api.name, "the answer to a completed upload names no file", ambiguous=True)

    def _begun(self, begun: Any, sending: Sending) -> dict[str, Any] | None:
        """An earlier process's upload of the same parts, as far as it went; read over, as it will not be sent."""
        if not isinstance(begun, dict) or begun.get("part_bytes") != self._part_bytes:
            return None
        parts, hashes = begun.get("parts"), begun.get("sha256")
        if not id_from(begun.get("id")) or not isinstance(parts, list) or not isinstance(hashes, list):
            return None
        if len(parts) != len(hashes) or (len(parts) - 1) * self._part_bytes >= sending.size:
            return None
        sent = range(0, len(parts) * self._part_bytes, self._part_bytes)
        here = [sending.read_over(start, self._part_bytes) for start in sent]
        return begun if here == hashes else None

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
    def name(self) -> str:
        return file_name(self.file.sha256)

    @property
    def size(self) -> int:
        return self.file.size_bytes

    @property
    def key(self) -> str:
        return f"file {self.file.sha256}"

    def sending(self, provider: str) -> Sending:
        return Sending(provider, self.file, self.on_progress)


def file_name(sha256: str) -> str:
    """The name that a file is uploaded under: the same bytes, the same name."""
    return f"langsmith-finetune-{sha256[:32]}.jsonl"


def _shown(file: dict[str, Any]) -> str:
    return f"{word_from(file.get('filename'))[:80]} of {word_from(file.get('bytes'))[:20]} bytes"


def _is_whole(file: dict[str, Any], size: int) -> bool:
    return file.get("bytes", size) == size and word_from(file.get("status")) not in _LOST
