"""The doors of clients that exist: TensorFlow Serving's REST and the open inference protocol.

Both have two signatures, which are those of an exported SavedModel: `score` takes the columns of
pairs and gives every task's score; `recommend` takes the columns of queries with `k`, `exclude` and
`exclude_seen`, and gives `ids`, `score` and `score/TASK`, `[num_queries, k]`, `""` and -inf where
fewer are left. The open inference protocol knows them as two models, `NAME` and `NAME-score`.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from mtframework.arguments import is_whole_number
from mtframework.serving.http.models import version_header
from mtframework.serving.http.service import Request as Asked

_OPTIONS = ("k", "exclude", "exclude_seen")
_DTYPES = {"BOOL": "?", "INT32": "<i4", "INT64": "<i8", "FP32": "<f4", "FP64": "<f8"}


def add_to(app: FastAPI, server: Any, name: str) -> None:
    """Adds the protocols' paths to the application."""
    _add_tensorflow_serving(app, server, name)
    _add_open_inference(app, server, name)


async def outputs_of(
    server: Any, signature: str, inputs: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Returns the version of the model that answered each row, and a signature's outputs, as lists.

    Args:
        server: The application's server.
        signature: `"recommend"` or `"score"`.
        inputs: A list a column, and the options of `recommend`.

    Raises:
        HTTPException: There is no such signature, or the inputs are not lists of one length.
    """
    columns = {name: each for name, each in inputs.items() if name not in _OPTIONS}
    if signature not in ("recommend", "score"):
        raise HTTPException(404, f"There is no signature {signature!r}; use recommend or score.")
    lengths = {len(each) if isinstance(each, list) else -1 for each in columns.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise HTTPException(422, "The inputs are not lists of one length, a value for each row.")
    [num_rows] = lengths
    rows = [{name: each[row] for name, each in columns.items()} for row in range(num_rows)]
    if signature == "score":
        versions, scores = await server.score(rows)
        tasks = _common(scores)
        return versions, {task: [each[task] for each in scores] for task in tasks}
    k, exclude = inputs.get("k", 10), inputs.get("exclude")
    seen = inputs.get("exclude_seen", True)
    if not is_whole_number(k) or not isinstance(seen, bool):
        raise HTTPException(422, "k is a whole number, and exclude_seen is true or false.")
    if k > server.limits.max_k:
        raise HTTPException(422, f"k is {k}; at most {server.limits.max_k} may be asked for.")
    if exclude is not None:
        if not isinstance(exclude, list) or not all(isinstance(names, list) for names in exclude):
            raise HTTPException(422, "exclude is a list of candidates for each query.")
        exclude = [[name for name in names if name != ""] for names in exclude]
        exclude = exclude * num_rows if len(exclude) == 1 else exclude
    versions, found = await server.recommend(Asked(rows, k, seen, exclude))
    tasks = server.current().first.model.tasks
    scores = _common([each["scores"] for query in found for each in query]) or tasks
    return versions, {
        "ids": [_filled([each["id"] for each in query], k, "") for query in found],
        "score": [_filled([each["score"] for each in query], k, -np.inf) for query in found],
        **{
            f"score/{task}": [
                _filled([each["scores"][task] for each in query], k, -np.inf) for query in found
            ]
            for task in scores
        },
    }


def _common(scores: list[Mapping[str, float]]) -> list[str]:
    """Returns the names that all have, in the order of the first."""
    return [name for name in (scores[0] if scores else ()) if all(name in each for each in scores)]


def _filled(values: list, k: int, filling: Any) -> list:
    return values + [filling] * (k - len(values))


def _add_tensorflow_serving(app: FastAPI, server: Any, name: str) -> None:
    async def status() -> dict[str, Any]:
        state = {
            "version": "1",
            "state": "AVAILABLE" if server.is_ready else "LOADING",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return {"model_version_status": [state]}

    async def predict(request: Request) -> Response:
        body = await _body(request)
        inputs, in_rows = body.get("inputs"), body.get("instances")
        if (inputs is None) == (in_rows is None):
            raise HTTPException(422, 'The body has one of "inputs" and "instances".')
        if in_rows is not None:
            if not isinstance(in_rows, list) or not all(isinstance(row, dict) for row in in_rows):
                raise HTTPException(422, '"instances" is a list of objects.')
            if any(row.keys() != in_rows[0].keys() for row in in_rows):
                raise HTTPException(422, 'The objects of "instances" have different names.')
            names = in_rows[0] if in_rows else ()
            inputs = {each: [row[each] for row in in_rows] for each in names}
            for each in ("k", "exclude_seen"):  # a row each, and one for all
                if each in inputs:
                    [inputs[each], *others] = dict.fromkeys(inputs[each])
                    if others:
                        raise HTTPException(422, f'"{each}" differs between the instances.')
        if not isinstance(inputs, dict):
            raise HTTPException(422, '"inputs" is an object with a list for each column.')
        signature = body.get("signature_name", "recommend")
        versions, found = await outputs_of(server, signature, inputs)
        if in_rows is None:
            answer: dict[str, Any] = {"outputs": found}
        else:
            rows = range(len(in_rows))
            answer = {"predictions": [{each: found[each][row] for each in found} for row in rows]}
        return Response(_dumps(answer), 200, version_header(versions), "application/json")

    for path in (f"/v1/models/{name}", f"/v1/models/{name}/versions/1"):
        app.get(path, include_in_schema=False)(status)
        app.post(f"{path}:predict", include_in_schema=False)(predict)


def _add_open_inference(app: FastAPI, server: Any, name: str) -> None:
    signatures = {name: "recommend", f"{name}-score": "score"}

    @app.get("/v2/health/live", include_in_schema=False)
    async def live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/v2/health/ready", include_in_schema=False)
    async def ready() -> dict[str, bool]:
        server.current()
        return {"ready": True}

    @app.get("/v2", include_in_schema=False)
    async def about() -> dict[str, Any]:
        return {"name": "mtframework", "version": app.version, "extensions": ["binary_tensor_data"]}

    for model, signature in signatures.items():
        _add_model(app, server, model, signature)


def _add_model(app: FastAPI, server: Any, model: str, signature: str) -> None:
    @app.get(f"/v2/models/{model}", include_in_schema=False)
    @app.get(f"/v2/models/{model}/versions/1", include_in_schema=False)
    async def metadata() -> dict[str, Any]:
        service = server.current().first
        schema, columns = service.model.schema, service.model.feature_columns
        return {
            "name": model,
            "versions": ["1"],
            "platform": "keras",
            "inputs": [
                {
                    "name": column,
                    "datatype": "BYTES" if schema[column].has_ids else "FP64",
                    "shape": [-1] if schema[column].size is None else [-1, schema[column].size],
                }
                for column in columns
            ],
            "outputs": [],
        }

    @app.get(f"/v2/models/{model}/ready", include_in_schema=False)
    async def model_ready() -> dict[str, Any]:
        server.current()
        return {"name": model, "ready": True}

    @app.post(f"/v2/models/{model}/infer", include_in_schema=False)
    @app.post(f"/v2/models/{model}/versions/1/infer", include_in_schema=False)
    async def infer(request: Request) -> Response:
        body, rest = _split(await request.body(), request.headers)
        inputs = _tensors(body.get("inputs"), rest)
        options = {each: inputs.pop(each) for each in _OPTIONS if each in inputs}
        asked = {each: values.tolist() for each, values in inputs.items()}
        for each in ("k", "exclude_seen"):
            if each in options:
                asked[each] = options[each].ravel()[0].item() if options[each].size else None
        if "exclude" in options:
            asked["exclude"] = options["exclude"].tolist()
        versions, found = await outputs_of(server, signature, asked)
        wanted: list[dict[str, Any]] = body.get("outputs") or [{"name": each} for each in found]
        answer: dict[str, Any] = {"model_name": model, "model_version": "1", "outputs": []}
        if "id" in body:
            answer["id"] = body["id"]
        default = (body.get("parameters") or {}).get("binary_data_output", False)
        parts = []
        for each in wanted:
            if each.get("name") not in found:
                raise HTTPException(422, f"There is no output {each.get('name')!r}.")
            values = np.array(found[each["name"]])
            is_text = values.dtype.kind == "U"
            tensor = {
                "name": each["name"],
                "datatype": "BYTES" if is_text else "FP32",
                "shape": list(values.shape),
            }
            if (each.get("parameters") or {}).get("binary_data", default):
                data = _bytes_of(values) if is_text else values.astype("<f4").tobytes()
                tensor["parameters"] = {"binary_data_size": len(data)}
                parts.append(data)
            else:
                tensor["data"] = values.ravel().tolist()
            answer["outputs"].append(tensor)
        head = _dumps(answer)
        if not parts:
            return Response(head, 200, version_header(versions), "application/json")
        headers = {**version_header(versions), "Inference-Header-Content-Length": str(len(head))}
        return Response(head + b"".join(parts), 200, headers, "application/octet-stream")


def _split(content: bytes, headers: Mapping[str, str]) -> tuple[dict[str, Any], bytes]:
    """Returns the JSON of a body, and the tensors in binary that follow on it."""
    length = headers.get("inference-header-content-length", str(len(content)))
    if not length.isdigit() or int(length) > len(content):
        raise HTTPException(422, f"Inference-Header-Content-Length is {length!r}.")
    return _parsed(content[: int(length)]), content[int(length) :]


def _tensors(inputs: Any, rest: bytes) -> dict[str, np.ndarray]:
    if not isinstance(inputs, list) or not all(isinstance(each, dict) for each in inputs):
        raise HTTPException(422, '"inputs" is a list of tensors.')
    tensors = {}
    for each in inputs:
        name, kind, shape = each.get("name"), each.get("datatype"), each.get("shape")
        size = (each.get("parameters") or {}).get("binary_data_size")
        try:
            if kind != "BYTES" and kind not in _DTYPES:
                raise ValueError(f"the datatype {kind!r} is not one of BYTES, {', '.join(_DTYPES)}")
            if size is not None:
                data, rest = rest[:size], rest[size:]
                values = _texts(data) if kind == "BYTES" else np.frombuffer(data, _DTYPES[kind])
            else:
                values = np.array(each["data"], "O" if kind == "BYTES" else _DTYPES[kind])
            tensors[str(name)] = values.reshape([int(length) for length in shape])
        except (KeyError, TypeError, ValueError, OverflowError, struct.error) as error:
            raise HTTPException(422, f"The input {name!r} cannot be read: {error}.") from error
    return tensors


def _texts(data: bytes) -> np.ndarray:
    """Returns the texts of a binary tensor: each behind its length in four bytes."""
    texts, at = [], 0
    while at < len(data):
        [length] = struct.unpack_from("<I", data, at)
        texts.append(data[at + 4 : at + 4 + length].decode("utf-8"))
        at += 4 + length
    return np.array(texts, "O")


def _bytes_of(texts: np.ndarray) -> bytes:
    coded = [str(each).encode("utf-8") for each in texts.ravel()]
    return b"".join(struct.pack("<I", len(each)) + each for each in coded)


async def _body(request: Request) -> dict[str, Any]:
    return _parsed(await request.body())


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"The body is not valid JSON: {error}.") from error
    if not isinstance(body, dict):
        raise HTTPException(422, "The body is not a JSON object.")
    return body


def _dumps(answer: Mapping[str, Any]) -> bytes:
    # -inf as TensorFlow Serving writes it; escaped, since a request's id may be no text in UTF-8.
    return json.dumps(answer).encode("ascii")
