# SPDX-License-Identifier: Apache-2.0
"""Which fields the golden vectors of each block hold, taken from a recorded frame."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vio.config import Config
from vio.datasets.base import Dataset
from vio.errors import VioError
from vio.fixed.codec import get_codec
from vio.fixed.frontend import FixedFrontEnd
from vio.fixed.qformat import uq
from vio.fixed.rectify import project, rotate_ray, unproject
from vio.fixed.stereo_search import NO_MATCH
from vio.hw.cosim.record import Recorded, record
from vio.hw.cosim.vectors import PIXEL, Builder, VectorSet

FLAG, COUNT, ID = uq(1, 0), uq(16, 0), uq(32, 0)
GRID = (7, 9)  # rows and columns of the points that block rectify is given


def _pyramid(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    call = r.call("build_pyramid")
    b.images("level", call.result[:1])
    for level, image in enumerate(call.result[1:], start=1):
        b.add(f"level{level}", image, PIXEL, output=True)


def _corners(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    scores, tiles, chosen = (
        r.call(n) for n in ("corner_scores", "tile_candidates", "select_corners")
    )
    _, b.registers["tile_px"], b.registers["min_score"], b.registers["border"] = tiles.arguments
    names = ("cell_columns", "cell_rows", "cell_budget", "room", "min_distance")
    b.registers.update(zip(names, map(int, chosen.arguments[4:]), strict=True))
    b.inputs(image=(scores.arguments[0], PIXEL), occupied_uv=(chosen.arguments[1], "uv"))
    b.outputs(
        scores=(scores.result, "corner_score"),
        candidate_uv=(tiles.result[:, :, :2], COUNT),
        candidate_score=(tiles.result[:, :, 2], "corner_score"),
        chosen_uv=(chosen.result[0], "uv"),
        chosen_score=(chosen.result[1], "corner_score"),
    )


def _codec(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    names = {"left": b.hw.codec_left, "upper": b.hw.codec_upper, "right": b.hw.codec_right}
    pyramid = r.call("build_pyramid").result
    images: dict[str, np.ndarray | None] = {
        "left": pyramid[0],
        "upper": pyramid[1] if len(pyramid) > 1 else None,
    }
    if b.hw.codec_right != b.hw.codec_left:  # else the left image shows it
        images["right"] = r.frame.right
    for name, image in images.items():
        coder = get_codec(names[name])
        if image is None or coder.bits > 63:
            continue
        words = coder.encode(image)
        b.inputs(**{f"{name}_image": (image, PIXEL)})
        b.outputs(
            **{
                f"{name}_words": (words, uq(coder.bits, 0)),
                f"{name}_decoded": (coder.decode(words, *image.shape), PIXEL),
            }
        )


def _klt(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    call = r.call("track_windows")
    key, current, uv_key, start, warps, registers, _ = call.arguments
    b.scalars(registers)
    b.images("key", key)
    b.images("current", current)
    b.inputs(
        uv_key=(uv_key, "uv"),
        uv_start=(np.clip(start, b.forms["uv"].low, b.forms["uv"].high), "uv"),
        warps=(warps, "warp"),
        weights=(registers.weights, uq(b.hw.weight_bits, 0)),
    )
    uv, status, iterations = call.result
    b.outputs(uv=(uv, "uv"), status=(status, uq(3, 0)), iterations=(iterations, COUNT))


def _rectify(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    lens, signals = engine._left, engine._signals
    height, width = engine.rig.left.height, engine.rig.left.width
    v, u = np.meshgrid(
        np.linspace(0, (height - 1) << b.hw.coord_frac, GRID[0]).astype(np.int64) | 5,
        np.linspace(0, (width - 1) << b.hw.coord_frac, GRID[1]).astype(np.int64) | 9,
        indexing="ij",
    )
    uv = np.stack([u.ravel(), v.ravel()], axis=1)
    rays = np.array([unproject(lens, signals, *p) for p in uv])
    R = engine._stereo.R_rect_left
    turned = [rotate_ray(signals, R, *ray) for ray in rays]
    rays_turned = np.array([t[:2] for t in turned])
    pixels = [project(lens, signals, *ray) for ray in rays_turned]
    b.lens("left", lens)
    b.inputs(uv=(uv, "uv"), rotation=(R, "rotation"))
    b.outputs(
        rays=(rays, "ray"),
        turned=(rays_turned, "ray"),
        ahead=(np.array([t[2] for t in turned]), FLAG),
        projected=(np.array([p[:2] for p in pixels]), "uv"),
        inside=(np.array([p[2] for p in pixels]), FLAG),
    )


def _stereo(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    call = r.call("match_rows")
    left, right, lens_left, lens_right, uv, registers, tracker, columns, _ = call.arguments
    b.scalars(tracker)
    b.scalars(registers)  # its correlation_min and iterations stand for the tracker's
    b.registers["max_columns"] = columns
    b.lens("left", lens_left)
    b.lens("right", lens_right)
    b.inputs(
        left=(left, PIXEL),
        right=(right, PIXEL),
        uv=(uv, "uv"),
        weights=(tracker.weights, uq(b.hw.weight_bits, 0)),
        R_rect_left=(registers.R_rect_left, "rotation"),
        R_rect_right=(registers.R_rect_right, "rotation"),
    )
    uv_right, rays, work = call.result
    matched = uv_right[:, 0] != NO_MATCH
    b.outputs(
        matched=(matched, FLAG),
        uv_right=(np.where(matched[:, None], uv_right, 0), "uv"),
        rays=(rays[:, :2], "ray"),
        disparity=(rays[:, 2], "inverse_depth"),
        work=(work, COUNT),
    )


def _ransac(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    mono, sizes = r.call("mono_ransac"), r.call("inverse_scale_change")
    R, rays_key, rays, threshold2, loose2, draws, seed, _ = mono.arguments
    b.registers.update(threshold2=threshold2, loose2=loose2, draws=draws, seed=seed)
    b.inputs(rotation=(R, "rotation"), rays_key=(rays_key, "ray"), rays=(rays, "ray"))
    b.outputs(inlier=(mono.result[0], FLAG), direction=(mono.result[1], "epipole"))
    b.inputs(sizes_rays_key=(sizes.arguments[2], "ray"), sizes_rays=(sizes.arguments[3], "ray"))
    b.outputs(inverse_scale=(sizes.result, "scale"))
    if not r.calls["stereo_ransac"]:
        return  # no keyframe, or no point was seen at the last one
    stereo = r.call("stereo_ransac")
    R, points, seen, b.registers["stereo_threshold"], *_ = stereo.arguments
    b.inputs(
        stereo_rotation=(R, "rotation"),
        points_key_xy=(points[:, :2], "point"),
        points_key_z=(points[:, 2], "depth"),
        stereo_rays=(seen[:, :2], "ray"),
        stereo_disparity=(seen[:, 2], "inverse_depth"),
    )
    b.outputs(agree=(stereo.result, FLAG))


def _keyframe(b: Builder, engine: FixedFrontEnd, r: Recorded) -> None:
    predict, inside = r.call("predict_pixels"), r.call("count_inside")
    moved, due = r.call("count_moved"), r.call("is_keyframe")
    names = ("age", "max_age", "alive", "min_alive", "tracks_at_key", "moved", "tracks")
    b.registers.update(zip(names, map(int, due.arguments), strict=True))
    b.registers.update(border=inside.arguments[2], moved_limit2=moved.arguments[3])
    b.lens("left", predict.arguments[0])
    b.inputs(
        rotation_last=(predict.arguments[2], "rotation"),
        rotation_key=(moved.arguments[2], "rotation"),
        rays=(predict.arguments[3], "ray"),
        rays_key=(moved.arguments[0], "ray"),
    )
    b.outputs(
        predicted=(predict.result, "uv"),
        alive=(np.array([inside.result]), COUNT),
        moved=(np.array([moved.result]), COUNT),
        due=(np.array([due.result]), FLAG),
    )


def _frontend(b: Builder, engine: FixedFrontEnd, recorded: list[Recorded]) -> None:
    """Add a sequence from a reset on: images and rotations in, the track lists out."""
    for k, r in enumerate(recorded):
        if r.frame.left is not None:
            b.inputs(**{f"frame{k}_left": (r.frame.left, PIXEL)})
        if r.frame.right is not None and r.tracks.is_keyframe:
            b.inputs(**{f"frame{k}_right": (r.frame.right, PIXEL)})
        b.inputs(**{f"frame{k}_rotation": (r.rotation, "rotation")})
        t, one = r.tracks, 2.0**b.hw.coord_frac
        matched = np.isfinite(t.uv_right[:, 0])
        uv_right = np.where(matched[:, None], t.uv_right, 0.0) * one
        for name, values, form in (
            ("is_keyframe", np.array([t.is_keyframe]), FLAG),
            ("ids", t.ids, ID),
            ("age", t.age, COUNT),
            ("quality", t.quality, b.forms["corner_score"]),
            ("uv", t.uv_left * one, b.forms["uv"]),
            ("matched", matched, FLAG),
            ("uv_right", uv_right, b.forms["uv"]),
        ):
            b.add(f"frame{k}_{name}", values, form, output=True)


Build = Callable[[Builder, FixedFrontEnd, Recorded], None]
BLOCKS: dict[str, Build | None] = {
    "pyramid": _pyramid,
    "corners": _corners,
    "codec": _codec,
    "klt": _klt,
    "rectify": _rectify,
    "stereo": _stereo,
    "ransac": _ransac,
    "keyframe": _keyframe,
    "frontend": None,  # takes all frames
}


def make_sets(
    block: str, dataset: Dataset, config: Config, origin: dict[str, object], first: int, count: int
) -> dict[int, VectorSet]:
    """Return {frame: vectors} of a block; `frontend` gives one set of `count` frames from a reset.

    origin: preset, settings and recording, for the manifest. Raises VioError for an unknown block,
    a frame that the recording does not have, and one at which the block has nothing to do.
    """
    if block not in BLOCKS:
        raise VioError(f"block {block!r} is unknown; known: {', '.join(BLOCKS)}")
    build = BLOCKS[block]
    if build is None:
        engine, recorded = record(dataset, config, first, count, warm_up=0)
        b = Builder(config)
        _frontend(b, engine, recorded)
        b.registers["seed"] = config.frontend.seed
        return {first: VectorSet(block, {**origin, "frame": first, "count": count}, b.registers,
                                 b.fields)}  # fmt: skip
    sets = {}
    for frame in range(first, first + count):
        engine, recorded = record(dataset, config, frame, 1)
        b = Builder(config)
        build(b, engine, recorded[0])
        registers = {name: int(value) for name, value in b.registers.items()}
        sets[frame] = VectorSet(block, {**origin, "frame": frame}, registers, b.fields)
    return sets


# The small vectors that are checked in; `frontend` begins with the first frame.
VECTORS = Path("sim/vectors")
SOURCE = VECTORS / "source"
PRESET, SETTINGS, FRAME, COUNT_FRONTEND = "tiny", ["keyframe.max_age_s=0.1"], 2, 3


def checked_in_set(block: str, root: Path) -> VectorSet:
    """Return the small vectors of a block that belong into sim/vectors/<block>.

    root: the repository.
    """
    from vio.config import load_config
    from vio.datasets import open_dataset

    origin: dict[str, object] = {
        "preset": PRESET,
        "settings": SETTINGS,
        "recording": SOURCE.as_posix(),
    }
    first, count = (0, COUNT_FRONTEND) if block == "frontend" else (FRAME, 1)
    config = load_config(PRESET, SETTINGS)
    sets = make_sets(block, open_dataset(root / SOURCE), config, origin, first, count)
    return sets[first]
