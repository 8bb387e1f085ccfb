# SPDX-License-Identifier: Apache-2.0
"""Front ends: images in, verified tracks out."""

from vio.camera import StereoRig
from vio.config import Config
from vio.errors import VioError
from vio.frontend.base import FrontEnd

ENGINES = ("float", "fixed", "rtl", "opencv", "replay")


def make_frontend(rig: StereoRig, config: Config) -> FrontEnd:
    """Return the front end of config.frontend.engine; raises VioError for an unknown one."""
    engine = config.frontend.engine
    if engine == "float":
        from vio.frontend.frontend import FloatFrontEnd

        return FloatFrontEnd(rig, config)
    if engine == "fixed":
        from vio.fixed.frontend import FixedFrontEnd

        return FixedFrontEnd(rig, config)
    if engine == "rtl":
        from vio.hw.cosim.engine import RtlFrontEnd

        return RtlFrontEnd(rig, config)
    if engine == "opencv":
        from vio.frontend.opencv import OpenCvFrontEnd

        return OpenCvFrontEnd(rig, config)
    if engine == "replay":
        from vio.frontend.replay import ReplayFrontEnd

        return ReplayFrontEnd(rig, config)
    raise VioError(f"front end engine {engine!r} is unknown; known: {', '.join(ENGINES)}")
