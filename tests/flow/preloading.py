"""Libraries that are loaded before those of a program (LD_PRELOAD)."""

import signal
import subprocess
from pathlib import Path

# How a program may end without memory: by its own choice, or by a library that cannot continue (librdkafka and the C
# library abort). A supervisor starts it again after each of them, but not after 2.
OUT_OF_MEMORY = (1, 127, -signal.SIGABRT)
FAIL_ALLOCATIONS = Path(__file__).with_name("fail_allocations.c")


def build(source, folder):
    """Compiles the library of one C file into the folder and returns its path."""
    library = folder / f"{source.stem}.so"
    subprocess.run(
        ["cc", "-std=c17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", library, source], check=True)
    return str(library)


def failing_allocations(libraries, chance, name="FAIL_ALLOCATIONS"):
    """A command that starts another one with the libraries, among them that of fail_allocations.c. The allocations of what starts it do
    not fail."""
    return ["/usr/bin/env", f"LD_PRELOAD={':'.join(libraries)}", f"{name}={chance}"]
