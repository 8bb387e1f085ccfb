# SPDX-License-Identifier: Apache-2.0
"""Which types the compiled functions of vio/fixed compute with, by numba's own type inference."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy as np
from numba.core import compiler, registry, types
from numba.core.dispatcher import Dispatcher
from numba.core.ssa import reconstruct_ssa
from numba.core.target_extension import target_override
from numba.core.typed_passes import type_inference_stage

import vio.fixed


def kernels() -> Iterator[tuple[str, Dispatcher]]:
    """Yield the name and the dispatcher of every compiled function defined in vio/fixed."""
    for module in pkgutil.walk_packages(vio.fixed.__path__, "vio.fixed."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, Dispatcher) and value.py_func.__module__ == module.name:
                yield f"{module.name}.{name}", value


def types_of(kernel: Dispatcher, arguments: tuple[types.Type, ...]) -> dict[str, types.Type]:
    """Return the type of every variable of a compiled function called with these types."""
    code = compiler.run_frontend(kernel.py_func)
    code = reconstruct_ssa(code)
    typing, target = registry.cpu_target.typing_context, registry.cpu_target.target_context
    typing.refresh()
    target.refresh()
    with target_override("cpu"):
        found: dict[str, types.Type] = type_inference_stage(
            typing, target, code, arguments, None
        ).typemap
    return found


def floats_of(kernel: Dispatcher, arguments: tuple[types.Type, ...]) -> list[str]:
    """Return the variables that hold a float, an array of floats, or call with one."""
    return [
        f"{name}: {kind}"
        for name, kind in types_of(kernel, arguments).items()
        if "float" in str(kind)
    ]


def arrays_within(value: Any, path: str, seen: set[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every array that an object holds, at any depth, with its path."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from arrays_within(part, f"{path}[{key!r}]", seen)
    elif isinstance(value, tuple | list):
        for i, part in enumerate(value):
            yield from arrays_within(part, f"{path}[{i}]", seen)
    elif hasattr(value, "__dict__") and type(value).__module__.startswith("vio.fixed"):
        for name, part in vars(value).items():
            yield from arrays_within(part, f"{path}.{name}", seen)
