"""Runs Glimpse's command line: puts settings, engine, history and page together, and closes them in order.

Nothing heavy is imported before a command needs it; torch is imported in the engine's process alone.
"""

import argparse
import asyncio
import errno
import importlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, aclosing, closing, nullcontext, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import GlimpseError, SettingsError
from backend.settings import Settings, add_options, check_tools, read_settings, with_password

if TYPE_CHECKING:
    from backend.runtime import Runtime

COMMANDS = """\
commands:
  serve                   open the page; so does a call without a command
  ask [FILE ...] [TEXT]   answer on standard output, without a page
  batch FOLDER            ask a preset of every picture, clip and PDF in a folder
  models                  list the models we know and what fits this machine

The environment variable of each option stands behind it. More on a command: glimpse ask --help
"""
BATCH = """\
RESULTS is FILE.jsonl (one object a line), FILE.csv or FILE.xlsx (one row each, with FILE.csv.jsonl beside it), .txt
(a text file beside each picture) or - (lines of JSON on standard output). What cannot be read is a row with an error.

Run it again, after a stop or a kill or with new files, and it goes on: answers that are there are kept, files that
have changed and rows with errors are done anew.
"""
NOBODY = ""  # whose conversations these are where nobody logs in
EVIDENCE = "write with each value where on the image it stands"
OPEN_TO_ALL = (
    "Everyone who reaches this machine can see, rename and delete all conversations, and ask the model; ask for a "
    "login with --auth user:password."
)
SCHEMA = "a JSON Schema of your own in place of the receipt's; with --preset receipt"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
CLOSE_TIMEOUT = 10.0  # seconds for answers to stop and be kept

_log = logging.getLogger("app")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status; an error is one sentence on standard error."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    commands = {"serve": serve, "ask": ask, "batch": batch, "models": models}
    name = "serve" if not arguments or arguments[0].startswith("-") else arguments.pop(0)
    if name not in commands:
        print(f"glimpse: there is no command “{name}”; the commands are {', '.join(commands)}.", file=sys.stderr)
        return 2
    try:
        return commands[name](arguments)
    except GlimpseError as error:
        print(f"glimpse: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:  # SIGTERM
        return 143
    except BrokenPipeError:  # nobody reads on, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def serve(argv: Sequence[str]) -> int:
    """Open the page and keep it open until Ctrl-C or SIGTERM."""
    parser = _parser(
        "[serve] [options]", "A chat with your images and videos that runs on your own machine.", COMMANDS
    )
    parser.add_argument("--version", action="version", version=f"Glimpse {_version()}")
    groups = ("model", "answers", "page", "data")
    add_options(parser, groups)
    given = read_settings(parser, groups, parser.parse_args(argv), os.environ)
    settings = with_password(given)
    _configure_logging(settings.log_level)
    check_tools(settings)
    _check_address(settings.host, settings.port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    from backend.models.choose import chosen
    from backend.models.switch import ModelSwitch
    from backend.runtime import open_runtime

    # Who gets here over a network may ask this machine things, not fill its disk and its memory with models.
    choosing = settings.local and not settings.auth
    if choosing:
        settings = chosen(settings)
    _import_page_behind_socks()
    with suppress(KeyboardInterrupt), ExitStack() as ending:
        runtime = open_runtime(settings, settings.data_dir)
        ending.callback(runtime.lock.release)
        ending.callback(runtime.history.close)
        ending.callback(runtime.store.close)
        ending.callback(runtime.reader.close)
        ending.callback(lambda: asyncio.run(runtime.engine.close()))
        runtime.store.warm()
        from ui.page import build_page, launch

        models = ModelSwitch(runtime.engine, settings) if choosing else None
        if models:
            ending.callback(models.keep)
        page = build_page(
            runtime.chat, runtime.history, runtime.store, runtime.engine, settings, models, runtime.reader.kept
        )
        loops: list[asyncio.AbstractEventLoop] = []
        page.extra_startup_events.append(lambda: _note_loop(loops))
        ending.callback(page.close, verbose=False)
        local, public = launch(page, settings, lambda: runtime.engine.status.state == "ready")
        ending.callback(_stop_answers, runtime, loops)
        ending.callback(_quit_at_the_second_signal)
        announce(settings, local, public, made_up=settings.auth != given.auth)
        threading.Event().wait()
    return 0


def ask(argv: Sequence[str]) -> int:
    """Answer one question on standard output, through the same code as the page."""
    parser = _parser("ask [options] [FILE ...] [TEXT ...]", "Answer on standard output, without a page.")
    words = "images, clips and the question; - reads it from standard input"
    parser.add_argument("words", nargs="+", metavar="FILE or TEXT", help=words)
    parser.add_argument("--preset", metavar="NAME", default="chat", help="caption, receipt, latex, ... (chat)")
    parser.add_argument("--schema", metavar="FILE", type=Path, help=SCHEMA)
    parser.add_argument("--evidence", action="store_true", help=EVIDENCE)
    groups = ("model", "answers", "data")
    add_options(parser, groups)
    namespace = parser.parse_intermixed_args(argv)
    # The answer, or one sentence where there is none; who wants the log asks for it.
    settings = read_settings(parser, groups, namespace, {"GLIMPSE_LOG_LEVEL": "critical"} | os.environ)
    _configure_logging(settings.log_level)
    from backend.terminal import sort_words

    files, text = sort_words(namespace.words)
    text = _with_schema(namespace.schema, namespace.preset, text)
    return asyncio.run(_ask(settings, files, text, namespace.preset, namespace.evidence))


async def _ask(settings: Settings, files: Sequence[Path], text: str, preset: str, evidence: bool) -> int:
    from backend.runtime import open_runtime
    from backend.tasks.registry import find_task
    from backend.terminal import Terminal

    _cancel_at_sigterm()
    whole = evidence or (find_task(preset).revises and not sys.stdout.isatty())
    terminal = Terminal(sys.stdout, sys.stderr, whole=whole)
    with _kept_or_passing(settings) as folder:
        async with aclosing(open_runtime(settings, folder)) as runtime:
            conversation = runtime.history.create(NOBODY)
            answer = runtime.chat.submit(
                conversation, text, files, task=preset, video_frames=settings.video_frames, owner=NOBODY
            )
            try:
                async with aclosing(answer) as events:
                    async for event in events:
                        terminal.show(event)
                terminal.ground(runtime.chat.grounded(conversation, NOBODY), written=evidence)
            finally:
                terminal.end()
    return 0


def _cancel_at_sigterm() -> None:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def _kept_or_passing(settings: Settings) -> AbstractContextManager[Path]:
    """Open the data folder that was asked for; else a temporary one: nobody wants a terminal's questions kept."""
    from backend.media.scratch import scratch_folder

    return nullcontext(settings.data_dir) if settings.data_dir != Settings().data_dir else scratch_folder()


def batch(argv: Sequence[str]) -> int:
    """Ask a preset of every file below a folder; a second run goes on where the first one ended."""
    parser = _parser(
        "batch FOLDER --out RESULTS [options]", "Ask a preset of every picture, clip and PDF page in a folder.", BATCH
    )
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="looked through with all folders in it")
    parser.add_argument("--preset", metavar="NAME", default="caption", help="caption, receipt, latex, ... (caption)")
    parser.add_argument("--text", metavar="WORDS", default="", help="said with every file, such as “in Welsh”")
    parser.add_argument("--schema", metavar="FILE", type=Path, help=SCHEMA)
    parser.add_argument("--evidence", action="store_true", help=EVIDENCE)
    parser.add_argument("--out", metavar="RESULTS", required=True, help="FILE.jsonl, .csv or .xlsx; .txt; or -")
    groups = ("model", "answers", "data")
    add_options(parser, groups)
    namespace = parser.parse_args(argv)
    settings = read_settings(parser, groups, namespace, {"GLIMPSE_LOG_LEVEL": "critical"} | os.environ)
    _configure_logging(settings.log_level)
    text = _with_schema(namespace.schema, namespace.preset, namespace.text)
    return asyncio.run(_batch(settings, namespace, text))


async def _batch(settings: Settings, namespace: argparse.Namespace, text: str) -> int:
    from backend.batch.command import fill
    from backend.batch.files import find
    from backend.batch.outputs import open_results
    from backend.batch.run import Batch, still_true
    from backend.chat.one_shot import OneShot
    from backend.runtime import open_runtime
    from backend.tasks.registry import find_task

    _cancel_at_sigterm()
    folder, preset = namespace.folder.expanduser(), namespace.preset
    found = find(folder, find_task(preset).needs)
    with closing(open_results(namespace.out, folder, found.sources, preset, sys.stdout, text)) as results:
        results.keep(await still_true(results.rows, found.sources))
        with _kept_or_passing(settings) as data:
            async with aclosing(open_runtime(settings, data)) as runtime:
                once, pages = OneShot(runtime.chat, runtime.history), runtime.store.pages
                run = Batch(
                    once, runtime.engine, pages, preset, text=text, video_frames=settings.video_frames,
                    evidence=namespace.evidence,
                )  # fmt: skip
                await fill(results, found, run, sys.stderr)
    return 0


def _with_schema(file: Path | None, preset: str, text: str) -> str:
    """The text for the model: the person's words, or the schema in a file."""
    if file is None:
        return text
    from backend.errors import InputError
    from backend.tasks.forms import own_schema
    from backend.tasks.registry import find_task, tasks

    if not find_task(preset).takes_schema:
        able = " or ".join(name for name, task in tasks().items() if task.takes_schema)
        raise InputError(f"A schema goes with the preset {able}; add --preset {able}, or leave out --schema.")
    return own_schema.read(file.expanduser(), text)


def models(argv: Sequence[str]) -> int:
    """List the catalogue against what this machine has."""
    parser = _parser("models", "List the models we know, what they need, and what fits this machine.")
    parser.parse_args(argv)
    from backend.models.choose import listing
    from backend.models.hardware import probe

    print("\n".join(listing(probe())))
    return 0


def announce(settings: Settings, local: str, public: str | None, *, made_up: bool) -> None:
    """Say where the page is; its address comes last, when it answers."""
    if settings.share:
        print(f"Public link: {public}" if public else "There is no public link: its server cannot be reached.")
    elif not settings.local and not settings.auth:
        print(OPEN_TO_ALL)
    if made_up and settings.auth:
        print("Log in as {} with the password {}".format(*settings.auth[0]))
    print(f"Glimpse is ready: {local.rstrip('/')}", flush=True)


def _check_address(host: str, port: int) -> None:
    """Find out before anything is loaded whether the page can be opened.

    Raises:
        SettingsError: it cannot.
    """
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except socket.gaierror as error:
        raise SettingsError(f"There is no address {host}; choose another with --host.") from error
    except OSError as error:
        reason = {
            errno.EADDRINUSE: f"Port {port} is in use, perhaps by another Glimpse; choose another with --port.",
            errno.EACCES: f"Port {port} needs administrator rights; choose one from 1024 on with --port.",
            errno.EADDRNOTAVAIL: f"{host} is not an address of this machine; choose another with --host.",
        }.get(error.errno or 0, f"{host}:{port} cannot be opened ({error.strerror}); change --host or --port.")
        raise SettingsError(reason) from error


def _import_page_behind_socks() -> None:
    """Import the page where the environment names a SOCKS proxy, of which httpx may know nothing.

    Gradio makes clients as it is imported, and would end the program. Before the engine starts, which inherits the
    variables: what it downloads goes through the proxy.
    """
    kinds = {name: text for name, text in os.environ.items() if name.lower().endswith("_proxy")}
    hidden = {name: text for name, text in kinds.items() if text.lower().startswith("socks")}
    if not hidden:
        return
    for name in hidden:
        del os.environ[name]
    try:
        importlib.import_module("ui.page")
    finally:
        os.environ.update(hidden)


async def _note_loop(loops: list[asyncio.AbstractEventLoop]) -> None:
    loops.append(asyncio.get_running_loop())


def _stop_answers(runtime: "Runtime", loops: Sequence[asyncio.AbstractEventLoop]) -> None:
    """Stop what is being written in the page's event loop, so that it is kept as far as it came."""
    for loop in loops:
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(runtime.chat.close(), loop).result(CLOSE_TIMEOUT)


def _quit_at_the_second_signal() -> None:
    """From now on a signal ends everything at once; the engine's process dies with this one."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(130))


def _configure_logging(level: str) -> None:
    """Log to standard error: our own modules from `level` on, all others their warnings."""
    logging.basicConfig(level=max(logging.getLevelName(level.upper()), logging.WARNING), format=LOG_FORMAT)
    for room in ("app", "ui", "backend"):
        logging.getLogger(room).setLevel(level.upper())


def _parser(usage: str, description: str, epilog: str = "") -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="glimpse",
        usage=f"glimpse {usage}",
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _version() -> str:
    try:
        return version("glimpse")
    except PackageNotFoundError:  # run from its folder, not installed
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
