"""Uploads datasets to Fireworks, once, under a name made from the file's hash."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.json_values import (
    object_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune._foundation.masking import host_words
from langsmith_finetune._foundation.retry import with_retries
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.fireworks.account import FireworksAccount
from langsmith_finetune.providers.http.client import OnProgress
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.http.sending import FileChangedError, Sending
from langsmith_finetune.providers.values import (
    FileInfo,
    PreparedFile,
)

_FILE_POLL_SECONDS = 5.0
_LONGEST_FILE_SECONDS = 1800.0
_LARGEST_FORM = 150 * 10**6
_DATASET = "lf-"


class FireworksFiles(FireworksAccount):
    """The part of `FireworksProvider` that uploads."""

    def list_files(self) -> Sequence[FileInfo]:
        """The datasets that this library uploaded, newest first."""
        files = [
            FileInfo(id=name, name=name, created_at=time_from(dataset.get("createTime")))
            for dataset in self._pages("datasets")
            if re.fullmatch(_DATASET + "[0-9a-f]{32}", name := dataset["name"].rsplit("/", 1)[-1])
        ]
        return sorted(files, key=lambda file: str(file.created_at), reverse=True)

    def delete_file(self, file_id: str) -> None:
        """Remove an uploaded dataset."""
        self._api.ask("DELETE", self._path("datasets", file_id))

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002 - a dataset is found by its id
        on_progress: Callable[[int, int], None],
    ) -> FileInfo:
        """Send a file unless it is there already, and wait until it is ready."""
        id_ = dataset_id(file.sha256)
        dataset = self._dataset(id_)
        if dataset is not None and _is_another(dataset, file):
            self.delete_file(id_)  # of our name, and not of our lines
            dataset = None
        if dataset is None or dataset.get("state") != "READY":
            self._send(file, id_, on_progress, announced=dataset is not None)
            started = clock().now()
            look = partial(self._dataset, id_)
            while (dataset := with_retries(look) or {}).get("state") != "READY":
                if clock().now() - started > _LONGEST_FILE_SECONDS:
                    raise ProviderError(
                        self.name,
                        f"dataset {id_} is still {dataset.get('state')} after {_LONGEST_FILE_SECONDS:.0f} s; no "
                        "job was created. Call create again later: it goes on with this dataset",
                    )
                reason = object_from(dataset.get("status"))
                if reason.get("code") not in (None, "", "OK"):
                    message = host_words(text_from(reason.get("message")) or word_from(reason["code"]))
                    error = ProviderError(
                        self.name, f"dataset {id_} was refused: {message}. No job was created"
                    )
                    if line := rejected_line(message, file.path.name):
                        raise line from error
                    raise error
                clock().sleep(_FILE_POLL_SECONDS)
        return FileInfo(id=id_, name=id_, size_bytes=file.size_bytes)

    def _dataset(self, id_: str) -> dict[str, Any] | None:
        try:
            dataset = self._api.ask("GET", self._path("datasets", id_))
        except ProviderError as error:
            if status_of(error) == 404:
                return None
            raise
        if word_from(dataset.get("name")).rsplit("/", 1)[-1] != id_:
            raise self._api.odd_answer(f"to a look at dataset {id_} shows another", creates=False)
        return dataset

    def _send(self, file: PreparedFile, id_: str, on_progress: OnProgress, *, announced: bool) -> None:
        if not announced:
            dataset = {"userUploaded": {}, "exampleCount": str(file.lines)}
            try:
                self._api.ask("POST", self._path("datasets"), json={"datasetId": id_, "dataset": dataset})
            except ProviderError as error:
                if status_of(error) != 409:
                    raise
        try:
            with Sending(self.name, file, on_progress) as sending:
                self._send_content(sending, id_)
        except FileChangedError:
            with suppress(ProviderError):  # it never came, and is not ready
                self.delete_file(id_)
            raise

    def _send_content(self, sending: Sending, id_: str) -> None:
        target, size = self._path("datasets", id_), sending.size
        if size <= _LARGEST_FORM:
            form = {"file": (f"{id_}.jsonl", sending.stretch(), "application/octet-stream")}
            self._api.send("POST", f"{target}:upload", files=form)
            return
        named = {"filenameToSize": {f"{id_}.jsonl": str(size)}}
        urls = self._api.ask("POST", f"{target}:getUploadEndpoint", json=named).get("filenameToSignedUrls")
        if not isinstance(urls, dict) or not urls:
            raise self._api.odd_answer("to the upload names no place for the file", creates=False)
        for url in urls.values():
            bounds = {
                "content-type": "application/octet-stream",
                "x-goog-content-length-range": f"{size},{size}",
            }
            self._api.put_file(text_from(url) or "", sending.stretch(), bounds)
        self._api.ask("POST", f"{target}:validateUpload", json={})


def _is_another(dataset: Mapping[str, Any], file: PreparedFile) -> bool:
    """True if a dataset that is ready says that it has another number of lines than the file."""
    shown = word_from(dataset.get("exampleCount"))
    return (
        dataset.get("state") == "READY"
        and file.lines is not None
        and re.fullmatch("[1-9][0-9]{0,15}", shown) is not None
        and int(shown) != file.lines
    )


def dataset_id(sha256: str) -> str:
    """The id of the dataset of a file with this hash."""
    return f"{_DATASET}{sha256[:32]}"
