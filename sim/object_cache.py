# SPDX-License-Identifier: Apache-2.0
"""Compile a file of Verilator's own once for all builds of the tests: what OBJCACHE runs.

    python sim/object_cache.py FOLDER c++ ... -c -o OUT SOURCE

Each build compiles the same few files of Verilator's library, which takes longer than most blocks.
Their objects depend on the command, the compiler and the library alone, and are kept in FOLDER.
Anything else is compiled as ever.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Run a compiler's command, or copy what it made before; return its exit code."""
    folder, command = Path(arguments[0]), arguments[1:]
    library = Path(os.environ.get("VERILATOR_ROOT", "/nowhere")) / "include"
    source = Path(command[-1])
    if "-o" not in command[:-2] or library not in source.parents:
        return subprocess.call(command)
    out = Path(command[command.index("-o") + 1])
    compiler = Path(shutil.which(command[0]) or command[0]).resolve()
    key = hashlib.blake2b("\0".join(command).encode(), digest_size=16)
    for file in (compiler, source, *sorted(library.glob("*.h"))):
        key.update(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}".encode())
    kept = folder / f"{source.stem}-{key.hexdigest()}.o"
    if kept.exists():
        shutil.copyfile(kept, out)
        return 0
    code = subprocess.call(command)
    if code == 0:
        folder.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(out, new)
        new.replace(kept)  # another process may be doing the same
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
