"""The two generations of TFX that this code runs on: what sets them apart, and which runs where.

Set-up asks this module before anything is installed (``python3 pipeline/stack.py``), so it needs
nothing but the standard library.
"""

import os
import platform
import sys
from typing import NamedTuple


class Stack(NamedTuple):
    """A set of versions that run together; ``requirements/NAME.txt`` holds all of them."""

    name: str
    tfx: str
    tensorflow: str
    python: str  # that set-up makes the environment with
    glibc: tuple[int, int]  # oldest C library that the compiled packages load with


COMPAT = Stack("compat", tfx="1.16", tensorflow="2.16", python="3.11", glibc=(2, 28))
CURRENT = Stack("current", tfx="1.21", tensorflow="2.21", python="3.13", glibc=(2, 39))
STACKS = (CURRENT, COMPAT)  # newest first
MACHINE = ("Linux", "x86_64")  # ml-metadata and tensorflow-data-validation have wheels for no other

LOCAL_BEAM_ARGS = (
    # The class, not its short name: "DirectRunner" tries to download another engine first.
    "--runner=apache_beam.runners.portability.fn_api_runner.FnApiRunner",
    "--direct_running_mode=in_memory",
    # Starts no container here. Without it TFX packs itself anew for each node that runs on Beam, a
    # second and 52 MB in the temporary folder each time, which workers on this machine never read.
    "--sdk_container_image=none",
)


class UnsupportedMachine(Exception):
    """No stack loads on this machine; says why and what to do."""


def glibc_version() -> tuple[int, int] | None:
    """The C library of the running process, e.g. ``(2, 36)``; None if it is not glibc."""
    try:
        name, _, version = str(os.confstr("CS_GNU_LIBC_VERSION")).partition(" ")
        major, minor = version.split(".")[:2]
        return (int(major), int(minor)) if name == "glibc" else None
    except (AttributeError, OSError, ValueError):
        return None


def choose(glibc: tuple[int, int] | None, system: str, architecture: str) -> tuple[Stack, str]:
    """The newest stack that a machine can load, and the reason in one line.

    Args:
        glibc: version of the machine's C library, None where it is another library.
        system: as ``platform.system()`` says it.
        architecture: as ``platform.machine()`` says it.

    Raises:
        UnsupportedMachine: no stack loads there.
    """
    if (system, architecture) != MACHINE or glibc is None:
        raise UnsupportedMachine(
            f"TFX's compiled packages need Linux with glibc on x86_64; this is {system} on "
            f"{architecture}{'' if glibc else ' without glibc'}. Use a Debian container or machine."
        )
    for stack in STACKS:
        if glibc >= stack.glibc:
            newer = STACKS[: STACKS.index(stack)]
            reason = "".join(
                f"; {other.name} (TFX {other.tfx}) needs {_dotted(other.glibc)}" for other in newer
            )
            return stack, f"glibc {_dotted(glibc)} loads TFX {stack.tfx}{reason}"
    oldest = _dotted(STACKS[-1].glibc)
    raise UnsupportedMachine(f"glibc {_dotted(glibc)} is too old; {oldest} or newer is needed.")


def choose_here() -> tuple[Stack, str]:
    """``choose`` for this machine."""
    return choose(glibc_version(), platform.system(), platform.machine())


def installed(tfx_version: str) -> Stack | None:
    """The stack that a version of TFX belongs to, if any."""
    for stack in STACKS:
        if tfx_version.split(".")[:2] == stack.tfx.split("."):
            return stack
    return None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def main(name: str, explain: bool) -> None:
    """What set-up asks: the stack called ``name``, or where that is empty the one for this machine.

    Prints ``name python glibc`` for the Makefile, or in one line which stack it is and why.

    Raises:
        UnsupportedMachine: it is to be explained and does not load here.
    """
    named = {stack.name: stack for stack in STACKS}
    if name and name not in named:
        raise UnsupportedMachine(f"no stack {name!r}; there are {', '.join(named)}")
    if not explain:
        try:
            chosen = named[name] if name else choose_here()[0]
        except UnsupportedMachine:
            chosen = COMPAT  # to lint and to lock; set-up explains, and stops there
        print(chosen.name, chosen.python, "_".join(map(str, chosen.glibc)))
        return
    best, why = choose_here()
    stack = named[name] if name else best
    if stack.glibc > best.glibc:
        raise UnsupportedMachine(
            f"{stack.name} does not load here: {why}. `make test-current` runs it inside Debian 13."
        )
    print(f"Stack: {stack.name}; {why}{'' if stack is best else f' ({best.name} would load too)'}")


if __name__ == "__main__":
    try:
        main(name=sys.argv[1], explain=sys.argv[2:] == ["explain"])
    except UnsupportedMachine as error:
        sys.exit(str(error))
