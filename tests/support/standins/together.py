"""A stand-in for Together's files, fine-tunes and `/v2` deployments.

Written after the types and requests of their SDK, 3.1.1 (a test reads its answers with those types); never
compared with the service. What is particular there, and here:

- an upload is three requests: 302 with an address and `x-together-file-id`, a PUT to that address without the
  key, and `preprocess`; the same checksum again is a 409 with the `file_id`;
- a new job answers with a short form, a look at it with a long one that has its events;
- events have no ids; metrics are rows of numbers by `train/global_step`;
- lists of `/v2` go page by page with `after` and `next_cursor`.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from tests.support.standins.server import Request, Response, StandIn

STEPS = 3
PROJECT = "proj-1"


def refusal(status: int, message: str, kind: str = "invalid_request_error", **more: Any) -> Response:
    body = {"error": {"message": message, "type": kind, "param": None, "code": None}, **more}
    return Response(status, body)


class TogetherStandIn(StandIn):
    def __init__(self, port: int = 0, *, files_pending: int = 1) -> None:
        super().__init__(port)
        self.files_pending = files_pending
        self.files: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.checksums: dict[str, str] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploads: list[str] = []
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, dict[str, Any]] = {}
        self.invalid: str | None = None
        self.default_script: tuple[str, ...] = ("queued", "running", "running", "completed")
        self._scripts: dict[str, deque[str]] = {}
        self._pending: dict[str, int] = {}
        self._count = 0

    def script(self, *looks: str) -> None:
        self.default_script = looks

    def handle(self, request: Request) -> Response:
        if request.path.startswith("/storage/"):
            assert "authorization" not in request.headers, "the storage must not see the key"
            self.contents[request.path.removeprefix("/storage/")] = request.body
            return Response(200, b"", headers={"etag": '"e"'})
        if request.headers.get("authorization") == "Bearer wrong":
            return refusal(401, "Invalid API key provided. You can find your API key at api.together.ai.")
        for method, pattern, answer in self._ROUTES:
            if method == request.method and (found := re.fullmatch(pattern, request.path)):
                return answer(self, request, *found.groups())
        return refusal(404, "Not found")

    def _next(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:08d}"

    def _now(self) -> str:
        return f"2026-11-23T08:{self._count // 60:02d}:{self._count % 60:02d}.000Z"

    # --- files -----------------------------------------------------------------------------------------

    def _announce(self, request: Request) -> Response:
        fields = dict(re.findall(r'name="([^"]+)"\r\n(?:[^\r]+\r\n)*\r\n([^\r]*)\r\n', request.body.decode()))
        assert fields.keys() == {"purpose", "file_name", "file_type", "checksum"}
        if fields["checksum"] in self.checksums:
            return Response(409, {"file_id": self.checksums[fields["checksum"]]})
        id_ = self._next("file-")
        self.checksums[fields["checksum"]] = id_
        self.files[id_] = {
            "id": id_,
            "object": "file",
            "bytes": 0,
            "created_at": 1_790_000_000 + self._count,
            "filename": fields["file_name"],
            "FileType": "jsonl",
            "purpose": fields["purpose"],
            "processing_status": "PENDING",
        }
        place = {"location": f"{self.url}/storage/{id_}", "x-together-file-id": id_}
        return Response(302, b"", headers=place)

    def _initiate(self, request: Request) -> Response:
        asked = request.json()
        if asked["checksum"] in self.checksums:
            return Response(409, {"file_id": self.checksums[asked["checksum"]]})
        id_ = self._next("file-")
        self.checksums[asked["checksum"]] = id_
        self.files[id_] = {
            "id": id_,
            "object": "file",
            "bytes": 0,
            "created_at": 1_790_000_000 + self._count,
            "filename": asked["file_name"],
            "FileType": "jsonl",
            "purpose": asked["purpose"],
            "processing_status": "PENDING",
        }
        parts = [
            {
                "PartNumber": number,
                "URL": f"{self.url}/storage/{id_}.{number}",
                "Headers": {"x-part": str(number)},
            }
            for number in range(1, asked["num_parts"] + 1)
        ]
        return Response(200, {"upload_id": f"up-{id_}", "file_id": id_, "parts": parts})

    def _complete(self, request: Request) -> Response:
        asked = request.json()
        id_, numbers = asked["file_id"], [part["part_number"] for part in asked["parts"]]
        if numbers != sorted(numbers) or not all(part["etag"] == "e" for part in asked["parts"]):
            return refusal(400, "parts are not in order")
        self.contents[id_] = b"".join(self.contents.pop(f"{id_}.{number}") for number in numbers)
        return Response(200, {"file": self._preprocess(request, id_).body})

    def _abort(self, request: Request) -> Response:
        return self._delete_file(request, request.json()["file_id"])

    def _preprocess(self, request: Request, id_: str) -> Response:
        if id_ not in self.contents:
            return refusal(400, "file has not been uploaded")
        self.files[id_]["bytes"] = len(self.contents[id_])
        self.uploads.append(id_)
        self._pending[id_] = self.files_pending
        return Response(200, self.files[id_])

    def _list_files(self, request: Request) -> Response:
        return Response(200, {"data": list(self.files.values())})

    def _get_file(self, request: Request, id_: str) -> Response:
        if id_ not in self.files:
            return refusal(404, f"file {id_} not found")
        file = self.files[id_]
        if id_ in self._pending:
            self._pending[id_] -= 1
            if self._pending[id_] <= 0:
                del self._pending[id_]
                valid = self.invalid is None
                file["processing_status"] = "COMPLETED" if valid else "INVALID_FORMAT"
                file["validation_report"] = {"valid": valid, "file_id": id_, "nlines": 3}
                if not valid:
                    file["validation_report"] |= {"error_type": "INVALID_FORMAT", "error": self.invalid}
        return Response(200, file)

    def _delete_file(self, request: Request, id_: str) -> Response:
        self.files.pop(id_, None)
        self.checksums = {checksum: file for checksum, file in self.checksums.items() if file != id_}
        return Response(200, {"id": id_, "deleted": True})

    # --- jobs ------------------------------------------------------------------------------------------

    def _create(self, request: Request) -> Response:
        asked = request.json()
        if asked["training_file"] not in self.uploads:
            return refusal(400, f"training file {asked['training_file']} not found")
        if asked.get("model") == "no-such-model":
            return refusal(400, "model no-such-model is not available for fine-tuning")
        id_ = self._next("ft-")
        short = {
            "id": id_,
            "status": "pending",
            "user_id": "user-1",
            "created_at": self._now(),
            "updated_at": self._now(),
            "model": asked.get("model"),
            "model_output_name": f"me/{(asked.get('model') or 'm').split('/')[-1]}-{asked['suffix']}-{id_[-6:]}",
            **{
                name: asked.get(name)
                for name in ("suffix", "n_epochs", "learning_rate", "training_file", "validation_file")
            },
            "training_method": asked["training_method"],
            "random_seed": asked.get("random_seed"),
        }
        self.jobs[id_] = short
        self._scripts[id_] = deque(self.default_script)
        return Response(200, short)

    def _list(self, request: Request) -> Response:
        return Response(200, {"data": list(self.jobs.values())})

    def _get(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return refusal(404, f"fine-tune {id_} not found")
        job, script = self.jobs[id_], self._scripts[id_]
        if script and job["status"] not in {"completed", "error", "cancelled"}:
            job["status"] = script.popleft()
            job["updated_at"] = self._now()
            if job["status"] == "completed":
                job |= {"token_count": 5049, "model_object_id": "ml_1"}
        hidden = {"suffix", "random_seed"}  # the long form has neither
        full = {name: value for name, value in job.items() if name not in hidden}
        return Response(200, full | {"events": self._events(job)})

    def _cancel(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return refusal(404, f"fine-tune {id_} not found")
        job = self.jobs[id_]
        if job["status"] in {"completed", "error", "cancelled"}:
            return refusal(400, f"fine-tune {id_} cannot be cancelled")
        job["status"] = "cancel_requested"
        self._scripts[id_] = deque(["cancelled"])
        return Response(200, job)

    def _delete(self, request: Request, id_: str) -> Response:
        if self.jobs.pop(id_, None) is None:
            return refusal(404, f"fine-tune {id_} not found")
        return Response(200, {"message": f"Fine-tune {id_} deleted"})

    def _events(self, job: dict[str, Any]) -> list[dict[str, Any]]:
        def event(second: int, kind: str, message: str, level: str = "info", **more: Any) -> dict[str, Any]:
            when = f"2026-11-23T09:00:{second:02d}.000Z"
            base = {"object": "fine-tune-event", "created_at": when, "level": level, "message": message}
            return base | {"type": kind, "step": 0, "total_steps": 0} | more

        told = [event(0, "job_pending", "Fine tune request created"), event(1, "job_start", "Job started")]
        if job["status"] in {"running", "completed"}:
            message = f"Epoch completed, at step {STEPS}"
            told.append(event(9, "epoch_complete", message, step=STEPS, total_steps=STEPS))
        if job["status"] == "error":
            told.append(event(9, "job_error", "the loss is not a number", "error"))
        return told

    def _list_events(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return refusal(404, f"fine-tune {id_} not found")
        return Response(200, {"data": self._events(self.jobs[id_])})

    def _list_metrics(self, request: Request, id_: str) -> Response:
        if self.jobs[id_]["status"] not in {"running", "completed"}:
            return refusal(404, "no metrics yet")
        rows = [
            {"train/global_step": float(step), "train/loss": 1 / step, "train/epoch": 1.0}
            for step in range(1, STEPS + 1)
        ]
        return Response(200, {"metrics": rows})

    def _list_checkpoints(self, request: Request, id_: str) -> Response:
        points = [
            {
                "checkpoint_type": f"Intermediate (step {step})",
                "created_at": self._now(),
                "path": f"s3://bucket/{id_}/step-{step}",
                "step": step,
                "object_name": f"me/{id_}-step-{step}",
            }
            for step in (3, 2)
        ]
        return Response(200, {"data": points})

    def _download(self, request: Request) -> Response:
        if request.query["ft_id"][0] not in self.jobs:
            return refusal(404, "not found")
        return Response(200, b"archive of " + request.query["checkpoint"][0].encode())

    # --- serving ---------------------------------------------------------------------------------------

    def _whoami(self, request: Request) -> Response:
        project = {"id": PROJECT, "name": "Default", "slug": "me"}
        return Response(200, {"type": "project_api_key", "project": project})

    def _paged(self, items: list[dict[str, Any]], request: Request) -> Response:
        """Two a page, so that every list is read over several."""
        start = int(request.query.get("after", ["0"])[0])
        following = str(start + 2) if start + 2 < len(items) else None
        body = {"object": "list", "data": items[start : start + 2], "next_cursor": following}
        return Response(200, body)

    def _models(self, request: Request) -> Response:
        others = [{"id": f"ml_other{n}", "name": f"me/other{n}"} for n in range(3)]
        ours = [
            {"id": f"ml_{job['id']}", "name": job["model_output_name"], "baseModelId": "ml_base"}
            for job in self.jobs.values()
            if job["status"] == "completed"
        ]
        return self._paged(others + ours, request)

    def _configs(self, request: Request) -> Response:
        assert request.query["referenceModel"] == [f"projects/{PROJECT}/models/ml_base"]
        selectors = [{"key": "gpu_type", "value": "H100"}, {"key": "gpu_count", "value": "2"}]
        return self._paged([{"id": "cr_1", "projectId": "public", "selectors": selectors}], request)

    def _hardware(self, request: Request) -> Response:
        kinds = [
            {"id": f"{count}x-{gpu.lower()}", "gpuType": gpu, "gpuCount": count, "priceCentsPerHour": cents}
            for gpu, count, cents in (("H100", 1, 399), ("H100", 2, 798), ("B200", 2, 1990))
        ]
        return Response(200, {"object": "list", "data": kinds})

    def _list_endpoints(self, request: Request, project: str) -> Response:
        return self._paged(list(self.endpoints.values()), request)

    def _create_endpoint(self, request: Request, project: str) -> Response:
        id_ = self._next("ep_")
        self.endpoints[id_] = {"id": id_, "name": f"me/{request.json()['name']}", "projectId": project}
        return Response(200, self.endpoints[id_])

    def _create_deployment(self, request: Request, project: str, endpoint: str) -> Response:
        asked, id_ = request.json(), self._next("dep_")
        self.deployments[id_] = {
            "id": id_,
            "endpointId": endpoint,
            "projectId": project,
            "name": f"{self.endpoints[endpoint]['name']}/{asked['name']}",
            "model": asked["model"],
            "config": asked.get("config"),
            "autoscaling": asked["autoscaling"],
            "inactiveTimeout": asked["inactiveTimeout"],
            "status": {"state": "DEPLOYMENT_STATE_PROVISIONING", "message": "Scheduling replicas"},
        }
        return Response(200, self.deployments[id_])

    def _list_deployments(self, request: Request, project: str, endpoint: str) -> Response:
        return self._paged([d for d in self.deployments.values() if d["endpointId"] == endpoint], request)

    def _get_deployment(self, request: Request, project: str, endpoint: str, id_: str) -> Response:
        if id_ not in self.deployments:
            return refusal(404, f"deployment {id_} not found")
        self.deployments[id_]["status"] = {"state": "DEPLOYMENT_STATE_READY", "message": ""}
        return Response(200, self.deployments[id_])

    def _delete_deployment(self, request: Request, project: str, endpoint: str, id_: str) -> Response:
        self.deployments.pop(id_)
        return Response(200, {"id": id_, "deleted": True})

    def _delete_endpoint(self, request: Request, project: str, id_: str) -> Response:
        self.endpoints.pop(id_)
        return Response(200, {"id": id_, "deleted": True})

    _V2 = "/v2/projects/([^/]+)"
    _ROUTES = (
        ("POST", "/v1/files", _announce),
        ("POST", "/v1/files/multipart/initiate", _initiate),
        ("POST", "/v1/files/multipart/complete", _complete),
        ("POST", "/v1/files/multipart/abort", _abort),
        ("GET", "/v1/files", _list_files),
        ("POST", "/v1/files/([^/]+)/preprocess", _preprocess),
        ("GET", "/v1/files/([^/]+)", _get_file),
        ("DELETE", "/v1/files/([^/]+)", _delete_file),
        ("POST", "/v1/fine-tunes", _create),
        ("GET", "/v1/fine-tunes", _list),
        ("GET", "/v1/fine-tunes/([^/]+)", _get),
        ("DELETE", "/v1/fine-tunes/([^/]+)", _delete),
        ("POST", "/v1/fine-tunes/([^/]+)/cancel", _cancel),
        ("GET", "/v1/fine-tunes/([^/]+)/events", _list_events),
        ("GET", "/v1/fine-tunes/([^/]+)/metrics", _list_metrics),
        ("GET", "/v1/fine-tunes/([^/]+)/checkpoints", _list_checkpoints),
        ("GET", "/v1/finetune/download", _download),
        ("GET", "/v3/whoami", _whoami),
        ("GET", "/v2/projects/[^/]+/models", _models),
        ("GET", "/v2/projects/[^/]+/configs", _configs),
        ("GET", "/v2/public/inference-instance-types", _hardware),
        ("GET", f"{_V2}/endpoints", _list_endpoints),
        ("POST", f"{_V2}/endpoints", _create_endpoint),
        ("DELETE", f"{_V2}/endpoints/([^/]+)", _delete_endpoint),
        ("POST", f"{_V2}/endpoints/([^/]+)/deployments", _create_deployment),
        ("GET", f"{_V2}/endpoints/([^/]+)/deployments", _list_deployments),
        ("GET", f"{_V2}/endpoints/([^/]+)/deployments/([^/]+)", _get_deployment),
        ("DELETE", f"{_V2}/endpoints/([^/]+)/deployments/([^/]+)", _delete_deployment),
    )
