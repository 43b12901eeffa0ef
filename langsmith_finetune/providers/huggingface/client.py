"""Requests to Hugging Face's jobs API.

`HfApi` sends by a session that the whole process shares: it waits without limit, reads answers of any size, and follows
a redirect to another host with what it was sending, a job's secrets too. These requests go by the same session, with
its proxies and certificates, through a transport that does none of this. Source of the paths and forms: `hf_api.py` and
`_jobs_api.py` of huggingface_hub, 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx2

from langsmith_finetune._foundation.json_values import json_object, json_value, text_from
from langsmith_finetune.providers.http.pages import Page
from langsmith_finetune.providers.http.transport import AnswerRefusedError, BoundedTransport

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub import JobInfo as HubJob

_TIMEOUT_SECONDS = 60.0
_QUIET_SECONDS = 5.0
"""A log is told at once, as far as there is one; then they keep the connection open."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class JobsApi:
    """The jobs of an account.

    Args:
        api: Knows the address, the token and the headers.
    """

    def __init__(self, api: HfApi) -> None:
        self._api = api

    def user(self) -> dict[str, Any]:
        """Whose token it is."""
        return json_object(self._send("GET", "/api/whoami-v2").content)

    def page(self, namespace: str, query: Mapping[str, str], cursor: str | None) -> Page:
        """A page of the list of jobs, and the address of the next one, which is on the same host.

        Args:
            namespace: Whose jobs.
            query: What to ask for.
            cursor: The address of the page; None for the first.

        Raises:
            ValueError: The next page is at another host.
        """
        first = f"{self._api.endpoint}/api/jobs/{namespace}"
        response = self._send("GET", cursor or first, params=None if cursor else query)
        following = response.links.get("next", {}).get("url")
        if following is not None:
            here, there = httpx2.URL(first), httpx2.URL(first).join(following)
            if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
                raise ValueError("the next page is at another host")
            following = str(there)
        return Page(json_value(response.content), following)

    def job(self, namespace: str, job_id: str) -> HubJob:
        """A job."""
        return self.info(json_object(self._send("GET", f"/api/jobs/{namespace}/{job_id}").content))

    def run(
        self,
        namespace: str,
        *,
        image: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        secrets: Mapping[str, str],
        flavor: str,
        timeout_seconds: int,
        labels: Mapping[str, str],
    ) -> HubJob:
        """Start a job."""
        spec = {
            "dockerImage": image,
            "command": list(command),
            "arguments": [],
            "environment": dict(environment),
            "flavor": flavor,
            "timeoutSeconds": timeout_seconds,
            "labels": dict(labels),
        } | ({"secrets": dict(secrets)} if secrets else {})
        return self.info(json_object(self._send("POST", f"/api/jobs/{namespace}", json=spec).content))

    def cancel(self, namespace: str, job_id: str) -> None:
        """Ask for a job to be stopped."""
        self._send("POST", f"/api/jobs/{namespace}/{job_id}/cancel")

    def log(self, namespace: str, job_id: str) -> Iterator[str]:
        """The lines of a job's log, as far as they are told now. One that is too long or too slow is cut."""
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # noqa: PLC0415

        url = f"{self._api.endpoint}/api/jobs/{namespace}/{job_id}/logs"
        timeout = httpx2.Timeout(_TIMEOUT_SECONDS, read=_QUIET_SECONDS)
        with (
            self._client() as client,
            client.stream("GET", url, headers=self._headers(), timeout=timeout) as answer,
        ):
            if answer.status_code >= 300:
                answer.read()
                hf_raise_for_status(answer)
            try:
                yield from filter(None, map(_described, answer.iter_lines()))
            except (httpx2.ReadTimeout, AnswerRefusedError):
                return

    def info(self, job: Mapping[str, Any]) -> HubJob:
        """What they answer of a job, as their client reads it."""
        from huggingface_hub import JobInfo as HubJob  # noqa: PLC0415

        return HubJob(**job, endpoint=self._api.endpoint)

    def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]  # noqa: PLC0415

        url = f"{self._api.endpoint}{path}" if path.startswith("/") else path
        with self._client() as client:
            response = client.request(method, url, headers=self._headers(), **request)
        hf_raise_for_status(response)
        return response

    def _client(self) -> httpx2.Client:
        from huggingface_hub.utils import get_session  # type: ignore[attr-defined]  # noqa: PLC0415

        transport = BoundedTransport(get_session())  # which refuses redirects to other hosts
        return httpx2.Client(transport=transport, timeout=_TIMEOUT_SECONDS, follow_redirects=True)

    def _headers(self) -> dict[str, str]:
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # noqa: PLC0415

        api = self._api
        return build_hf_headers(
            token=api.token,
            library_name=api.library_name,
            library_version=api.library_version,
            user_agent=api.user_agent,
            headers=api.headers,
        )


def _described(line: str) -> str | None:
    """What a line of the stream of a log tells; None where it is no event."""
    try:
        return text_from(json_object(line.removeprefix("data:").encode()).get("data"))
    except ValueError:
        return None


def seconds_of(timeout: str) -> int:
    """A time as they write it, in seconds.

    Raises:
        ValueError: It is none.

    Example:
        >>> seconds_of("90m"), seconds_of("3600")
        (5400, 3600)
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", timeout.strip())
    if found is None or float(found[1]) == 0:
        raise ValueError(f"huggingface: timeout must be a time such as '4h' or '90m', got {timeout!r}")
    return int(float(found[1]) * _UNITS.get(found[2], 1))
