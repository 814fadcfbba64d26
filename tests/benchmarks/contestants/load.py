"""The HTTP service under load: `load.py {ours|plain} CONNECTIONS [SECONDS]`, or `load.py batched`.

`ours` is the service, `plain` the same recommender behind a FastAPI handler as one writes it,
without batching: each is one process of uvicorn, asked for ten films for one user a request by wrk,
which must be installed (Debian's `wrk`), over so many connections. `batched` is the recommender in
process, 64 users a call. All print the seconds that a query takes, as the others wait.
"""

import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from timing import peak_mib

K = 10
NUM_USERS = 943
SCRIPT = f"""
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  local user = math.random({NUM_USERS})
  return wrk.format(nil, nil, nil, '{{"queries": [{{"user_id": "' .. user .. '"}}], "k": {K}}}')
end
"""


def recommender():
    import tutorial
    from ours import joint

    import mtframework as mtf

    return mtf.Recommender(
        joint(tutorial.load())
    )  # answers take as long before a training as after


def ours():
    from mtframework.serving.http.app import create_app
    from mtframework.serving.http.models import Models
    from mtframework.serving.http.service import Service

    loaded = recommender()
    return create_app(lambda: Models(Service(loaded, "1")))


def plain():
    from fastapi import FastAPI
    from pydantic import BaseModel

    app, loaded = FastAPI(), recommender()

    class Body(BaseModel):
        queries: list[dict[str, str]]
        k: int = 10

    @app.post("/recommend")
    def recommend(body: Body):
        found = loaded.recommend({"user_id": [row["user_id"] for row in body.queries]}, body.k)
        return [
            [
                {
                    "id": str(name),
                    "score": float(score),
                    "scores": {
                        task: float(each[row, place]) for task, each in found.scores.items()
                    },
                }
                for place, (name, score) in enumerate(zip(names, scores, strict=True))
            ]
            for row, (names, scores) in enumerate(zip(found.ids, found.score, strict=True))
        ]

    return app


def batched() -> None:
    loaded = recommender()
    users = [str(1 + number) for number in range(64)]
    loaded.recommend({"user_id": users}, K)
    began, num = time.perf_counter(), 0
    while time.perf_counter() - began < 3:
        loaded.recommend({"user_id": users}, K)
        num += len(users)
    print(json.dumps({"seconds": (time.perf_counter() - began) / num, "peak_mib": peak_mib()}))


def load(side: str, connections: int, seconds: int) -> None:
    """Serves one side in a process of its own, and prints what wrk says of it."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("There is no wrk; on Debian, install it by: apt-get install wrk")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    server = subprocess.Popen([sys.executable, __file__, "serve", side, str(port)])
    try:
        wait_for(f"{address}/openapi.json", server)
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(SCRIPT)
            script.flush()
            common = [wrk, "--threads=1", f"--connections={connections}", "--latency"]
            common += [f"--script={script.name}", f"{address}/recommend"]
            subprocess.run([*common, "--duration=2s"], check=True, capture_output=True)
            told = subprocess.run(
                [*common, f"--duration={seconds}s"], check=True, capture_output=True, text=True
            ).stdout
        peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())[1])
    finally:
        server.terminate()
        server.wait()
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(told)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    percentiles = dict(re.findall(r"(50|99)%\s+([\d.]+\w+)", told))
    print(json.dumps({"seconds": 1 / rate, "peak_mib": peak / 1024, "within": percentiles}))


def wait_for(url: str, server: subprocess.Popen) -> None:
    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit("The server ended before it was ready.")
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The server was not ready within a minute.")


def serve(side: str, port: int) -> None:
    import uvicorn

    uvicorn.run({"ours": ours, "plain": plain}[side](), port=port, log_level="warning")


if __name__ == "__main__":
    first, *others = sys.argv[1:]
    if first == "batched":
        batched()
    elif first == "serve":
        serve(others[0], int(others[1]))
    else:
        load(first, int(others[0]), int(others[1]) if len(others) > 1 else 5)
