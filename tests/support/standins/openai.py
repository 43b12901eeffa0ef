"""A stand-in for OpenAI's files, fine-tuning and chat endpoints, with the real service's oddities.

What is odd on purpose, each seen in recorded answers of the service or of Azure:

- a healthy job's `error` is `{}`; `finished_at` of a failed or cancelled job is null;
- answers have keys that the published description lacks (`shared_with_openai`, `usage_metrics`);
- `azure=True` leaves out what has no value, answers 201 on creation, shows a file as `pending` and a new
  job as `pending`, and hyperparameters as -1;
- events come newest first, the `data` of some is `{}` and of others null;
- a 429 for too many active jobs has no retry-after; the errors of the files endpoints carry `detail` too.

Ids and times are counted, so that two recordings of the same requests are equal.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import deque
from typing import Any
from urllib.parse import unquote

from tests.support.standins.faults import NOT_JSON, STALLED, TRUNCATED
from tests.support.standins.server import Request, Response, StandIn

__all__ = [
    "NOT_JSON",
    "RATE_LIMIT",
    "SERVER_FAULT",
    "STALLED",
    "TOO_MANY_JOBS",
    "TRUNCATED",
    "OpenAIStandIn",
    "error",
]

EPOCH = 1_790_000_000
STEPS = 3


def error(
    status: int,
    message: str,
    *,
    type: str = "invalid_request_error",  # noqa: A002 - the service's name
    param: str | None = None,
    code: str | None = None,
    detail: bool = False,
    headers: dict[str, str] | None = None,
) -> Response:
    body: dict[str, Any] = {"error": {"message": message, "type": type, "param": param, "code": code}}
    if detail:
        body["detail"] = {"message": message, "code": code}
    return Response(status, body, headers or {})


SERVER_FAULT = error(500, "The server had an error while processing your request.", type="server_error")
RATE_LIMIT = error(429, "Rate limit reached.", type="requests", code="rate_limit_exceeded")
TOO_MANY_JOBS = error(
    429,
    "This fine-tune request has been rate-limited. Your organization has reached the maximum of 1 active "
    "requests (1 running, 0 pending) for the model 'gpt-4o-mini'.",
    code="rate_limit_exceeded",
)


class OpenAIStandIn(StandIn):
    """Files and jobs in memory. `uploads` and `jobs` are what it was ever given.

    Args:
        port: Where to listen; 0 finds a free one.
        azure: Answer as Azure does.
        keeps_metadata: Give a job's metadata back.
        filters_metadata: Honor the metadata filter of the list of jobs.
        files_pending: How often a file is shown as not processed.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        azure: bool = False,
        keeps_metadata: bool = True,
        filters_metadata: bool = True,
        files_pending: int | None = None,
    ) -> None:
        super().__init__(port)
        self.azure = azure
        self.keeps_metadata = keeps_metadata
        self.filters_metadata = filters_metadata
        self.files_pending = files_pending if files_pending is not None else int(azure)
        self.page_items = 100
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploads: list[str] = []
        self.parts: dict[str, dict[str, Any]] = {}  # uploads in parts
        self.models_deleted: list[str] = []
        self.deployments: dict[str, dict[str, Any]] = {}
        self.default_script: tuple[str | dict[str, Any], ...] = ("queued", "running", "running", "succeeded")
        self._scripts: dict[str, deque[str | dict[str, Any]]] = {}
        self._pending: dict[str, int] = {}
        self._count = 0

    # --- what a test says ------------------------------------------------------------------------------

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def script(self, *looks: str | dict[str, Any], job_id: str | None = None) -> None:
        """What each look at a job shows, one after the other: a status, or fields of the job.

        For the job of that id, or for all jobs created from now on.
        """
        if job_id is None:
            self.default_script = looks
        else:
            self._scripts[job_id] = deque(looks)

    # --- the server ------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Response:
        if not request.headers.get("authorization", "").startswith("Bearer "):
            return error(401, "You didn't provide an API key.", code=None)
        if request.headers["authorization"] == "Bearer wrong":
            message = (
                "Incorrect API key provided: wrong. You can find your API key at https://platform.openai.com."
            )
            return error(401, message, code="invalid_api_key")
        path = request.path.removeprefix("/v1")
        for method, pattern, answer in self._ROUTES:
            if method == request.method and (found := re.fullmatch(pattern, path)):
                return answer(self, request, *found.groups())
        return error(404, f"Invalid URL ({request.method} {request.path})")

    def _next(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:024d}"

    def _now(self) -> int:
        return EPOCH + self._count

    def _page(self, items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
        after = request.query.get("after", [None])[0]
        start = next((n + 1 for n, item in enumerate(items) if item["id"] == after), 0)
        limit = min(int(request.query.get("limit", ["20"])[0]), self.page_items)
        shown = items[start : start + limit]
        return {"object": "list", "data": shown, "has_more": start + limit < len(items)}

    # --- files -----------------------------------------------------------------------------------------

    def _upload(self, request: Request) -> Response:
        fields = _multipart(request)
        purpose = fields["purpose"][1].decode()
        allowed = ["fine-tune", "assistants", "batch", "user_data", "vision", "evals"]
        if purpose not in allowed:
            return error(
                400, f"'{purpose}' is not one of {allowed} - 'purpose'", param="purpose", detail=True
            )
        filename, content = fields["file"]
        return Response(201 if self.azure else 200, self._new_file(purpose, filename, content))

    def _new_file(self, purpose: str, filename: str, content: bytes) -> dict[str, Any]:
        id_ = self._next("file-")
        file: dict[str, Any] = {
            "object": "file",
            "id": id_,
            "purpose": purpose,
            "filename": filename,
            "bytes": len(content),
            "created_at": self._now(),
            "expires_at": None,
            "status": "processed",
            "status_details": None,
        }
        if self.azure:
            file = {name: value for name, value in file.items() if value is not None}
        self.files[id_], self.contents[id_] = file, content
        self.uploads.append(id_)
        self._pending[id_] = self.files_pending
        return self._file(id_)

    def _file(self, id_: str) -> dict[str, Any]:
        return self.files[id_] | ({"status": "pending"} if self._pending[id_] else {})

    def _list_files(self, request: Request) -> Response:
        purpose = request.query.get("purpose", [None])[0]
        files = [self._file(i) for i, f in self.files.items() if purpose in (None, f["purpose"])]
        page = self._page(files[::-1], request)
        ids = [file["id"] for file in page["data"]]
        return Response(200, page | {"first_id": ids[0] if ids else "", "last_id": ids[-1] if ids else ""})

    def _get_file(self, request: Request, id_: str) -> Response:
        if id_ not in self.files:
            return error(404, f"No such File object: {id_}", param="id", detail=True)
        self._pending[id_] = max(0, self._pending[id_] - 1)
        return Response(200, self._file(id_))

    def _delete_file(self, request: Request, id_: str) -> Response:
        if self.files.pop(id_, None) is None:
            return error(404, f"No such File object: {id_}", param="id", detail=True)
        return Response(200, {"object": "file", "deleted": True, "id": id_})

    def _file_content(self, request: Request, id_: str) -> Response:
        if id_ not in self.files:
            return error(404, f"No such File object: {id_}", param="id", detail=True)
        return Response(200, self.contents[id_], {"content-type": "application/octet-stream"})

    # --- uploads in parts ------------------------------------------------------------------------------

    def _begin_upload(self, request: Request) -> Response:
        id_ = self._next("upload_")
        asked = request.json()
        shown = {
            "id": id_,
            "object": "upload",
            "bytes": asked["bytes"],
            "created_at": self._now(),
            "filename": asked["filename"],
            "purpose": asked["purpose"],
            "status": "pending",
            "expires_at": self._now() + 3600,
        }
        self.parts[id_] = {"shown": shown, "parts": {}}
        return Response(200, shown)

    def _add_part(self, request: Request, id_: str) -> Response:
        upload = self.parts.get(id_)
        if upload is None or upload["shown"]["status"] != "pending":
            return error(400, f"Upload {id_} is expired or completed.", param="upload_id")
        part = self._next("part_")
        upload["parts"][part] = _multipart(request)["data"][1]
        shown = {"id": part, "object": "upload.part", "created_at": self._now(), "upload_id": id_}
        return Response(200, shown)

    def _complete_upload(self, request: Request, id_: str) -> Response:
        upload, asked = self.parts[id_], request.json()
        shown = upload["shown"]
        if shown["status"] != "pending":
            return error(400, f"Upload {id_} is expired or completed.", param="upload_id")
        content = b"".join(upload["parts"][part] for part in asked["part_ids"])
        if len(content) != shown["bytes"]:
            return error(400, "The number of bytes does not match.", param="bytes")
        if asked.get("md5") not in (None, hashlib.md5(content, usedforsecurity=False).hexdigest()):
            return error(400, "The checksum does not match.", param="md5")
        file = self._new_file(shown["purpose"], shown["filename"], content)
        shown |= {"status": "completed", "file": file}
        return Response(200, shown)

    # --- jobs ------------------------------------------------------------------------------------------

    def _create_job(self, request: Request) -> Response:
        asked = request.json()
        if asked["training_file"] not in self.files:
            message = f"invalid training_file: {asked['training_file']}"
            return error(400, message, param="training_file")
        if asked["model"] in {"gpt-nonexistent", "no-such-model"}:
            message = f"Model {asked['model']} is not available for fine-tuning or does not exist."
            return error(400, message, code="model_not_available")
        id_ = self._next("ftjob-")
        kind = asked.get("method", {"type": "supervised"})["type"]
        given = asked.get("method", {}).get(kind, {}).get("hyperparameters", {})
        if kind == "reinforcement" and not asked["method"]["reinforcement"].get("grader"):
            return error(400, "Missing required parameter: 'method.reinforcement.grader'.", param="method")
        auto: Any = -1 if self.azure else "auto"
        settings = {
            name: auto if given.get(name, "auto") == "auto" else given[name]
            for name in ("n_epochs", "batch_size", "learning_rate_multiplier")
        }
        dated = asked["model"] == "gpt-4o-mini"
        job: dict[str, Any] = {
            "object": "fine_tuning.job",
            "id": id_,
            "model": "gpt-4o-mini-2024-07-18" if dated else asked["model"],
            "created_at": self._now(),
            "finished_at": None,
            "fine_tuned_model": None,
            "organization_id": "org-made-up",
            "result_files": [],
            "status": "pending" if self.azure else "validating_files",
            "validation_file": asked.get("validation_file"),
            "training_file": asked["training_file"],
            "hyperparameters": settings,
            "trained_tokens": None,
            "error": {},
            "user_provided_suffix": asked.get("suffix"),
            "seed": asked.get("seed", 1234567 + self._count),
            "estimated_finish": None,
            "integrations": [],
            "metadata": asked.get("metadata") if self.keeps_metadata else None,
            "usage_metrics": None,
            "shared_with_openai": False,
            "eval_id": None,
            "method": {"type": kind, kind: {"hyperparameters": settings}},
        }
        if self.azure:
            for name in ("organization_id", "result_files", "error", "integrations", "shared_with_openai"):
                del job[name]
            job = {name: value for name, value in job.items() if value is not None}
        self.jobs[id_] = job
        self._scripts[id_] = deque(self.default_script)
        return Response(201 if self.azure else 200, job)

    def _look(self, id_: str) -> dict[str, Any]:
        """The job, one look further in its script; the last look stays."""
        script, job = self._scripts[id_], self.jobs[id_]
        if script and job["status"] not in {"succeeded", "failed", "cancelled"}:
            look = script.popleft()
            job |= {"status": look} if isinstance(look, str) else look
            if job["status"] == "succeeded" and not isinstance(look, dict):
                made_up = {
                    "fine_tuned_model": f"ft:{job['model']}:made-up::{id_[-8:]}",
                    "finished_at": self._now() + 600,
                    "trained_tokens": 5049,
                    "result_files": [self._result_file()],
                }
                job |= made_up
        return job

    def _result_file(self) -> str:
        id_ = self._next("file-")
        rows = ["step,train_loss,train_accuracy"] + [f"{n},{1 / n:.4f},0.5" for n in range(1, STEPS + 1)]
        self.files[id_] = {
            "object": "file",
            "id": id_,
            "purpose": "fine-tune-results",
            "filename": "step_metrics.csv",
            "bytes": 0,
            "created_at": self._now(),
            "status": "processed",
        }
        self.contents[id_] = base64.b64encode("\n".join(rows).encode())
        self._pending[id_] = 0
        return id_

    def _list_jobs(self, request: Request) -> Response:
        jobs = list(self.jobs.values())[::-1]
        wanted = {
            name.removeprefix("metadata[").removesuffix("]"): values[0]
            for name, values in request.query.items()
            if name.startswith("metadata[")
        }
        if self.filters_metadata:
            jobs = [j for j in jobs if wanted.items() <= (j.get("metadata") or {}).items()]
        return Response(200, self._page(jobs, request))

    def _get_job(self, request: Request, id_: str) -> Response:
        return Response(200, self._look(id_)) if id_ in self.jobs else _no_job(id_)

    def _cancel_job(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return _no_job(id_)
        if self.jobs[id_]["status"] in {"succeeded", "failed"}:
            return error(400, f"Job has already completed: {id_}", code="invalid_job_status")
        self.jobs[id_]["status"] = "cancelled"
        return Response(200, self.jobs[id_])

    def _pause_job(self, request: Request, id_: str) -> Response:
        return self._turn(id_, "running", "paused")

    def _resume_job(self, request: Request, id_: str) -> Response:
        return self._turn(id_, "paused", "running")

    def _turn(self, id_: str, before: str, then: str) -> Response:
        if id_ not in self.jobs:
            return _no_job(id_)
        job = self.jobs[id_]
        if job["status"] != before:
            return error(400, f"Job is {job['status']}, not {before}.", code="invalid_job_status")
        job["status"] = then
        return Response(200, job)

    # --- models ----------------------------------------------------------------------------------------

    def _tuned(self) -> list[str]:
        made = [job.get("fine_tuned_model") for job in self.jobs.values()]
        return [id_ for id_ in made if id_ and id_ not in self.models_deleted]

    def _list_models(self, request: Request) -> Response:
        models = [
            {"id": id_, "object": "model", "owned_by": "org-made-up"} for id_ in ["gpt-4o", *self._tuned()]
        ]
        return Response(200, {"object": "list", "data": models})

    def _delete_model(self, request: Request, id_: str) -> Response:
        id_ = unquote(id_)
        if id_ not in self._tuned():
            return error(404, f"The model '{id_}' does not exist", param="model", code="model_not_found")
        self.models_deleted.append(id_)
        return Response(200, {"id": id_, "object": "model", "deleted": True})

    # --- deployments, for hosts that serve a model only when they are asked to -------------------------

    def _deploy(self, request: Request) -> Response:
        asked = request.json()
        if asked["model"] not in self._tuned():
            return error(404, f"The model '{asked['model']}' does not exist", param="model")
        id_ = self._next("deploy-")
        self.deployments[id_] = {"id": id_, "model": asked["model"], "status": "creating", "looks": 0}
        return Response(200, self.deployments[id_])

    def _list_deployments(self, request: Request) -> Response:
        return Response(200, self._page(list(self.deployments.values())[::-1], request))

    def _get_deployment(self, request: Request, id_: str) -> Response:
        found = self.deployments.get(id_)
        if found is None:
            return error(404, f"There is no deployment {id_}")
        found["looks"] += 1
        if found["looks"] >= 2 and found["status"] == "creating":
            found["status"] = "ready"
        return Response(200, found)

    def _delete_deployment(self, request: Request, id_: str) -> Response:
        if self.deployments.pop(id_, None) is None:
            return error(404, f"There is no deployment {id_}")
        return Response(200, {"id": id_, "deleted": True})

    def _list_events(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return _no_job(id_)
        return Response(200, self._page(self._events(self.jobs[id_]), request))

    def _events(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        told: list[tuple[str, Any]] = [
            ("Created fine-tuning job: " + job["id"], {}),
            ("Validating training file: " + job["training_file"], {}),
        ]
        if job["status"] in {"running", "succeeded"}:
            told += [
                (
                    f"Step {step}/{STEPS}: training loss={1 / step:.2f}",
                    {
                        "step": step,
                        "train_loss": 1 / step,
                        "total_steps": STEPS,
                        "train_mean_token_accuracy": 0.5,
                    },
                )
                for step in range(1, STEPS + 1)
            ]
        if job["status"] == "succeeded":
            told += [("New fine-tuned model created", None), ("The job has successfully completed", None)]
        return [
            {
                "object": "fine_tuning.job.event",
                "id": f"ftevent-{job['id'][-4:]}{n:020d}",
                "created_at": job["created_at"] + n // 2,
                "level": "info",
                "message": message,
                "data": data,
                "type": "metrics" if data else "message",
            }
            for n, (message, data) in reversed(list(enumerate(told)))
        ]

    def _list_checkpoints(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return _no_job(id_)
        job, points = self.jobs[id_], []
        if job["status"] == "succeeded":
            points = [
                {
                    "object": "fine_tuning.job.checkpoint",
                    "id": f"ftckpt_{id_[-4:]}{step:020d}",
                    "created_at": job["created_at"] + step,
                    "fine_tuned_model_checkpoint": f"{job['fine_tuned_model']}:ckpt-step-{step}",
                    "fine_tuning_job_id": id_,
                    "metrics": {"step": step, "train_loss": 1 / step, "type": "supervised"},
                    "step_number": step,
                }
                for step in range(STEPS, 0, -1)
            ]
        page = self._page(points, request)
        ids = [point["id"] for point in page["data"]] or [None]
        return Response(200, page | {"first_id": ids[0], "last_id": ids[-1]})

    # --- chat ------------------------------------------------------------------------------------------

    def _chat(self, request: Request) -> Response:
        asked = request.json()
        made = {job["fine_tuned_model"] for job in self.jobs.values() if job.get("fine_tuned_model")}
        if asked["model"] not in made:
            message = f"The model '{asked['model']}' does not exist"
            return error(404, message, param="model", code="model_not_found")
        answer = {
            "id": "chatcmpl-made-up",
            "object": "chat.completion",
            "created": self._now(),
            "model": asked["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {
                        "role": "assistant",
                        "content": "You said: " + str(asked["messages"][-1]["content"]),
                        "refusal": None,
                        "annotations": [],
                    },
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
            "service_tier": "default",
            "system_fingerprint": None,
        }
        return Response(200, answer)

    _ROUTES = (
        ("POST", "/files", _upload),
        ("GET", "/files", _list_files),
        ("GET", "/files/([^/]+)", _get_file),
        ("DELETE", "/files/([^/]+)", _delete_file),
        ("GET", "/files/([^/]+)/content", _file_content),
        ("POST", "/uploads", _begin_upload),
        ("POST", "/uploads/([^/]+)/parts", _add_part),
        ("POST", "/uploads/([^/]+)/complete", _complete_upload),
        ("POST", "/fine_tuning/jobs", _create_job),
        ("GET", "/fine_tuning/jobs", _list_jobs),
        ("GET", "/fine_tuning/jobs/([^/]+)", _get_job),
        ("POST", "/fine_tuning/jobs/([^/]+)/cancel", _cancel_job),
        ("POST", "/fine_tuning/jobs/([^/]+)/pause", _pause_job),
        ("POST", "/fine_tuning/jobs/([^/]+)/resume", _resume_job),
        ("GET", "/models", _list_models),
        ("DELETE", "/models/([^/]+)", _delete_model),
        ("POST", "/deployments", _deploy),
        ("GET", "/deployments", _list_deployments),
        ("GET", "/deployments/([^/]+)", _get_deployment),
        ("DELETE", "/deployments/([^/]+)", _delete_deployment),
        ("GET", "/fine_tuning/jobs/([^/]+)/events", _list_events),
        ("GET", "/fine_tuning/jobs/([^/]+)/checkpoints", _list_checkpoints),
        ("POST", "/chat/completions", _chat),
    )


def _no_job(id_: str) -> Response:
    return error(404, f"Could not find fine tune: {id_}", param="fine_tune_id", code="fine_tune_not_found")


def _multipart(request: Request) -> dict[str, tuple[str, bytes]]:
    """The fields of a form: name to file name and content."""
    boundary = request.headers["content-type"].split("boundary=")[1].strip('"').encode()
    fields = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        names = dict(re.findall(r'(\bname|filename)="([^"]*)"', head.decode()))
        fields[names["name"]] = (names.get("filename", ""), content.removesuffix(b"\r\n"))
    return fields
