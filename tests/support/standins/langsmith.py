"""A stand-in for LangSmith's read side: both run APIs, projects, datasets, annotation queues.

It answers as the API description says, with the oddities that bite: v2 looks at one day and returns ids
alone unless told otherwise, v1 refuses more than 100 runs a page, a backend may lack either API (`make later`: all that
have v2 lack v1, as LangSmith's own after 31 January 2027),
`eq(error, false)` is refused, and more than 15 run queries in 10 seconds are too many. A cursor is an offset,
so what comes or goes moves the pages. Runs are given as dicts in the form in which LangSmith's SDK posts them.
"""

from __future__ import annotations

import base64
import json
import uuid
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, ClassVar, get_args

from langsmith.types import RunQueryV2Params, RunSelectField

from langsmith_finetune._foundation.clock import Clock
from tests.support.later import gone_answer
from tests.support.standins.langsmith_filters import Malformed, compiled
from tests.support.standins.langsmith_filters import time_of as _time
from tests.support.standins.server import Request, Response, StandIn

TENANT_ID = "11111111-1111-4111-8111-111111111111"
PROJECT_ID = "22222222-2222-4222-8222-222222222222"
KEY = "lsv2_stand_in"

# An older server: no thread_id, no metadata.
V1_COLUMNS = """
id name run_type start_time end_time status error extra events inputs inputs_preview outputs outputs_preview
s3_urls parent_run_id parent_run_ids manifest_id manifest session_id serialized reference_example_id
reference_dataset_id total_tokens prompt_tokens completion_tokens total_cost prompt_cost completion_cost
first_token_time trace_id dotted_order feedback_stats tags in_dataset app_path trace_tier
"""
V1_SELECTABLE = set(V1_COLUMNS.split())
V1_ALWAYS = {"name", "run_type", "trace_id", "dotted_order", "id", "status", "session_id", "app_path"}
V2_SELECTABLE = set(get_args(RunSelectField))
V2_QUESTIONS = set(RunQueryV2Params.__annotations__) - {"accept"}


class Refused(Exception):  # noqa: N818 - becomes an answer
    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def trace(
    *,
    run_id: str,
    started: datetime,
    root_error: str | None = None,
    error: str | None = None,
    name: str = "ChatOpenAI",
    project_id: str = PROJECT_ID,
    root: dict[str, Any] | None = None,
    **llm: Any,
) -> list[dict[str, Any]]:
    """A chain with one llm call in it, as posted; `feedback` is a list of feedback: its keys, scores, comments."""
    root_id = str(uuid.uuid5(uuid.NAMESPACE_OID, run_id))
    stamp = started.strftime("%Y%m%dT%H%M%S%fZ")
    common = {"trace_id": root_id, "session_id": project_id, "tags": [], "extra": {"metadata": {}}}
    chain = common | {
        "id": root_id,
        "name": "RunnableSequence",
        "run_type": "chain",
        "start_time": _iso(started),
        "end_time": _iso(started + timedelta(seconds=2)),
        "parent_run_id": None,
        "dotted_order": f"{stamp}{root_id}",
        "error": root_error,
        "inputs": {"question": "What is 6 times 7?"},
        "outputs": None if root_error else {"output": 42},
    }
    child = common | {
        "id": run_id,
        "name": name,
        "run_type": "llm",
        "start_time": _iso(started),
        "end_time": _iso(started + timedelta(seconds=1)),
        "parent_run_id": root_id,
        "dotted_order": f"{stamp}{root_id}.{stamp}{run_id}",
        "error": error,
        "inputs": {"messages": [{"role": "user", "content": "What is 6 times 7?"}], "model": "gpt-4o"},
        "outputs": {"choices": [{"message": {"role": "assistant", "content": "42"}}]},
    }
    return [chain | (root or {}), child | llm]


class LangSmith(StandIn):
    """Start with `with`; `v1`, `v2` and `v2_projects` say which APIs it offers."""

    v1_gone: ClassVar[int | None] = gone_answer()
    """What the endpoints of v1 answer that LangSmith takes away."""

    def __init__(
        self,
        runs: Iterable[dict[str, Any]] = (),
        *,
        projects: dict[str, tuple[str, datetime]] | None = None,
        datasets: dict[str, list[dict[str, Any]]] | None = None,
        v1: bool | None = None,
        v2: bool = True,
        v2_projects: bool = True,
        version: str | None = "0.16.14",
        flags: dict[str, Any] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        port: int = 0,
        clock: Clock | None = None,
        ordered: bool = True,
        always_ordered: bool = True,
        repeats: bool = False,
        trace_tier: str | None = None,
        queues: dict[str, dict[str, list[str]]] | None = None,
        queue_items: bool = True,
        sources: dict[str, list[str | None]] | None = None,
        kv_examples: dict[str, list[dict[str, Any]]] | None = None,
        experiments: Iterable[str] = (),
        feedback: bool = True,
    ) -> None:
        super().__init__(port)
        self.runs: list[dict[str, Any]] = []
        self.by_id: dict[str, dict[str, Any]] = {}
        self.add(runs)
        self.clock = clock or Clock()
        self.ordered = ordered  # else runs come in any order, though always the same
        self.always_ordered = always_ordered  # where an order is asked for, as v1 can be
        self.repeats = repeats  # the last run of a page comes again on the next
        self.trace_tier = trace_tier
        self.queried: list[float] = []  # when run queries came in
        self.refused = 0  # how many of them were too many
        self.limit = (15, 10.0) if clock else None  # of run queries, in so many seconds
        self.cursors_to_forget = 0
        self.on_query: Callable[[dict[str, Any]], None] = lambda _: None
        self.queues = queues or {}  # by name, run ids by status
        self.queue_items = queue_items  # whether it has the endpoint for them
        self.sources = sources or {}  # by dataset name, the source runs of its examples
        self.kv_examples = kv_examples or {}  # by the name of a dataset that is no chat dataset
        self.experiments = set(experiments)  # which projects are
        self.feedback = feedback  # whether it lists feedback
        starts = [_time(run["start_time"]) for run in self.runs]
        # As a project that its first trace created: it starts when that trace arrived.
        arrived = min(starts, default=now()) + timedelta(seconds=3)
        self.projects = projects or {"support-bot": (PROJECT_ID, arrived)}
        self.datasets = datasets or {}
        self.v1 = (self.v1_gone is None or not v2) if v1 is None else v1
        self.v2, self.v2_projects = v2, v2_projects
        self.version, self.flags = version, flags or {}
        self.now = now

    def add(self, runs: Iterable[dict[str, Any]]) -> None:
        """More runs have arrived."""
        for run in runs:
            self.runs.append(run)
            self.by_id[run["id"]] = run
        self._sort()

    def remove(self, run_id: str) -> None:
        """A run is gone."""
        self.runs.remove(self.by_id.pop(run_id))
        self._sort()

    def _sort(self) -> None:
        self.runs.sort(key=lambda run: (_time(run["start_time"]), run["id"]))
        self._starts = [_time(run["start_time"]) for run in self.runs]

    def most_queries_in(self, seconds: float) -> int:
        """The most run queries that came in any span of so many seconds."""
        times = sorted(self.queried)
        return max((bisect_left(times, time + seconds) - n for n, time in enumerate(times)), default=0)

    def handle(self, request: Request) -> Response:
        path = request.path.removeprefix("/api").removeprefix("/v1")
        if path == "/info":
            return self._info()
        if request.headers.get("x-api-key") != KEY:
            return Response(401, {"detail": "Invalid token"})
        try:
            return self._route(request, path)
        except Malformed as malformed:
            return Response(400, {"detail": str(malformed)})
        except Refused as refused:
            body = {"title": "refused", "status": refused.status, "detail": refused.detail}
            return Response(refused.status, body if "/v2/" in path else {"detail": refused.detail})

    def _route(self, request: Request, path: str) -> Response:  # noqa: PLR0911
        match (request.method, *path.strip("/").split("/")):
            case ("POST", "v2", "runs", "query") if self.v2:
                return self._query_v2(request.json())
            case ("GET", "v2", "sessions") if self.v2 and self.v2_projects:
                return self._projects_v2(request.query)
            case ("GET", "v2", "sessions", id_) if self.v2 and self.v2_projects:
                return self._project_stats(id_, request.query)
            case (_, "v2", *_):
                raise Refused(404, "Not Found")
            case ("POST", "runs", "query"):
                return self._query_v1(request.json())
            case ("GET", "runs", run_id):
                self._need_v1()
                if run_id not in self.by_id:
                    raise Refused(404, "Run not found")
                return Response(200, self._row(self.by_id[run_id]))
            case ("GET", "sessions"):
                return Response(200, self._projects_v1(request.query))
            case ("GET", "sessions", id_):
                return self._project_stats(id_, request.query)
            case ("GET", "datasets"):
                known = [*self.datasets, *self.sources, *self.kv_examples]
                wanted = request.query.get("name", known)
                found = [self._dataset(name) for name in known if name in wanted]
                ids = request.query.get("id", [row["id"] for row in found])
                return Response(200, [row for row in found if row["id"] in ids])
            case ("GET", "feedback") if self.feedback:
                return Response(200, self._feedback(request.query))
            case ("GET", "examples"):
                return Response(200, self._examples(request.query))
            case ("GET", "annotation-queues"):
                return Response(200, self._queues(request.query))
            case ("GET", "annotation-queues", queue_id, "runs") if not self.queue_items:
                return Response(200, self._queue_runs(queue_id, request.query))
            case ("GET", "platform", "annotation-queues", queue_id, "items") if self.queue_items:
                return self._queue_items_page(queue_id, request.query)
            case ("GET", "datasets", dataset_id, "openai_ft"):
                lines = [json.dumps(line) for line in self.datasets[self._dataset_name(dataset_id)]]
                return Response(200, "\n".join(lines).encode(), {"content-type": "application/x-ndjson"})
            case ("GET", "datasets", dataset_id):
                return Response(200, self._dataset(self._dataset_name(dataset_id)))
        raise Refused(404, "Not Found")

    def _info(self) -> Response:
        if self.version is None:
            return Response(404, {"detail": "Not Found"})
        return Response(200, {"version": self.version, "instance_flags": self.flags})

    def _need_v1(self) -> None:
        if not self.v1:
            raise Refused(
                self.v1_gone or 501, "This deployment does not support this endpoint; use /v2/runs/query"
            )

    # --- projects and datasets ---

    def _some_projects(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        tier = {"trace_tier": self.trace_tier} if self.trace_tier else {}
        return [
            {"id": id_, "name": name, "start_time": _iso(started), "tenant_id": TENANT_ID, **tier}
            for name, (id_, started) in self.projects.items()
            if name in query.get("name", [name]) and id_ in query.get("id", [id_])
        ]

    def _projects_v1(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        offset = int(query.get("offset", ["0"])[0])
        return self._some_projects(query)[offset:][: int(query.get("limit", ["100"])[0])]

    def _projects_v2(self, query: dict[str, list[str]]) -> Response:
        types = {name: "EXPERIMENT" if name in self.experiments else "PROJECT" for name in self.projects}
        wanted = query.get("type", ["PROJECT"])
        items = [item | {"type": types[item["name"]]} for item in self._some_projects(query)]
        items = [item for item in items if item["type"] in wanted]
        cursor = query.get("cursor", [None])[0]
        page, following = _page(items, cursor, int(query.get("page_size", ["20"])[0]))
        return Response(200, {"items": page, "next_cursor": following})

    def _project_stats(self, id_: str, query: dict[str, list[str]]) -> Response:
        [row] = self._some_projects({"id": [id_]}) or [None]
        if row is None:
            raise Refused(404, "session not found")
        if query.get("include_stats") == ["true"]:
            runs = [run for run in self.runs if run["session_id"] == id_]
            row["feedback_stats"] = _stats([entry for run in runs for entry in run.get("feedback", [])])
        return Response(200, row)

    def _dataset(self, name: str) -> dict[str, Any]:
        return {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
            "name": name,
            "tenant_id": TENANT_ID,
            "data_type": "kv" if name in self.kv_examples else "chat",
            "created_at": "2026-01-01T00:00:00Z",
            "modified_at": "2026-01-01T00:00:00Z",
            "example_count": len(self.datasets.get(name, self.sources.get(name, []))),
            "session_count": 0,
        }

    def _dataset_name(self, dataset_id: str) -> str:
        for name in [*self.datasets, *self.sources, *self.kv_examples]:
            if self._dataset(name)["id"] == dataset_id:
                return name
        raise Refused(404, "Dataset not found")

    def _examples(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        dataset_id, offset = query["dataset"][0], int(query.get("offset", ["0"])[0])
        size = int(query.get("limit", ["100"])[0])
        if size > 100:
            raise Refused(422, "limit must be at most 100")
        if "select" in query and not set(query["select"]) <= {"id", "source_run_id", "inputs", "outputs"}:
            raise Refused(422, "unknown select")
        name = self._dataset_name(dataset_id)
        examples = self.kv_examples.get(name) or [
            {
                "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{dataset_id}{n}")),
                "dataset_id": dataset_id,
                "name": f"#{n}",
                "inputs": {},
                "source_run_id": source,
            }
            for n, source in enumerate(self.sources[name])
        ]
        return examples[offset : offset + size]

    # --- feedback ---

    def _feedback(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """As `GET /api/v1/feedback` lists it: of some runs, or of a project, by offset."""
        if unknown := set(query) - {"run", "session", "key", "source", "limit", "offset"}:
            raise Refused(422, f"unknown parameters {sorted(unknown)}")
        size, offset = int(query.get("limit", ["100"])[0]), int(query.get("offset", ["0"])[0])
        if not 1 <= size <= 100:
            raise Refused(422, "limit must be at most 100")
        if len(query.get("run", [])) > 100:
            raise Refused(414, "URI Too Long")
        found = []
        for run in self.runs:
            if run["id"] not in query.get("run", [run["id"]]):
                continue
            if run["session_id"] not in query.get("session", [run["session_id"]]):
                continue
            for number, entry in enumerate(run.get("feedback", [])):
                found.append({
                    "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run['id']} {number}")),
                    "run_id": run["id"],
                    "trace_id": run["trace_id"],
                    "session_id": run["session_id"],
                    "is_root": run["parent_run_id"] is None,
                    "created_at": run["end_time"] or run["start_time"],
                    "modified_at": run["end_time"] or run["start_time"],
                    "feedback_source": {"type": "api", "user_id": None, "user_name": "Ada Lovelace"},
                    "score": None,
                    "value": None,
                    "comment": None,
                    "correction": None,
                    **entry,
                })  # fmt: skip
        return found[offset : offset + size]

    # --- annotation queues ---

    def _queues(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        rows = [{"id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)), "name": name} for name in self.queues]
        names = query.get("name", list(self.queues))
        ids = query.get("ids", [row["id"] for row in rows])
        return [row for row in rows if row["name"] in names and row["id"] in ids]

    def _queue(self, queue_id: str) -> dict[str, list[str]]:
        names = {row["id"]: row["name"] for row in self._queues({})}
        if queue_id not in names:
            raise Refused(404, "Annotation queue not found")
        return self.queues[names[queue_id]]

    def _queue_items_page(self, queue_id: str, query: dict[str, list[str]]) -> Response:
        [status] = query["status"]
        if int(query.get("page_size", ["20"])[0]) > 100:
            raise Refused(400, "page_size must be at most 100")
        items = [
            {"id": run_id, "item_type": "RUN", "run_id": run_id}
            for run_id in self._queue(queue_id).get(status, [])
        ]
        page, following = _page(items, query.get("cursor", [None])[0], int(query.get("page_size", ["20"])[0]))
        return Response(200, {"items": page, "next_cursor": following})

    def _queue_runs(self, queue_id: str, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        [status] = query.get("status", ["completed"])
        ids = self._queue(queue_id).get("archived" if status == "completed" else status, [])
        offset = int(query.get("offset", ["0"])[0])
        return [
            self._row(self.by_id[run_id]) for run_id in ids[offset : offset + 100] if run_id in self.by_id
        ]

    # --- runs ---

    def _count_query(self, body: dict[str, Any]) -> None:
        now = self.clock.now()
        self.queried.append(now)
        if self.limit:
            most, seconds = self.limit
            if sum(time > now - seconds for time in self.queried[-100:]) > most:
                self.refused += 1
                raise Refused(429, "Rate limit exceeded")
        if body.get("cursor") and self.cursors_to_forget:
            self.cursors_to_forget -= 1
            raise Refused(400, "cursor has expired")
        self.on_query(body)

    def _query_v2(self, body: dict[str, Any]) -> Response:
        self._count_query(body)
        known = {id_ for id_, _ in self.projects.values()}
        if unknown := set(body) - V2_QUESTIONS:
            raise Refused(400, f"unknown fields {sorted(unknown)}")
        if not body.get("project_ids"):
            raise Refused(400, "exactly one of project_ids and reference_dataset_id is required")
        if not set(body["project_ids"]) <= known:
            raise Refused(404, "session not found")
        if not 1 <= body.get("page_size", 100) <= 1000:
            raise Refused(400, "page_size must be between 1 and 1000")
        if unknown := set(body.get("selects", [])) - V2_SELECTABLE:
            raise Refused(422, f"unknown selects {sorted(unknown)}")
        if body.get("run_type", "LLM") != body.get("run_type", "LLM").upper():
            raise Refused(422, "unknown run_type")
        since = _time(body.get("min_start_time")) or self.now() - timedelta(days=1)
        runs = self._matching(
            projects=body["project_ids"],
            ids=body.get("ids"),
            run_type=body.get("run_type", "").lower(),
            error=body.get("has_error"),
            since=since,
            until=_time(body.get("max_start_time")) or self.now(),
            is_root=body.get("is_root"),
            filter=body.get("filter"),
            trace_filter=body.get("trace_filter"),
            tree_filter=body.get("tree_filter"),
        )
        page, following = _page(runs, body.get("cursor"), body.get("page_size", 100), repeat=self.repeats)
        items = [self._item(run, body.get("selects", ["ID"])) for run in page]
        return Response(200, {"items": items, **({"next_cursor": following} if following else {})})

    def _query_v1(self, body: dict[str, Any]) -> Response:
        self._need_v1()
        self._count_query(body)
        if body.get("limit", 100) > 100:
            raise Refused(400, "Limit exceeds maximum allowed value of 100")
        select = set(body.get("select", V1_SELECTABLE))
        if unknown := select - V1_SELECTABLE:
            raise Refused(422, f"unknown select {sorted(unknown)}")
        if body.get("id"):  # "this will ignore all other filtering arguments"
            runs = self._matching(ids=body["id"])
        else:
            runs = self._matching(
                projects=body.get("session"),
                run_type=body.get("run_type", ""),
                error=body.get("error"),
                since=_time(body.get("start_time")),
                is_root=body.get("is_root"),
                filter=body.get("filter"),
                trace_filter=body.get("trace_filter"),
                tree_filter=body.get("tree_filter"),
                order=body.get("order"),
            )
        page, following = _page(runs, body.get("cursor"), body.get("limit", 100), repeat=self.repeats)
        given = select | V1_ALWAYS
        rows = [{name: value for name, value in self._row(run).items() if name in given} for run in page]
        return Response(200, {"runs": rows, "cursors": {"prev": None, "next": following}})

    def _matching(
        self,
        *,
        projects: list[str] | None = None,
        ids: list[str] | None = None,
        run_type: str = "",
        error: bool | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        is_root: bool | None = None,
        filter: str | None = None,  # noqa: A002
        trace_filter: str | None = None,
        tree_filter: str | None = None,
        order: str | None = None,
    ) -> list[dict[str, Any]]:
        accepts, root_accepts, one_accepts = compiled(filter), compiled(trace_filter), compiled(tree_filter)
        trees = {run["trace_id"] for run in self.runs if one_accepts(self._row(run))} if tree_filter else None
        first = bisect_left(self._starts, since) if since else 0
        last = bisect_right(self._starts, until) if until else len(self.runs)
        candidates = [self.by_id[id_] for id_ in ids if id_ in self.by_id] if ids else self.runs[first:last]
        found = [
            run
            for run in candidates
            if (projects is None or run["session_id"] in projects)
            and run_type in ("", run["run_type"])
            and (error is None or bool(run["error"]) == error)
            and (is_root is None or (run["parent_run_id"] is None) == is_root)
            and (since is None or _time(run["start_time"]) >= since)
            and (trees is None or run["trace_id"] in trees)
            and accepts(self._row(run))
            and root_accepts(self._row(self.by_id.get(run["trace_id"], run)))
        ]
        if self.ordered or (order and self.always_ordered):
            return sorted(found, key=lambda run: (run["start_time"], run["id"]), reverse=True)
        return Random(3).sample(found, len(found))

    def _row(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run with what the server adds, as v1 gives it."""
        ended = "success" if run.get("end_time") else "pending"
        added = {
            "status": "error" if run.get("error") else ended,
            "parent_run_ids": [run["parent_run_id"]] if run.get("parent_run_id") else [],
            "feedback_stats": _stats(run.get("feedback", [])) or None,
            "total_tokens": 0,
            "prompt_tokens": 0,
            "completion_tokens": 0,
            "app_path": f"/o/{TENANT_ID}/projects/p/{run['session_id']}/r/{run['id']}",
        }
        return added | run

    def _item(self, run: dict[str, Any], selects: list[str]) -> dict[str, Any]:
        """The same as v2 gives it."""
        row = self._row(run)
        metadata = row["extra"].get("metadata", {})
        item = {
            **row,
            "run_type": row["run_type"].upper(),
            "status": row["status"].upper(),
            "project_id": row["session_id"],
            "metadata": metadata,
            "thread_id": metadata.get("thread_id"),
            "is_root": row["parent_run_id"] is None,
        }
        return {name.lower(): item[name.lower()] for name in selects if item.get(name.lower()) is not None}


def _page(
    items: list[Any], cursor: str | None, size: int, *, repeat: bool = False
) -> tuple[list[Any], str | None]:
    start = int(base64.b64decode(cursor)) if cursor else 0
    end = start + size
    following = base64.b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[max(0, start - repeat) : end], following


def _stats(feedback: list[dict[str, Any]]) -> dict[str, Any]:
    stats: dict[str, Any] = {}
    for key in dict.fromkeys(entry["key"] for entry in feedback):
        entries = [entry for entry in feedback if entry["key"] == key]
        scores = [entry["score"] for entry in entries if entry.get("score") is not None]
        comments = [entry["comment"] for entry in entries if entry.get("comment")]
        average = sum(scores) / len(scores) if scores else None
        stats[key] = {"n": len(entries), "avg": average, **({"comments": comments} if comments else {})}
    return stats


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
