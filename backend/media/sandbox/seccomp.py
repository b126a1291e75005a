"""Shuts system calls that no decoder needs: new processes, sockets, signals to others, changes to others' files.

A filter of seccomp(2), in the classic BPF of linux/filter.h. It holds for the process and all of its threads, and goes
beyond Landlock, which knows neither chmod nor, on older systems, truncate, signals and sockets by path.
"""

import ctypes
import errno
import os
import platform
import struct

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_CLONE_THREAD = 0x10000
_X32 = 0x40000000

# Numbers of the system calls, by machine: its name for AUDIT_ARCH, then those refused at all, and those refused but to
# oneself.
_REFUSED = {
    "x86_64": {
        "fork": 57,
        "vfork": 58,
        "execve": 59,
        "execveat": 322,
        "ptrace": 101,
        "socket": 41,
        "socketpair": 53,
        "truncate": 76,
        "chmod": 90,
        "fchmod": 91,
        "fchmodat": 268,
        "fchmodat2": 452,
        "chown": 92,
        "fchown": 93,
        "lchown": 94,
        "fchownat": 260,
        "utime": 132,
        "utimes": 235,
        "futimesat": 261,
        "utimensat": 280,
        "setxattr": 188,
        "lsetxattr": 189,
        "fsetxattr": 190,
        "removexattr": 197,
        "lremovexattr": 198,
        "fremovexattr": 199,
        "process_vm_writev": 311,
        "pidfd_send_signal": 424,
        "rt_sigqueueinfo": 129,
        "rt_tgsigqueueinfo": 297,
        "tkill": 200,
        "io_uring_setup": 425,
        "pidfd_getfd": 438,
        "bpf": 321,
    },
    "aarch64": {
        "execve": 221,
        "execveat": 281,
        "ptrace": 117,
        "socket": 198,
        "socketpair": 199,
        "truncate": 45,
        "fchmod": 52,
        "fchmodat": 53,
        "fchmodat2": 452,
        "fchownat": 54,
        "fchown": 55,
        "utimensat": 88,
        "setxattr": 5,
        "lsetxattr": 6,
        "fsetxattr": 7,
        "removexattr": 14,
        "lremovexattr": 15,
        "fremovexattr": 16,
        "process_vm_writev": 271,
        "pidfd_send_signal": 424,
        "rt_sigqueueinfo": 138,
        "rt_tgsigqueueinfo": 240,
        "tkill": 130,
        "io_uring_setup": 425,
        "pidfd_getfd": 438,
        "bpf": 280,
    },
}
_MACHINES = {
    # AUDIT_ARCH, clone, clone3, kill, tgkill, prlimit64
    "x86_64": (0xC000003E, 56, 435, 62, 234, 302),
    "aarch64": (0xC00000B7, 220, 435, 129, 131, 261),
}

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip where a comparison holds and where it does not, operand."""


def shut_calls() -> bool:
    """Refuse what no decoder needs with EPERM from now on. False where the system or the machine cannot."""
    if platform.machine() not in _MACHINES:
        return False
    instructions = _filter(platform.machine(), os.getpid())
    packed = b"".join(struct.pack("=HBBI", *each) for each in instructions)
    code = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("@HP", len(instructions), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, program, 0, 0) == 0)


def _filter(machine: str, process: int) -> list[Instruction]:
    architecture, clone, clone3, kill, tgkill, prlimit = _MACHINES[machine]
    refuse = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
    # Another architecture's calls have other numbers.
    made = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture),
        refuse,
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        refuse,
    ]
    for number in _REFUSED[machine].values():
        made += [(_EQUAL, 0, 1, number), refuse]
    # The C library makes threads by clone where there is no clone3, whose flags a filter cannot see.
    made += [(_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    made += _unless(clone, (_ANY_BIT, _CLONE_THREAD))
    for number in (kill, tgkill):
        made += _unless(number, (_EQUAL, process))
    made += _unless(prlimit, (_EQUAL, 0), (_EQUAL, process))
    return [*made, (_RETURN, 0, 0, _ALLOW)]


def _unless(number: int, *tests: tuple[int, int]) -> list[Instruction]:
    """Refuse a call unless one of the tests holds for its first argument."""
    checks = [(code, len(tests) - index, 0, value) for index, (code, value) in enumerate(tests)]
    refuse, allow = (_RETURN, 0, 0, _ERRNO | errno.EPERM), (_RETURN, 0, 0, _ALLOW)
    return [(_EQUAL, 0, 3 + len(tests), number), (_LOAD, 0, 0, _FIRST_ARGUMENT), *checks, refuse, allow]
