"""A stand-in for the Hugging Face Hub: repositories with their files, and Jobs.

huggingface_hub itself talks to it, so its paths and forms are those of that package (2.4); never compared with
the service. Files come with the commit, as small ones do there. `jobs` is what was asked to run; nothing runs,
but a test may take a job's command and run it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import deque
from typing import Any
from urllib.parse import unquote

from tests.support.standins.server import Request, Response, StandIn

EVENTS = [
    {"message": "training for 3 steps", "total_steps": 3},
    *(
        {"message": f"step {n}/3", "step": n, "total_steps": 3, "metrics": {"train_loss": 1 / n}}
        for n in (1, 2, 3)
    ),
]
ENDED = {"COMPLETED", "ERROR", "CANCELED", "DELETED"}


class HuggingFaceStandIn(StandIn):
    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.repos: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.commits: list[list[str]] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, Any]] = []
        self.default_script: tuple[str, ...] = ("SCHEDULING", "RUNNING", "RUNNING", "COMPLETED")
        self.failure = "OutOfMemoryError while training"
        self._scripts: dict[str, deque[str]] = {}
        self._count = 0

    def script(self, *looks: str) -> None:
        self.default_script = looks

    @property
    def uploads(self) -> list[str]:
        return [path for commit in self.commits for path in commit if path.startswith("files/")]

    def _handler_class(self):
        class Handler(super()._handler_class()):
            def do_HEAD(self):  # noqa: N802 - the server's name for it
                self._serve()

        return Handler

    def handle(self, request: Request) -> Response:
        answer = self._handle(request)
        return Response(answer.status, b"", headers=answer.headers) if request.method == "HEAD" else answer

    def _handle(self, request: Request) -> Response:
        if request.headers.get("authorization") in {"Bearer wrong", "Bearer hf_wrong"}:
            return _refusal(401, "Invalid username or password.")
        for method, pattern, answer in self._ROUTES:
            if request.method in method and (found := re.fullmatch(pattern, unquote(request.path))):
                return answer(self, request, *found.groups())
        return _refusal(404, "Sorry, we can't find the page you are looking for.")

    def _now(self) -> str:
        self._count += 1
        return f"2026-11-23T08:{self._count // 60 % 60:02d}:{self._count % 60:02d}.000Z"

    # --- repositories ----------------------------------------------------------------------------------

    def _whoami(self, request: Request) -> Response:
        return Response(200, {"type": "user", "name": "me", "fullname": "Me", "orgs": []})

    def _create_repo(self, request: Request) -> Response:
        asked = request.json()
        kind = "datasets/" if asked.get("type") == "dataset" else ""
        name = f"{kind}{asked['organization']}/{asked['name']}"
        if name in self.repos:
            refused = _refusal(409, "You already created this repo")
            return Response(409, refused.body | {"url": f"{self.url}/{name}"}, headers=refused.headers)
        self.repos[name], self.private[name] = {}, asked.get("visibility") == "private"
        return Response(200, {"url": f"{self.url}/{name}", "id": name.removeprefix("datasets/")})

    def _files(self, kind: str, name: str) -> dict[str, bytes]:
        return self.repos[f"datasets/{name}" if kind == "datasets" else name]

    def _paths_info(self, request: Request, kind: str, name: str) -> Response:
        body = request.body.decode()
        wanted = (
            json.loads(body)["paths"] if body.startswith("{") else re.findall(r"paths=([^&]+)", unquote(body))
        )
        files = self._files(kind, name)
        return Response(200, [_file(path, files[path]) for path in wanted if path in files])

    def _preupload(self, request: Request, kind: str, name: str) -> Response:
        files = [
            {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": None}
            for file in request.json()["files"]
        ]
        return Response(200, {"files": files})

    def _commit(self, request: Request, kind: str, name: str) -> Response:
        added = []
        for line in request.body.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                value = entry["value"]
                self._files(kind, name)[value["path"]] = base64.b64decode(value["content"])
                added.append(value["path"])
        self.commits.append(added)
        sha = f"{len(self.commits):040x}"
        return Response(
            200, {"success": True, "commitOid": sha, "commitUrl": f"{self.url}/{name}/commit/{sha}"}
        )

    def _info(self, request: Request, kind: str, name: str) -> Response:
        files = self._files(kind, name)
        info = {"id": name, "sha": "0" * 40, "private": True, "tags": [], "downloads": 0, "likes": 0}
        return Response(200, info | {"siblings": [{"rfilename": path} for path in files]})

    def _tree(self, request: Request, kind: str, name: str) -> Response:
        return Response(200, [_file(path, content) for path, content in self._files(kind, name).items()])

    def _resolve(self, request: Request, kind: str | None, name: str, path: str) -> Response:
        files = self._files(kind or "models", name)
        if path not in files:
            missing = {"x-error-code": "EntryNotFound", "x-repo-commit": "0" * 40}
            return Response(404, {"error": "Entry not found"}, headers=missing)
        content = files[path]
        headers = {
            "etag": f'"{hashlib.sha256(content).hexdigest()}"',
            "x-repo-commit": "0" * 40,
            "content-type": "application/octet-stream",
            "content-length": str(len(content)),
        }
        return Response(200, content, headers=headers)

    def _delete_repo(self, request: Request) -> Response:
        asked = request.json()
        del self.repos["/".join(filter(None, [asked.get("organization"), asked["name"]]))]
        return Response(200, {})

    # --- jobs ------------------------------------------------------------------------------------------

    def _run(self, request: Request, namespace: str) -> Response:
        asked = request.json()
        self.asked.append(asked)
        id_ = f"{len(self.jobs) + 1:024x}"
        self.jobs[id_] = {
            "id": id_,
            "createdAt": self._now(),
            "dockerImage": asked["dockerImage"],
            "command": asked["command"],
            "environment": asked["environment"],
            "secrets": dict.fromkeys(asked.get("secrets") or {}, ""),
            "flavor": asked["flavor"],
            "labels": asked.get("labels"),
            "status": {"stage": "SCHEDULING", "message": None},
            "owner": {"id": "1", "name": namespace, "type": "user"},
        }
        self._scripts[id_] = deque(self.default_script)
        return Response(200, self.jobs[id_])

    def _list(self, request: Request, namespace: str) -> Response:
        labels = dict(label.split("=", 1) for label in request.query.get("label", []))
        stages = request.query.get("stage")
        found = [
            job
            for job in self.jobs.values()
            if labels.items() <= job["labels"].items() and (not stages or job["status"]["stage"] in stages)
        ]
        return Response(200, found)

    def _get(self, request: Request, namespace: str, id_: str) -> Response:
        if id_ not in self.jobs:
            return _refusal(404, "Job not found")
        job, script = self.jobs[id_], self._scripts[id_]
        if script and job["status"]["stage"] not in ENDED:
            job["status"] = {"stage": script.popleft(), "message": None}
            if job["status"]["stage"] == "ERROR":
                job["status"]["message"] = "Job failed with exit code: 1"
            if job["status"]["stage"] in ENDED:
                job["finishedAt"] = self._now()
        return Response(200, job)

    def _cancel(self, request: Request, namespace: str, id_: str) -> Response:
        if self.jobs[id_]["status"]["stage"] in ENDED:
            return _refusal(400, "Job has ended")
        self.jobs[id_]["status"] = {"stage": "CANCELED", "message": None}
        return Response(200, {})

    def _logs(self, request: Request, namespace: str, id_: str) -> Response:
        told = [*EVENTS]
        if self.jobs[id_]["status"]["stage"] == "ERROR":
            told.append({"message": self.failure, "level": "error"})
        lines = ["===== Job started at 2026-11-23 08:00:00 =====", "Installed 61 packages"]
        for second, event in enumerate(told):
            base = {"created_at": f"2026-11-23T08:00:{second:02d}+00:00", "level": "info", "metrics": {}}
            lines.append("LANGSMITH_FINETUNE " + json.dumps(base | event))
        lines.append("LANGSMITH_FINETUNE {half a li")
        body = "".join(f"data: {json.dumps({'data': line, 'timestamp': ''})}\n\n" for line in lines)
        return Response(200, body.encode(), headers={"content-type": "text/event-stream"})

    _REPO = "(datasets|models)/([^/]+/[^/]+)"
    _ROUTES = (
        ("GET", "/api/whoami-v2", _whoami),
        ("POST", "/api/repos/create", _create_repo),
        ("DELETE", "/api/repos/delete", _delete_repo),
        ("POST", f"/api/{_REPO}/paths-info/[^/]+", _paths_info),
        ("POST", f"/api/{_REPO}/preupload/[^/]+", _preupload),
        ("POST", f"/api/{_REPO}/commit/[^/]+", _commit),
        ("GET", f"/api/{_REPO}(?:/revision/[^/]+)?", _info),
        ("GET", f"/api/{_REPO}/tree/[^/]+.*", _tree),
        ("GET HEAD", "(?:/(datasets))?/([^/]+/[^/]+)/resolve/[^/]+/(.+)", _resolve),
        ("POST", "/api/jobs/([^/]+)", _run),
        ("GET", "/api/jobs/([^/]+)", _list),
        ("GET", "/api/jobs/([^/]+)/([^/]+)", _get),
        ("POST", "/api/jobs/([^/]+)/([^/]+)/cancel", _cancel),
        ("GET", "/api/jobs/([^/]+)/([^/]+)/logs", _logs),
    )


def _refusal(status: int, message: str) -> Response:
    return Response(status, {"error": message}, headers={"x-error-message": message})


def _file(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
