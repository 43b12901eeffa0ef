"""Uploads files to Together: announced, put into storage, checked, and found again by their hash."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.json_values import (
    count_from,
    id_from,
    object_from,
    objects_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune._foundation.masking import host_words
from langsmith_finetune._foundation.retry import with_retries
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.client import OnProgress, RestClient
from langsmith_finetune.providers.http.refusal import ids_of, status_of
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.http.sending import FileChangedError, Sending
from langsmith_finetune.providers.values import FileInfo, PreparedFile

_FILE_POLL_SECONDS = 5.0
_LONGEST_FILE_SECONDS = 1800.0
_PREFIX = "langsmith-finetune-"
_MOST_PARTS = 250
_NOT_READY = frozenset({"PENDING", "QUEUED", "RUNNING"})
_LOST = frozenset({"FAILED", "INVALID_FORMAT"})


class TogetherFiles(Provider):
    """The part of `TogetherProvider` that uploads. The limits are those of Together's own client."""

    largest_put: int = 5 << 30
    """Larger files go in parts, in bytes."""

    part_bytes: int = 250 << 20

    _api: RestClient

    def list_files(self) -> Sequence[FileInfo]:
        """The files that this library uploaded, newest first."""
        files = [
            FileInfo(
                id=str(file["id"]),
                name=str(file["filename"]),
                size_bytes=count_from(file.get("bytes")),
                created_at=time_from(file.get("created_at")),
            )
            for file in self._all_files()
            if word_from(file.get("filename")).startswith(_PREFIX)
        ]
        return sorted(files, key=lambda file: str(file.created_at), reverse=True)

    def delete_file(self, file_id: str) -> None:
        """Remove an uploaded file."""
        self._api.ask("DELETE", f"/v1/files/{file_id}")

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002 - a file is found by its name
        on_progress: Callable[[int, int], None],
    ) -> FileInfo:
        """Send a file unless it is there already, and wait until it is checked."""
        name = file_name(file.sha256)
        found = self._find_file(name, file.size_bytes) or self._send(file, name, on_progress)
        id_ = self._checked(found, file)
        return FileInfo(id=id_, name=name, size_bytes=file.size_bytes)

    def _checked(self, found: dict[str, Any], file: PreparedFile) -> str:
        """The id of an upload that Together has accepted."""
        started = clock().now()
        while (word := word_from(found.get("processing_status"))) in _NOT_READY:
            if clock().now() - started > _LONGEST_FILE_SECONDS:
                raise ProviderError(
                    self.name,
                    f"file {found['id']} is still {word} after {_LONGEST_FILE_SECONDS:.0f} s; no job was "
                    "created. Call create again later: it goes on with this upload",
                )
            clock().sleep(_FILE_POLL_SECONDS)
            found = with_retries(partial(self._look, str(found["id"])))
        if word in _LOST:
            reason = text_from(object_from(found.get("validation_report")).get("error"))
            details = host_words(reason or "Together gave no reason")
            error = ProviderError(
                self.name, f"file {found['id']} ended as {word}: {details}. No job was created"
            )
            if line := rejected_line(details, file.path.name):
                raise line from error
            raise error
        if count_from(found.get("bytes")) not in (None, 0, file.size_bytes):
            raise ProviderError(
                self.name,
                f"file {found['id']} is shown with {found['bytes']} bytes, and not {file.size_bytes:,}. No job was "
                "created; remove it with delete_file, and call create again",
            )
        return str(found["id"])

    def _send(self, file: PreparedFile, name: str, on_progress: OnProgress) -> dict[str, Any]:
        """Ask for an address, put the file there, and have it checked."""
        about = {
            "purpose": "fine-tune",
            "file_name": name,
            "file_type": "jsonl",
            "checksum": file.content_sha256,
        }
        try:
            if file.size_bytes > self.largest_put:
                return self._in_parts(file, about, on_progress)
            form = {key: (None, value) for key, value in about.items()}
            answer = self._api.send("POST", "/v1/files", files=form)
        except ProviderError as error:
            if status_of(error) != 409:
                raise
            return self._uploaded_before(error, file.size_bytes)
        address, file_id = answer.headers.get("location"), id_from(answer.headers.get("x-together-file-id"))
        if not address or not file_id:
            raise self._api.odd_answer("to the upload names no place for the file", creates=False)
        try:
            with Sending(self.name, file, on_progress) as sending:
                self._api.put_file(address, sending.stretch())
        except FileChangedError:
            with suppress(ProviderError):  # it never came, and is not taken for whole
                self.delete_file(file_id)
            raise
        found = self._api.ask("POST", f"/v1/files/{file_id}/preprocess")
        if found.get("id") != file_id:
            raise self._api.odd_answer(f"about file {file_id} shows another", creates=False)
        return found

    def _in_parts(self, file: PreparedFile, about: dict[str, str], on_progress: OnProgress) -> dict[str, Any]:
        """The same for a large file; each part is tried again by itself."""
        size = file.size_bytes
        count = min(_MOST_PARTS, math.ceil(size / self.part_bytes))
        part_bytes = math.ceil(size / count)
        asked = about | {"file_size": size, "num_parts": count}
        begun = self._api.ask("POST", "/v1/files/multipart/initiate", json=asked)
        parts = objects_from(begun.get("parts"))
        upload = {name: id_from(begun.get(name)) for name in ("upload_id", "file_id")}
        if len(parts) != count or not all(upload.values()):
            raise self._api.odd_answer("to the upload names no places for the parts", creates=False)
        sent = []
        try:
            with Sending(self.name, file, on_progress) as sending:
                for number, part in enumerate(parts, start=1):
                    put = partial(
                        self._api.put_file,
                        text_from(part.get("URL")) or text_from(part.get("UploadURL")) or "",
                        sending.stretch((number - 1) * part_bytes, part_bytes),
                        {name: word_from(value) for name, value in object_from(part.get("Headers")).items()},
                    )
                    etag = with_retries(put).get("etag", "").strip('"')
                    sent.append({"part_number": number, "etag": etag})
        except ProviderError:
            with suppress(ProviderError):  # why it broke off is what counts
                self._api.ask("POST", "/v1/files/multipart/abort", json=upload)
            raise
        whole = self._api.ask("POST", "/v1/files/multipart/complete", json=upload | {"parts": sent})
        found = whole.get("file", whole)
        if not isinstance(found, dict) or found.get("id") != upload["file_id"]:
            raise self._api.odd_answer("to the completed upload names no file", creates=False)
        return found

    def _uploaded_before(self, conflict: ProviderError, size: int) -> dict[str, Any]:
        """The upload of the same bytes that Together already has, by their checksum."""
        file_id = ids_of(conflict).get("file_id")
        if not file_id:
            raise conflict
        file = self._look(file_id)
        if file.get("bytes") == size:
            return file
        self.delete_file(file_id)  # announced once, and its bytes never came
        raise ProviderError(
            self.name, f"file {file_id} of an earlier upload is not whole; it was removed", temporary=True
        ) from conflict

    def _look(self, file_id: str) -> dict[str, Any]:
        """A file as it is now.

        Raises:
            ProviderError: Together shows another.
        """
        file = self._api.ask("GET", f"/v1/files/{file_id}")
        if file.get("id") != file_id:
            raise self._api.odd_answer(f"to a look at file {file_id} shows another", creates=False)
        return file

    def _find_file(self, name: str, size: int) -> dict[str, Any] | None:
        for file in self._all_files():
            lost = word_from(file.get("processing_status")) in _LOST
            if file.get("filename") == name and file.get("bytes") == size and not lost:
                return file
        return None

    def _all_files(self) -> Iterator[dict[str, Any]]:
        return self._all("/v1/files", "files")

    def _all(self, path: str, what: str) -> Iterator[dict[str, Any]]:
        """The things of a list that has ids. Together gives it in one answer; if it ever pages, it is followed."""
        return self._api.pages(path, "data", "after", "next_cursor", what=what)

    def _listed(self, path: str, key: str) -> list[Mapping[str, Any]]:
        """The objects of a list that is only looked at."""
        return objects_from(self._api.ask("GET", path).get(key))


def file_name(sha256: str) -> str:
    """The name that a file is uploaded under: the same bytes, the same name."""
    return f"{_PREFIX}{sha256[:32]}.jsonl"
