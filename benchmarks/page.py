"""Tokens a second through the page, over a bare `model.generate`: the whole application, asked as a browser asks.

`app.py` runs as a program of its own. The message goes to the page's own listener by Gradio's queue, and the answer
ends when its stream of updates does. No browser draws it: that is another program's time.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.bench import bench
from benchmarks.checkpoints import endless_pocket
from benchmarks.decoding import QUESTION, SIDE, bare_generate
from benchmarks.pairs import median_ratio, note, timed

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 300.0  # seconds


def measure(quick: bool) -> dict[str, float]:
    """page_ratio: a message with an image, from its sending to the end of its answer."""
    tokens, pairs = (64, 1) if quick else (512, 7)
    with bench(SIDE) as here:
        model = endless_pocket(here.folder / "model", tokens)
        with _application(model, here.folder / "data") as url, httpx.Client(base_url=url, timeout=PATIENCE) as client:
            page = Page(client)
            image = page.upload(here.path)
            note("bare generate over the page")
            bare = bare_generate(model, here.path, tokens)
            return {
                "page_ratio": median_ratio(bare, lambda: timed(lambda: page.submit(tokens, QUESTION, image)), pairs)
            }


@contextmanager
def _application(model: Path, data: Path) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "app.py"), "--port", "0", "--data-dir", str(data), "--offline"]
    with subprocess.Popen(
        [*command, "--model", str(model), "--device", "cpu"], stdout=subprocess.PIPE, text=True
    ) as app:
        try:
            assert app.stdout is not None
            found = next(filter(None, (re.search(r"ready: (\S+)", line) for line in app.stdout)))
            yield found[1]
        finally:
            app.terminate()


class Page:
    """A browser tab without the browser."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        config = client.get("/config").raise_for_status().json()
        components = {component["id"]: component for component in config["components"]}
        listener = next(each for each in config["dependencies"] if each["api_name"] == "submit")
        self._function = listener["id"]
        self._values = [components[each]["props"].get("value") for each in listener["inputs"]]

    def upload(self, path: Path) -> dict[str, Any]:
        """Send a file; what the page calls it from then on."""
        with path.open("rb") as file:
            answer = self._client.post("/gradio_api/upload", files={"files": (path.name, file)}).raise_for_status()
        return {"path": answer.json()[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}

    def submit(self, tokens: int, text: str, *files: dict[str, Any]) -> None:
        """Send a message in a tab and a conversation of its own, and read the updates to the last of its tokens."""
        session = uuid4().hex
        data = [{"text": text, "files": list(files)}, "", *self._values[2:]]
        body = {"data": data, "fn_index": self._function, "session_hash": session}
        self._client.post("/gradio_api/queue/join", json=body).raise_for_status()
        with self._client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as lines:
            for line in lines.iter_lines():
                if line.startswith("data:") and json.loads(line[5:])["msg"] == "process_completed":
                    if f"{tokens} tokens" not in line:  # the figures under the answer
                        raise RuntimeError(f"the page did not answer: {line}")
                    return
