# SPDX-License-Identifier: Apache-2.0
"""No setting that is accepted crashes a run: each at both of its bounds, a few frames long."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_settings import NUMBERS

# Run in a process of its own, where a crash of compiled code is seen.
EXTREMES = """
import json, sys
from tests.plane_scene import PlaneScene, path, rotations
from tests.simulation import Simulation, odometry_of
from tests.test_settings import change
from vio.engines import make_frontend
from vio.errors import VioError
from vio.odometry import run
import dataclasses

done = refused = 0
scene, poses = PlaneScene(2.0, 0.2), path(3)
frames = [scene.frame(k, pose) for k, pose in enumerate(poses)]
for engine, key, value in json.loads(sys.stdin.read()):
    print(engine, key, value, flush=True)
    try:
        config = change(key, value)
        frontend = dataclasses.replace(config.frontend, engine=engine)
        config = dataclasses.replace(config, frontend=frontend)
        if engine == "replay":
            sim = Simulation(0, seconds=0.7)
            list(run(sim, odometry_of(sim, config)))
        else:
            made = make_frontend(scene.rig, config)
            for frame, R in zip(frames, rotations(poses)):
                made.track(frame, R)
        done += 1
    except VioError as error:
        print("refused:", error)
        refused += 1
print("done", done, "refused", refused)
"""
SECTIONS = {
    "float": ("frontend", "keyframe"),
    "fixed": ("frontend", "keyframe", "hw"),
    "replay": ("imu", "backend", "init"),
}


@pytest.mark.slow
@pytest.mark.parametrize("engine", SECTIONS)
def test_no_setting_at_a_bound_crashes_a_run(engine: str) -> None:
    cases = [
        (engine, key, value)
        for key, kind in NUMBERS.items()
        if key.split(".")[0] in SECTIONS[engine]
        for value in (kind.least, kind.greatest)
    ]
    result = subprocess.run(
        [sys.executable, "-c", EXTREMES],
        input=json.dumps(cases),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, (result.stdout[-300:], result.stderr[-2000:])
    done, refused = map(int, result.stdout.splitlines()[-1].split()[1::2])
    assert done + refused == len(cases)
    assert done > len(cases) / 2
