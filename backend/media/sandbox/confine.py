"""Takes rights away from the process that calls it: memory, time, files, network, signals, new processes.

Knows operating systems, no media.

Everything here holds for the rest of the process's life. What the system does not offer is named, not raised: the
limits on memory and time come first, and the parent watches the clock as well.
"""

import ctypes
import os
import signal
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from backend.media.sandbox.seccomp import shut_calls

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000

_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_LANDLOCK_VERSION = 1
_TRUNCATE_SINCE, _SCOPES_SINCE = 3, 6  # versions of Landlock
_ABSTRACT_SOCKETS, _SIGNALS = 1 << 0, 1 << 1
_READ_FILE, _READ_DIR = 1 << 2, 1 << 3
_WRITE = 1 << 1 | 1 << 5 | 1 << 8  # write, remove and make plain files
_EVERYTHING = (1 << 13) - 1  # what the first version of Landlock knows
_TRUNCATE = 1 << 14

_OPEN_FILES = 128
_FILE_BYTES = 4 << 30


def confine(memory_bytes: int) -> list[str]:
    """Give up what no decoder needs. Call it first, while there is one thread: a new network needs that.

    Args:
        memory_bytes: limit on the address space.

    Returns:
        What the system would not do, in words: empty where all is in place.
    """
    missing = [] if _limit_resources(memory_bytes) else ["limits on memory"]
    if not sys.platform.startswith("linux"):
        return [*missing, "a closed network", "closed folders", "closed system calls"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    alone = libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    calls = shut_calls()
    if not (alone or calls):  # no socket is made where calls are shut
        missing.append("a closed network")
    version = _landlock_version(libc)
    if version < 1:
        missing.append("closed folders")
    if not calls:
        missing.append("closed system calls")
        # Landlock does a part of it where it is new enough.
        missing += ["files safe from truncation"] if version < _TRUNCATE_SINCE else []
        missing += ["processes safe from its signals"] if version < _SCOPES_SINCE else []
    return missing


def _landlock_version(libc: ctypes.CDLL) -> int:
    return int(libc.syscall(_LANDLOCK_CREATE, None, 0, _LANDLOCK_VERSION))


def _limit_resources(memory_bytes: int) -> bool:
    try:
        import resource
    except ImportError:
        return False
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, _FILE_BYTES)
    # macOS counts shared libraries of several gigabytes into the address space.
    return sys.platform != "darwin" and _lower(resource.RLIMIT_AS, memory_bytes)


def limit_cpu(seconds: float) -> None:
    """End this process with SIGXCPU once it has computed for so long."""
    try:
        import resource
    except ImportError:
        return
    _lower(resource.RLIMIT_CPU, max(1, round(seconds)))


def _lower(limit: int, value: int) -> bool:
    import resource

    _, hard = resource.getrlimit(limit)
    ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (ceiling, hard))
    return True


def restrict_files(read: Iterable[Path], write: Path) -> bool:
    """Leave only some files and folders readable and one folder writable. False where the system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = _landlock_version(libc)
    truncate = _TRUNCATE if version >= _TRUNCATE_SINCE else 0
    handled = struct.pack("Q", _EVERYTHING | truncate)
    if version >= _SCOPES_SINCE:
        handled += struct.pack("QQ", 0, _ABSTRACT_SOCKETS | _SIGNALS)
    ruleset = libc.syscall(_LANDLOCK_CREATE, handled, len(handled), 0)
    if ruleset < 0:
        return False
    try:
        for path in read:
            _allow(libc, ruleset, path, _READ_FILE | _READ_DIR)
        _allow(libc, ruleset, write, _READ_FILE | _READ_DIR | _WRITE | truncate)
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ruleset, 0) == 0)
    finally:
        os.close(ruleset)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    try:
        file = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rights
    try:
        rights = rights if path.is_dir() else rights & ~_READ_DIR
        rule = struct.pack("=Qi", rights, file)
        libc.syscall(_LANDLOCK_ADD, ruleset, 1, rule, 0)
    finally:
        os.close(file)
