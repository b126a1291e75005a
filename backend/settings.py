"""Reads what a person can set, from the command line or the environment, into one frozen value.

Each field says its own option: name, environment variable, help, limits. It knows no engine and no page.
"""

import argparse
import dataclasses
import ipaddress
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from platformdirs import user_data_path

from backend.engine.engine import Compile, EngineSpec, Loader, LocalSpec, Quantization, ScriptedSpec
from backend.errors import SettingsError
from backend.types import ReaderPolicy

Reader = Callable[[str], Any]
Account = tuple[str, str]

LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


def whole(lowest: int, highest: int) -> Reader:
    """Reads a whole number within limits."""
    return _number(int, lowest, highest, "whole number")


def amount(lowest: float, highest: float) -> Reader:
    """Reads a number within limits."""
    return _number(float, lowest, highest, "number")


def _number(kind: Callable[[str], float], lowest: float, highest: float, name: str) -> Reader:
    def read(text: str) -> float:
        with suppress(ValueError):
            number = kind(text)
            if lowest <= number <= highest:
                return number
        raise argparse.ArgumentTypeError(f"“{text}” is no {name} from {lowest} to {highest}")

    return read


def one_of(*choices: str) -> Reader:
    """Reads one of a few words."""

    def read(text: str) -> str:
        if text not in choices:
            raise argparse.ArgumentTypeError(f"“{text}” is none of {', '.join(choices)}")
        return text

    return read


def words(text: str) -> str:
    """Reads anything but nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a value is missing")
    return text.strip()


def folder(text: str) -> Path:
    """Reads the path of a folder, which need not be there yet."""
    path = Path(words(text)).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{path} is a file, not a folder")
    return path


def addresses(text: str) -> tuple[str, ...]:
    """Reads web addresses, parted by commas; those of one page, so with the same path."""
    try:
        urls = [urlsplit(url.strip()) for url in text.split(",")]
        right = all(url.scheme in ("http", "https") and url.hostname and url.port != 0 for url in urls)
    except ValueError:  # a port or an IPv6 address that is none
        right = False
    if not right or any(url.username or url.query for url in urls):
        raise argparse.ArgumentTypeError(f"“{text}” is no address such as https://photos.example.org/glimpse")
    if len({url.path.rstrip("/") for url in urls}) > 1:
        raise argparse.ArgumentTypeError(f"“{text}” has addresses with different paths")
    return tuple(url._replace(path=url.path.rstrip("/"), fragment="").geturl() for url in urls)


def device(text: str) -> str:
    """Reads a torch device, or auto."""
    if not re.fullmatch(r"auto|cpu|mps|(cuda|xpu)(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"“{text}” is none of auto, cpu, cuda, cuda:1, mps, xpu")
    return text


def yes_or_no(text: str) -> bool:
    """Reads a switch from the environment."""
    if text.lower() in ("1", "true", "yes", "on"):
        return True
    if text.lower() in ("", "0", "false", "no", "off"):
        return False
    raise argparse.ArgumentTypeError(f"“{text}” is neither 1 nor 0")


def accounts(text: str) -> tuple[Account, ...]:
    """Reads user:password, or @file with one a line. Never repeats a password in an error."""
    lines = [text]
    if text.startswith("@"):
        try:
            lines = Path(text[1:]).expanduser().read_text().split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(f"the file {text[1:]} cannot be read") from error
    pairs = [line.strip().partition(":") for line in lines if line.strip()]
    if not pairs or not all(user and password for user, _, password in pairs):
        raise argparse.ArgumentTypeError("each account is written user:password")
    return tuple((user, password) for user, _, password in pairs)


def _option(group: str, help: str, default: Any = None, *, metavar: str = "", read: Reader = words) -> Any:
    meta = {"group": group, "help": help, "metavar": metavar, "read": read}
    if callable(default):
        return field(default_factory=default, metadata=meta)
    return field(default=default, metadata=meta, repr=read is not accounts)  # passwords keep out of logs


def _data_dir() -> Path:
    return user_data_path("glimpse", appauthor=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings. `model` None lets the catalogue choose; `auth` lists who may log in, None where all may."""

    model: str | None = _option("model", "Hugging Face id or folder; chosen by what the machine has", metavar="ID")
    revision: str | None = _option("model", "branch, tag or commit of the model", metavar="REV")
    adapter: str | None = _option("model", "LoRA adapter to put on it, id or folder", metavar="ID")
    quantization: Quantization = _option(  # noqa: RUF009 (a dataclasses.field)
        "model", "auto, 4bit, 8bit or none", "auto", metavar="Q", read=one_of("auto", "4bit", "8bit", "none")
    )
    device: str = _option("model", "auto, cpu, cuda, cuda:1, ...", "auto", metavar="D", read=device)
    compile: Compile = _option(  # noqa: RUF009 (a dataclasses.field)
        "model", "decode by CUDA graphs on a GPU (auto), by compiled code (on) or plainly (off)", "off", metavar="C",
        read=one_of("auto", "on", "off"),
    )  # fmt: skip
    loader: Loader = _option(  # noqa: RUF009 (a dataclasses.field)
        "model", "load with transformers, or with unsloth where that is installed", "transformers", metavar="L",
        read=one_of("transformers", "unsloth"),
    )  # fmt: skip
    reader: ReaderPolicy = _option(  # noqa: RUF009 (a dataclasses.field)
        "model", "give the model the text on images: auto (one trained for it), always or never", "auto", metavar="R",
        read=one_of("auto", "always", "never"),
    )  # fmt: skip
    offline: bool = _option("model", "never use the network", False)
    video_frames: int = _option("answers", "frames that the model sees of a clip", 64, metavar="N", read=whole(1, 512))
    queue_size: int = _option("answers", "requests that may wait", 16, metavar="N", read=whole(1, 10_000))
    cache_gb: float | None = _option(
        "answers",
        "memory for what is kept between answers; a quarter of what is free",
        metavar="GB",
        read=amount(0, 4096),
    )
    max_upload_mb: int = _option("answers", "largest file", 200, metavar="MB", read=whole(1, 100_000))
    host: str = _option("page", "address to listen on", "127.0.0.1", metavar="ADDR")
    port: int = _option("page", "port; 0 takes any free one", 7860, metavar="N", read=whole(0, 65535))
    public_url: tuple[str, ...] = _option(
        "page", "addresses under which others open the page, such as a proxy's, parted by commas", (), metavar="URL",
        read=addresses,
    )  # fmt: skip
    share: bool = _option("page", "make a public link, with a password", False)
    auth: tuple[Account, ...] | None = _option(
        "page", "ask for this login (repeatable), or for one in @FILE", metavar="USER:PASSWORD", read=accounts
    )
    mcp: bool = _option("page", "offer the presets as MCP tools", False)
    metrics: bool = _option("page", "offer figures for Prometheus at /metrics, behind the login", False)
    data_dir: Path = _option(  # noqa: RUF009 (a dataclasses.field)
        "data", "conversations and their media", _data_dir, metavar="DIR", read=folder
    )
    log_level: str = _option("data", ", ".join(LOG_LEVELS), "info", metavar="LEVEL", read=one_of(*LOG_LEVELS))

    @property
    def max_upload_bytes(self) -> int:
        """The largest file, in bytes."""
        return self.max_upload_mb * 2**20

    @property
    def local(self) -> bool:
        """Whether only this machine reaches the page; what has an address for others is reached by them."""
        if self.share or self.public_url:
            return False
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def public_names(self) -> tuple[str, ...]:
        """The host names of the page's addresses, each with its port where the address says one."""
        return tuple(urlsplit(url).netloc.lower() for url in self.public_url)

    @property
    def root_path(self) -> str:
        """The path under which a proxy offers the page; empty where that is the top."""
        return urlsplit(self.public_url[0]).path if self.public_url else ""

    def engine_spec(self, model: str, quantization: Quantization) -> EngineSpec:
        """Make the spec of the engine for this model."""
        if model == ScriptedSpec().model:
            return ScriptedSpec()
        return LocalSpec(
            model=model,
            revision=self.revision,
            quantization=quantization,
            device=self.device,
            adapter=self.adapter,
            offline=self.offline,
            compile=self.compile,
            loader=self.loader,
            queue_size=self.queue_size,
            cache_bytes=None if self.cache_gb is None else int(self.cache_gb * 2**30),
        )


def add_options(parser: argparse.ArgumentParser, groups: Sequence[str]) -> None:
    """Give `parser` the options of these groups: model, answers, page, data."""
    for title in groups:
        group = parser.add_argument_group(title)
        for each in _fields([title]):
            shape: dict[str, Any] = {"dest": each.name, "default": argparse.SUPPRESS, "help": _help(each)}
            if each.default is False:
                shape |= {"action": "store_true"}
            else:
                shape |= {"type": each.metadata["read"], "metavar": each.metadata["metavar"]}
                shape |= {"action": "append"} if each.metadata["read"] is accounts else {}
            group.add_argument("--" + each.name.replace("_", "-"), **shape)


def read_settings(
    parser: argparse.ArgumentParser, groups: Sequence[str], namespace: argparse.Namespace, environ: Mapping[str, str]
) -> Settings:
    """The settings of these groups: from what was parsed, else from the environment, else the defaults.

    A wrong value in the environment ends the program as a wrong option does: one sentence, exit status 2.
    """
    values: dict[str, Any] = {}
    for each in _fields(groups):
        if hasattr(namespace, each.name):
            given = getattr(namespace, each.name)
            values[each.name] = tuple(chain(*given)) if each.metadata["read"] is accounts else given
        elif text := environ.get(_variable(each), "").strip():
            read = yes_or_no if each.default is False else each.metadata["read"]
            try:
                values[each.name] = read(text)
            except argparse.ArgumentTypeError as error:
                parser.error(f"{_variable(each)}: {error}")
    return Settings(**values)


def with_password(settings: Settings) -> Settings:
    """The same settings; where the page is shared and nobody need log in, with a made-up login."""
    if not settings.share or settings.auth:
        return settings
    return dataclasses.replace(settings, auth=(("glimpse", secrets.token_urlsafe(12)),))


def check_tools(settings: Settings) -> None:
    """Find out before anything is loaded whether MCP tools can be offered, where they are wished for.

    Raises:
        SettingsError: they cannot.
    """
    if settings.mcp and settings.auth:
        raise SettingsError("MCP tools cannot ask for a login; leave out --mcp, or --auth and --share.")


def _fields(groups: Sequence[str]) -> list["dataclasses.Field[Any]"]:
    return [each for each in dataclasses.fields(Settings) if each.metadata["group"] in groups]


def _variable(each: "dataclasses.Field[Any]") -> str:
    return f"GLIMPSE_{each.name.upper()}"


def _help(each: "dataclasses.Field[Any]") -> str:
    default = _data_dir() if each.name == "data_dir" else each.default
    usual = f"{default}; " if default not in (None, False, ()) else ""
    return f"{each.metadata['help']} ({usual}{_variable(each)})".replace(str(Path.home()), "~").replace("%", "%%")
