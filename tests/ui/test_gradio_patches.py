"""What is changed of Gradio: a name that an upgrade has taken away ends the start with a sentence."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from gradio import http_server, processing_utils, tunneling
from gradio.route_utils import GradioMultiPartParser

from ui import gradio_patches


async def taken(url: str, folder: str) -> str:
    return f"{folder}/{url}"


def test_every_name_that_is_replaced_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    as_gradio = processing_utils.async_ssrf_protected_download
    monkeypatch.setattr(processing_utils, "async_ssrf_protected_download", as_gradio)  # put back at the end
    with gr.Blocks() as page:
        page.queue()
    gradio_patches.look_less_often(page)
    gradio_patches.fetch_by(taken)
    assert processing_utils.async_ssrf_protected_download is taken
    from gradio.mcp import GradioMCPServer

    assert callable(GradioMCPServer.postprocess_output_data)


@pytest.mark.parametrize(
    ("patch", "name"),
    [
        (lambda: gradio_patches.look_less_often(SimpleNamespace(_queue=SimpleNamespace())), "sleep_when_free"),
        (lambda: gradio_patches.fetch_by(taken), "async_ssrf_protected_download"),
        (lambda: gradio_patches.serve_through(lambda app: app), "Server"),
        (gradio_patches.limit_fields, "on_part_data"),
    ],
)
def test_a_name_that_is_gone_is_told(patch, name: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.delattr(processing_utils, "async_ssrf_protected_download")
    monkeypatch.delattr(http_server, "Server")
    monkeypatch.delattr(GradioMultiPartParser, "on_part_data")
    with pytest.raises(RuntimeError, match=rf"^Gradio \S+ has no {name} any more: ui/gradio_patches\.py has to be"):
        patch()


def test_another_program_in_the_place_of_the_tunnel_s_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "frpc"
    monkeypatch.setattr(tunneling, "BINARY_PATH", str(program))
    for content, stays in ((b"the right one", True), (b"another", False)):
        right = hashlib.sha256(b"the right one").hexdigest()
        monkeypatch.setattr(tunneling, "CHECKSUMS", {tunneling.BINARY_URL: right})
        program.write_bytes(content)
        gradio_patches.check_tunnel()
        assert program.exists() == stays
    gradio_patches.check_tunnel()
