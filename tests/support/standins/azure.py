"""A stand-in for an Azure resource: training and chat at `/openai/v1/`, chat with open models, and the control plane.

Written after the deployment pages of https://github.com/microsoft/azure-skills, and never compared with the service.
What is particular there, and here:

- the control plane takes a token and no key, wants its `api-version`, and lists what serves base models too;
- a PUT to a name that is taken puts the new model in the place of the old one;
- a wrong publisher is a 500 without a word;
- an open model answers at `/openai/deployments/NAME/` alone, to the header `api-key`.
"""

from __future__ import annotations

import re
from typing import Any

from tests.support.standins.openai import OpenAIStandIn, error
from tests.support.standins.server import Request, Response

KEY = "made-up-key-0123456789"
TOKEN = "made-up-token-0123456789"
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/mine"
FORMATS = {
    "gpt-oss-20b": "Microsoft",
    "Ministral-3B": "Mistral AI",
    "Llama-3.3-70B": "Meta",
    "Qwen-3-32B": "Alibaba",
}


class AzureStandIn(OpenAIStandIn):
    def __init__(self, port: int = 0) -> None:
        super().__init__(port, azure=True)
        base = {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}
        self.served: dict[str, dict[str, Any]] = {
            f"production-{n}": {"name": f"production-{n}", "properties": {"model": base}} for n in range(3)
        }
        self.pages_end = True

    def handle(self, request: Request) -> Response:
        if request.path.startswith(f"{ACCOUNT}/deployments"):
            return self._arm(request, request.path.removeprefix(f"{ACCOUNT}/deployments").removeprefix("/"))
        if served := re.fullmatch(r"/openai/deployments/([^/]+)/chat/completions", request.path):
            if request.headers.get("api-key") != KEY or "authorization" in request.headers:
                return error(401, "Access denied due to invalid subscription key.", code="401")
            assert request.query == {"api-version": ["2025-04-01-preview"]}
            return self._answered(request, served[1], is_open=True)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return error(
                401, "Access denied due to invalid subscription key or wrong API endpoint.", code="401"
            )
        path = request.path.removeprefix("/openai")
        if path == "/v1/chat/completions":
            return self._answered(request, request.json()["model"], is_open=False)
        return super().handle(Request(request.method, path, request.query, request.headers, request.body))

    def _look(self, id_: str) -> dict[str, Any]:
        job = super()._look(id_)
        if job.get("fine_tuned_model"):
            ending = "-".join(filter(None, [id_[-8:], job.get("user_provided_suffix")]))
            job["fine_tuned_model"] = f"{job['model']}.ft-{ending}"
        return job

    def _answered(self, request: Request, name: str, *, is_open: bool) -> Response:
        served = self.served.get(name, {"properties": {"model": {"format": None}}})["properties"]
        if (
            is_open != (served["model"]["format"] != "OpenAI")
            or served.get("provisioningState") != "Succeeded"
        ):
            return error(
                404, "The API deployment for this resource does not exist.", code="DeploymentNotFound"
            )
        text = f"{name}: {request.json()['messages'][-1]['content']}"
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": name}
        return Response(200, answer | {"choices": [choice], "usage": usage})

    # --- the control plane -----------------------------------------------------------------------------

    def _arm(self, request: Request, name: str) -> Response:
        assert "api-key" not in request.headers
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return _refusal(401, "InvalidAuthenticationToken", "The access token is invalid.")
        assert request.query.get("api-version") == ["2024-10-01"]
        if not name:
            return self._list(request)
        if request.method == "PUT":
            return self._put(name, request.json())
        if name not in self.served:
            return _refusal(404, "ResourceNotFound", "The Resource was not found.")
        if request.method == "DELETE":
            del self.served[name]
            return Response(202)
        shown = Response(200, _copy(self.served[name]))
        if self.served[name]["properties"].get("provisioningState") == "Creating":
            self.served[name]["properties"]["provisioningState"] = "Succeeded"
        return shown

    def _put(self, name: str, asked: dict[str, Any]) -> Response:
        model = asked["properties"]["model"]
        base = model["name"].split(".ft-")[0]
        if model["name"] not in self._tuned():
            return _refusal(
                400, "DeploymentModelNotSupported", f"The model '{model['name']}' does not exist."
            )
        if model["format"] != FORMATS.get(base, "OpenAI"):
            return Response(500, b"")
        if base in FORMATS and asked["sku"]["name"] != "GlobalStandard":
            return _refusal(400, "InvalidResourceProperties", "The specified SKU is not supported.")
        new = {"systemData": {"createdAt": f"2026-11-27T08:00:{len(self.served):02d}Z"}}
        self.served[name] = self.served.get(name, new) | _copy(asked) | {"name": name}
        self.served[name]["properties"]["provisioningState"] = "Creating"
        return Response(201, _copy(self.served[name]))

    def _list(self, request: Request) -> Response:
        """Two a page, so that every list is read over several."""
        start = int(request.query.get("$skipToken", ["0"])[0])
        page: dict[str, Any] = {"value": list(self.served.values())[start : start + 2]}
        if start + 2 < len(self.served) or not self.pages_end:
            page["nextLink"] = f"{self.url}{request.path}?api-version=2024-10-01&$skipToken={start + 2}"
        return Response(200, page)


def _copy(deployment: dict[str, Any]) -> dict[str, Any]:
    return deployment | {"properties": dict(deployment["properties"])}


def _refusal(status: int, code: str, message: str) -> Response:
    return Response(status, {"error": {"code": code, "message": message}})
