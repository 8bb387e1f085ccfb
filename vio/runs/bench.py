# SPDX-License-Identifier: Apache-2.0
"""Measure speed and memory of the odometry, each engine in a process of its own."""

import dataclasses
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter, process_time
from typing import Any

import numpy as np

from vio.config import Config
from vio.runs.warm_up import warm_up

WARM_UP_S = 3.0  # loads or compiles the machine code of every stage before the clock counts


def measure_engines(
    path: str, config: Config, engines: tuple[str, ...], repeats: int, threads: int
) -> dict[str, Any]:
    """Return {engine: figures of `measure`}; a fresh process each, so that peaks do not add up."""
    context = multiprocessing.get_context("spawn")
    results = {}
    for engine in engines:
        frontend = dataclasses.replace(config.frontend, engine=engine)
        settings = dataclasses.replace(config, frontend=frontend)
        warm_up(settings)
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            results[engine] = pool.submit(measure, path, settings, repeats, threads).result()
    return results


def measure(path: str, config: Config, repeats: int, threads: int) -> dict[str, Any]:
    """Run a recording `repeats` times; return the times of the fastest pass, accuracy and memory.

    Times are wall-clock from before a frame's inertial samples to its pose, without image decoding.
    The CPU time of a frame is that of the whole process: all threads, decoding included.
    """
    from vio.environment import load_numba

    load_numba()
    from vio.datasets import open_configured
    from vio.engines import make_odometry
    from vio.odometry import Odometry, run
    from vio.runs.execute import Watched, peak_memory_mb
    from vio.runs.log import RunLog
    from vio.runs.summary import accuracy, time_statistics
    from vio.workers import set_thread_count

    set_thread_count(threads)
    dataset = open_configured(path, config.dataset)
    first_ns = int(dataset.frame_t_ns[0])

    def odometry() -> Odometry:
        return make_odometry(dataset.rig, dataset.imu_noise, config)

    for _ in run(dataset, odometry(), until_ns=first_ns + round(WARM_UP_S * 1e9)):
        pass
    passes, cpu_ms = [], []
    for _ in range(repeats):
        watched, log = Watched(dataset), RunLog()
        cpu, start = process_time(), perf_counter()
        for state in run(watched, odometry()):
            wall_ms = (perf_counter() - start) * 1e3
            stages = {"total": wall_ms - watched.decode_ms, "decode": watched.decode_ms}
            log.append(state, stages | state.stage_ms)
            start = perf_counter()
        cpu_ms.append((process_time() - cpu) * 1e3 / max(len(log), 1))
        passes.append(log)
    means = [float(log.stages_ms()["total"].mean()) for log in passes]
    best = passes[int(np.argmin(means))]
    return {
        "frames": len(best),
        "threads": threads,
        "pass_means_ms": [round(mean, 3) for mean in means],
        "cpu_ms": round(min(cpu_ms), 3),
        "stages_ms": {name: time_statistics(ms) for name, ms in best.stages_ms().items()},
        "peak_memory_mb": round(peak_memory_mb(), 1),
        "accuracy": accuracy(dataset, best),
    }
