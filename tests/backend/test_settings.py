"""The settings come from the command line, else the environment, else the defaults; a wrong one costs one sentence.

python -m pytest tests/backend/test_settings.py
"""

import argparse
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest
from platformdirs import user_data_path

from backend.engine.engine import LocalSpec
from backend.errors import SettingsError
from backend.settings import Settings, add_options, check_tools, read_settings, with_password

GROUPS = ("model", "answers", "page", "data")
NOTHING: Mapping[str, str] = {}


def read(*argv: str, environ: Mapping[str, str] = NOTHING, groups: tuple[str, ...] = GROUPS) -> Settings:
    parser = argparse.ArgumentParser(prog="glimpse", usage="glimpse [options]")
    add_options(parser, groups)
    return read_settings(parser, groups, parser.parse_args(argv), environ)


def refused(capsys: pytest.CaptureFixture[str], *argv: str, environ: Mapping[str, str] = NOTHING) -> str:
    """The sentence with which the program ends."""
    with pytest.raises(SystemExit) as ended:
        read(*argv, environ=environ)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    usage, sentence = captured.err.splitlines()
    assert (captured.out, usage) == ("", "usage: glimpse [options]")
    return sentence.removeprefix("glimpse: error: ")


def test_nothing_given_means_the_defaults():
    assert read() == Settings()
    assert Settings() == Settings(
        model=None,
        revision=None,
        adapter=None,
        quantization="auto",
        device="auto",
        compile="off",
        offline=False,
        video_frames=64,
        queue_size=16,
        cache_gb=None,
        max_upload_mb=200,
        host="127.0.0.1",
        port=7860,
        public_url=(),
        share=False,
        auth=None,
        metrics=False,
        data_dir=user_data_path("glimpse", appauthor=False),
        log_level="info",
    )


ALL = {
    "model": ("org/model", "org/model"),
    "revision": ("v1.2", "v1.2"),
    "adapter": ("/adapters/one", "/adapters/one"),
    "quantization": ("8bit", "8bit"),
    "device": ("cuda:1", "cuda:1"),
    "compile": ("on", "on"),
    "loader": ("unsloth", "unsloth"),
    "reader": ("always", "always"),
    "offline": ("yes", True),
    "video_frames": ("8", 8),
    "queue_size": ("2", 2),
    "cache_gb": ("0.5", 0.5),
    "max_upload_mb": ("50", 50),
    "host": ("0.0.0.0", "0.0.0.0"),
    "port": ("0", 0),
    "public_url": ("https://a.example/b", ("https://a.example/b",)),
    "share": ("1", True),
    "auth": ("ann:pass:word", (("ann", "pass:word"),)),
    "mcp": ("1", True),
    "metrics": ("1", True),
    "data_dir": ("~/chats", Path.home() / "chats"),
    "log_level": ("debug", "debug"),
}


def test_every_setting_is_an_option_and_an_environment_variable():
    assert list(ALL) == [field.name for field in fields(Settings)]
    wanted = Settings(**{name: value for name, (_, value) in ALL.items()})
    argv: list[str] = []
    for name, (text, value) in ALL.items():
        argv += [f"--{name.replace('_', '-')}", *([] if value is True else [text])]
    assert read(*argv) == wanted
    assert read(environ={f"GLIMPSE_{name.upper()}": text for name, (text, _) in ALL.items()}) == wanted


def test_the_command_line_goes_before_the_environment_and_an_empty_variable_is_none():
    assert read("--port", "7999", environ={"GLIMPSE_PORT": "8000", "GLIMPSE_MODEL": ""}) == Settings(port=7999)


def test_groups_that_a_command_does_not_take_are_not_read():
    assert read(environ={"GLIMPSE_PORT": "nonsense"}, groups=("model",)) == Settings()


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("port", "seven", "“seven” is no whole number from 0 to 65535"),
        ("port", "65536", "“65536” is no whole number from 0 to 65535"),
        ("video-frames", "0", "“0” is no whole number from 1 to 512"),
        ("queue-size", "-1", "“-1” is no whole number from 1 to 10000"),
        ("cache-gb", "-1", "“-1” is no number from 0 to 4096"),
        ("cache-gb", "nan", "“nan” is no number from 0 to 4096"),
        ("max-upload-mb", "1.5", "“1.5” is no whole number from 1 to 100000"),
        ("quantization", "5bit", "“5bit” is none of auto, 4bit, 8bit, none"),
        ("device", "gpu", "“gpu” is none of auto, cpu, cuda, cuda:1, mps, xpu"),
        ("log-level", "loud", "“loud” is none of debug, info, warning, error, critical"),
        ("model", " ", "a value is missing"),
        ("data-dir", __file__, f"{__file__} is a file, not a folder"),
        ("auth", "ann", "each account is written user:password"),
        ("auth", ":secret", "each account is written user:password"),
        ("auth", "@/nowhere/accounts", "the file /nowhere/accounts cannot be read"),
    ],
)
def test_a_wrong_value_is_one_sentence(option: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]):
    assert refused(capsys, f"--{option}={value}") == f"argument --{option}: {sentence}"
    variable = f"GLIMPSE_{option.replace('-', '_').upper()}"
    if value.strip():
        assert refused(capsys, environ={variable: value}) == f"{variable}: {sentence}"


def test_a_switch_in_the_environment_is_on_or_off(capsys: pytest.CaptureFixture[str]):
    assert [read(environ={"GLIMPSE_OFFLINE": text}).offline for text in ("1", "TRUE", "on", "0", "no", "False")] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    assert refused(capsys, environ={"GLIMPSE_SHARE": "maybe"}) == "GLIMPSE_SHARE: “maybe” is neither 1 nor 0"


def test_accounts_may_be_repeated_or_kept_in_a_file(tmp_path: Path):
    (tmp_path / "accounts").write_text("ann:one\n\n bob:two:three \n")
    settings = read("--auth", "eve:four", "--auth", f"@{tmp_path}/accounts")
    assert settings.auth == (("eve", "four"), ("ann", "one"), ("bob", "two:three"))
    assert "four" not in repr(settings)


def test_a_shared_page_always_has_a_password():
    own = Settings(share=True, auth=(("ann", "one"),))
    assert with_password(own) == own
    assert with_password(Settings()) == Settings()
    made_up = [with_password(Settings(share=True)).auth for _ in range(2)]
    assert made_up[0] != made_up[1]
    for accounts in made_up:
        assert accounts is not None
        ((user, password),) = accounts
        assert user == "glimpse"
        assert len(password) >= 16


@pytest.mark.parametrize(
    ("settings", "local"),
    [
        (Settings(), True),
        (Settings(host="localhost"), True),
        (Settings(host="::1"), True),
        (Settings(host="0.0.0.0"), False),
        (Settings(host="192.168.1.5"), False),
        (Settings(host="my-machine.lan"), False),
        (Settings(share=True), False),
        (Settings(public_url=("https://photos.example",)), False),
    ],
)
def test_local_means_that_only_this_machine_reaches_the_page(settings: Settings, local: bool):
    assert settings.local is local


def test_sizes_are_in_mebibytes():
    assert Settings(max_upload_mb=2).max_upload_bytes == 2 * 1024 * 1024


def test_the_engine_is_told_what_concerns_it():
    settings = Settings(revision="v1", adapter="a/b", device="cpu", offline=True, queue_size=3, cache_gb=1.5)
    assert settings.engine_spec("org/model", "8bit") == LocalSpec(
        "org/model",
        revision="v1",
        quantization="8bit",
        device="cpu",
        adapter="a/b",
        offline=True,
        queue_size=3,
        cache_bytes=3 * 2**29,
    )


def test_help_names_every_option_with_its_variable_and_is_short():
    parser = argparse.ArgumentParser(prog="glimpse", usage="glimpse [options]")
    add_options(parser, GROUPS)
    text = " ".join(parser.format_help().split())
    for field in fields(Settings):
        assert f"--{field.name.replace('_', '-')}" in text
        assert f"GLIMPSE_{field.name.upper()})" in text
    assert len(parser.format_help().splitlines()) <= 50


def test_mcp_tools_are_offered_where_nobody_need_log_in():
    check_tools(Settings())
    check_tools(Settings(mcp=True))
    for settings in (Settings(mcp=True, auth=(("ann", "secret"),)), with_password(Settings(mcp=True, share=True))):
        with pytest.raises(SettingsError, match="MCP tools cannot ask for a login; leave out --mcp, or --auth and"):
            check_tools(settings)


def test_addresses_of_the_page_are_told_with_their_names_and_their_path():
    settings = read("--public-url", "https://Photos.example.org/glimpse/, http://nas:8080/glimpse")
    assert settings.public_url == ("https://Photos.example.org/glimpse", "http://nas:8080/glimpse")
    assert (settings.public_names, settings.root_path) == (("photos.example.org", "nas:8080"), "/glimpse")
    assert (read().public_names, read().root_path) == ((), "")
    assert read("--public-url", "https://photos.example.org/").root_path == ""


@pytest.mark.parametrize(
    "text", ["photos.example.org", "ftp://a", "https://", "http://[1", "http://a:99999", "http://u:p@a", "http://a/?b"]
)
def test_an_address_that_is_none_is_refused_with_an_example(text: str, capsys: pytest.CaptureFixture[str]):
    sentence = f"“{text}” is no address such as https://photos.example.org/glimpse"
    assert refused(capsys, "--public-url", text) == f"argument --public-url: {sentence}"
    assert refused(capsys, environ={"GLIMPSE_PUBLIC_URL": text}) == f"GLIMPSE_PUBLIC_URL: {sentence}"
