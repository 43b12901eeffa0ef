"""A stand-in for Fireworks' datasets, fine-tuning jobs, models and deployments.

Written after their API reference and the types of their SDK, 1.2.30; never compared with the service. What is
particular there, and here:

- ids are the caller's choice, and a second of the same id is a 409 with `ALREADY_EXISTS`;
- errors are Google's `{code, message, details}`, without an `error` around them;
- enums are words, integers of 64 bits are text, money is units and nanos;
- a dataset is announced, filled, and then `READY`;
- cancelling answers `{}`; lists have their own key each, `pageToken` and `nextPageToken`.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from tests.support.standins.openai import _multipart
from tests.support.standins.server import Request, Response, StandIn

ACCOUNT = "me"
STEPS = 3
CODES = {400: 3, 401: 16, 403: 7, 404: 5, 409: 6, 429: 8, 500: 13, 503: 14}
ENDED = {"JOB_STATE_COMPLETED", "JOB_STATE_EARLY_STOPPED", "JOB_STATE_FAILED", "JOB_STATE_CANCELLED"}


def refusal(status: int, message: str) -> Response:
    return Response(status, {"code": CODES.get(status, 2), "message": message, "details": []})


class FireworksStandIn(StandIn):
    def __init__(
        self, port: int = 0, *, files_pending: int = 1, accounts: tuple[str, ...] = (ACCOUNT,)
    ) -> None:
        super().__init__(port)
        self.accounts = accounts
        self.files_pending = files_pending
        self.datasets: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.uploads: list[str] = []
        self.deployments: dict[str, dict[str, Any]] = {}
        self.deleted_models: list[str] = []
        self.invalid: str | None = None
        self.files = {"adapter_model.safetensors": b"weights", "adapter_config.json": b"{}"}
        self.default_script: tuple[str, ...] = ("VALIDATING", "PENDING", "RUNNING", "RUNNING", "COMPLETED")
        self._scripts: dict[str, deque[str]] = {}
        self._pending: dict[str, int] = {}
        self._count = 0

    def script(self, *looks: str) -> None:
        self.default_script = looks

    def handle(self, request: Request) -> Response:
        if request.path.startswith("/storage/"):
            assert "authorization" not in request.headers, "the storage must not see the key"
            return self._storage(request)
        if request.headers.get("authorization") == "Bearer wrong":
            return refusal(401, "unauthorized")
        if request.path == "/v1/accounts":
            return Response(200, {"accounts": [{"name": f"accounts/{name}"} for name in self.accounts]})
        path = request.path.removeprefix(f"/v1/accounts/{ACCOUNT}")
        for method, pattern, answer in self._ROUTES:
            if method == request.method and (found := re.fullmatch(pattern, path)):
                return answer(self, request, *found.groups())
        return refusal(404, "Not Found")

    def _now(self) -> str:
        self._count += 1
        return f"2026-11-23T08:{self._count // 60 % 60:02d}:{self._count % 60:02d}.123456789Z"

    def _paged(self, key: str, items: list[dict[str, Any]], request: Request) -> Response:
        """Two a page, so that every list is read over several."""
        if request.query.get("orderBy") == ["createTime desc"]:
            items = [*reversed(items)]
        start = int(request.query.get("pageToken", ["0"])[0])
        following = str(start + 2) if start + 2 < len(items) else ""
        return Response(
            200, {key: items[start : start + 2], "nextPageToken": following, "totalSize": len(items)}
        )

    # --- datasets --------------------------------------------------------------------------------------

    def _create_dataset(self, request: Request) -> Response:
        asked = request.json()
        id_ = asked["datasetId"]
        if id_ in self.datasets:
            return refusal(409, f"dataset {id_} already exists")
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", id_)
        assert int(asked["dataset"]["exampleCount"]) > 0
        dataset = {
            "name": f"accounts/{ACCOUNT}/datasets/{id_}",
            "state": "UPLOADING",
            "createTime": self._now(),
        }
        self.datasets[id_] = dataset | asked["dataset"] | {"status": {"code": "OK", "message": ""}}
        return Response(200, self.datasets[id_])

    def _upload(self, request: Request, id_: str) -> Response:
        if id_ not in self.datasets:
            return refusal(404, f"dataset {id_} not found")
        self._filled(id_, _multipart(request)["file"][1])
        return Response(200, {"message": "uploaded"})

    def _upload_endpoint(self, request: Request, id_: str) -> Response:
        names = request.json()["filenameToSize"]
        return Response(200, {"filenameToSignedUrls": {n: f"{self.url}/storage/{id_}/{n}" for n in names}})

    def _validate_upload(self, request: Request, id_: str) -> Response:
        if id_ not in self.contents:
            return refusal(400, "nothing was uploaded")
        self._filled(id_, self.contents[id_])
        return Response(200, {})

    def _filled(self, id_: str, content: bytes) -> None:
        self.contents[id_] = content
        self.uploads.append(id_)
        self._pending[id_] = self.files_pending

    def _storage(self, request: Request) -> Response:
        _, _, id_, name = request.path.split("/")
        if request.method == "PUT":
            size = request.headers["content-length"]
            assert request.headers["x-goog-content-length-range"] == f"{size},{size}"
            self.contents[id_] = request.body
            return Response(200, b"")
        if name == "metrics.jsonl":
            rows = "".join(
                f'{{"step": {n}, "train/loss": {1 / n}, "note": "x"}}\n' for n in range(1, STEPS + 1)
            )
            return Response(200, f"not json\n[1]\n{rows}".encode())
        return Response(200, self.files[name])

    def _get_dataset(self, request: Request, id_: str) -> Response:
        if id_ not in self.datasets:
            return refusal(404, f"dataset {id_} not found")
        dataset = self.datasets[id_]
        if id_ in self._pending:
            self._pending[id_] -= 1
            if self._pending[id_] <= 0:
                del self._pending[id_]
                if self.invalid is None:
                    dataset["state"] = "READY"
                else:
                    dataset["status"] = {"code": "INVALID_ARGUMENT", "message": self.invalid}
        return Response(200, dataset)

    def _list_datasets(self, request: Request) -> Response:
        return self._paged("datasets", list(self.datasets.values()), request)

    def _delete_dataset(self, request: Request, id_: str) -> Response:
        if self.datasets.pop(id_, None) is None:
            return refusal(404, f"dataset {id_} not found")
        return Response(200, {})

    # --- jobs ------------------------------------------------------------------------------------------

    def _create_job(self, request: Request, kind: str) -> Response:
        asked = request.json()
        id_ = request.query["supervisedFineTuningJobId" if kind.startswith("sup") else "dpoJobId"][0]
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", id_)
        if f"{kind}/{id_}" in self.jobs:
            return refusal(409, f"{kind} {id_} already exists")
        if asked["dataset"].rsplit("/", 1)[-1] not in self.uploads:
            return refusal(400, f"dataset {asked['dataset']} not found")
        if str(asked.get("baseModel")).endswith("/no-such-model"):
            return refusal(404, f"base model {asked['baseModel']} not found")
        job = asked | {
            "name": f"accounts/{ACCOUNT}/{kind}/{id_}",
            "createTime": self._now(),
            "state": "JOB_STATE_CREATING",
            "status": {"code": "OK", "message": ""},
        }
        if kind.startswith("sup"):
            job |= {"outputModel": f"accounts/{ACCOUNT}/models/{id_}"}
        self.jobs[f"{kind}/{id_}"] = job
        self._scripts[f"{kind}/{id_}"] = deque(self.default_script)
        return Response(200, job)

    def _list_jobs(self, request: Request, kind: str) -> Response:
        return self._paged(kind, [j for id_, j in self.jobs.items() if id_.startswith(kind)], request)

    def _get_job(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return refusal(404, f"{id_} not found")
        job, script = self.jobs[id_], self._scripts[id_]
        if script and job["state"] not in ENDED:
            job["state"] = f"JOB_STATE_{script.popleft()}"
            job["updateTime"] = self._now()
            if job["state"] in {"JOB_STATE_RUNNING", "JOB_STATE_COMPLETED"}:
                job["jobProgress"] = {"percent": 50 if job["state"].endswith("NG") else 100, "epoch": 0}
                if id_.startswith("sup"):
                    job["metricsFileSignedUrl"] = f"{self.url}/storage/{id_.split('/')[1]}/metrics.jsonl"
                job["estimatedCost"] = {"currencyCode": "USD", "units": "1", "nanos": 750_000_000}
            if job["state"] in ENDED:
                job["completedTime"] = self._now()
            if job["state"] == "JOB_STATE_FAILED":
                job["status"] = {"code": "INVALID_ARGUMENT", "message": "line 3 is too long"}
        return Response(200, job)

    def _cancel_job(self, request: Request, id_: str) -> Response:
        if id_ not in self.jobs:
            return refusal(404, f"{id_} not found")
        if self.jobs[id_]["state"] in ENDED:
            return refusal(400, f"{id_} has ended")
        self.jobs[id_]["state"] = "JOB_STATE_CANCELLING"
        self._scripts[id_] = deque(["CANCELLING", "CANCELLED"])
        return Response(200, {})

    def _delete_job(self, request: Request, id_: str) -> Response:
        if self.jobs.pop(id_, None) is None:
            return refusal(404, f"{id_} not found")
        return Response(200, {})

    def _metrics_endpoint(self, request: Request, id_: str) -> Response:
        return Response(200, {"signedUrl": f"{self.url}/storage/{id_.split('/')[1]}/metrics.jsonl"})

    # --- models and deployments ------------------------------------------------------------------------

    def _download_endpoint(self, request: Request, id_: str) -> Response:
        return Response(
            200, {"filenameToSignedUrls": {n: f"{self.url}/storage/{id_}/{n}" for n in self.files}}
        )

    def _delete_model(self, request: Request, id_: str) -> Response:
        self.deleted_models.append(id_)
        return Response(200, {})

    def _create_deployment(self, request: Request) -> Response:
        id_ = request.query["deploymentId"][0]
        if id_ in self.deployments:
            return refusal(409, f"deployment {id_} already exists")
        name = f"accounts/{ACCOUNT}/deployments/{id_}"
        made = {"name": name, "state": "CREATING", "createTime": self._now()}
        self.deployments[id_] = request.json() | made
        return Response(200, self.deployments[id_])

    def _list_deployments(self, request: Request) -> Response:
        return self._paged("deployments", list(self.deployments.values()), request)

    def _get_deployment(self, request: Request, id_: str) -> Response:
        if id_ not in self.deployments:
            return refusal(404, f"deployment {id_} not found")
        self.deployments[id_]["state"] = "READY"
        return Response(200, self.deployments[id_])

    def _delete_deployment(self, request: Request, id_: str) -> Response:
        self.deployments.pop(id_)
        return Response(200, {})

    _JOBS = "supervisedFineTuningJobs|dpoJobs"
    _ROUTES = (
        ("POST", "/datasets", _create_dataset),
        ("GET", "/datasets", _list_datasets),
        ("POST", "/datasets/([^/:]+):upload", _upload),
        ("POST", "/datasets/([^/:]+):getUploadEndpoint", _upload_endpoint),
        ("POST", "/datasets/([^/:]+):validateUpload", _validate_upload),
        ("GET", "/datasets/([^/:]+)", _get_dataset),
        ("DELETE", "/datasets/([^/:]+)", _delete_dataset),
        ("POST", f"/({_JOBS})", _create_job),
        ("GET", f"/({_JOBS})", _list_jobs),
        ("GET", f"/((?:{_JOBS})/[^/:]+)", _get_job),
        ("DELETE", f"/((?:{_JOBS})/[^/:]+)", _delete_job),
        ("POST", f"/((?:{_JOBS})/[^/:]+):cancel", _cancel_job),
        ("GET", "/(dpoJobs/[^/:]+):getMetricsFileEndpoint", _metrics_endpoint),
        ("GET", "/models/([^/:]+):getDownloadEndpoint", _download_endpoint),
        ("DELETE", "/models/([^/:]+)", _delete_model),
        ("POST", "/deployments", _create_deployment),
        ("GET", "/deployments", _list_deployments),
        ("GET", "/deployments/([^/]+)", _get_deployment),
        ("DELETE", "/deployments/([^/]+)", _delete_deployment),
    )
