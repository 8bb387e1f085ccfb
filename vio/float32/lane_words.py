# SPDX-License-Identifier: Apache-2.0
"""Write the calls of lane programs as the vector engine reads them: four words, and descriptors.

An item (a ray, a factor or a state) has two descriptors of 30 bits in the memory of runs: an
address 17, a column 12, and a bit: of the first the camera, of the second whether it has motion
columns.
docs/chip/engine.md has the table of the fields; rtl/backend/lane_sequencer.v reads them.
"""

from dataclasses import dataclass

from vio.float32 import calls as c
from vio.float32 import memory_map as m
from vio.float32.memory_map import Columns, MemoryMap
from vio.float32.observe import ways
from vio.float32.schedule import Moved, Observed
from vio.float32.structure import Structure

Descriptor = tuple[int, int, int]  # address, column, bit


@dataclass(frozen=True)
class LaneCall:
    """Hold a lane program's call: items of its first and second pass, addresses, descriptors.

    step: address of a step, 0 for none. first: an address; pairs: one from which each item has two
    words of its own. items: two descriptors each.
    """

    counts: tuple[int, int]
    dest: int
    step: int = 0
    first: int = 0
    pairs: int = 0
    items: tuple[Descriptor, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Hold what the calls of a list lie in: a window, the columns of its system, its memory."""

    s: Structure
    columns: Columns
    where: MemoryMap

    def lane_call(self, kind: int, dest: int, operand: object) -> LaneCall:
        """Return the call of a lane program; dest, operand: of the list."""
        where = self.where
        if isinstance(operand, Observed):
            return self._observe(dest, operand)
        if isinstance(operand, Moved):
            motion = operand.columns[6] if len(operand.columns) > 6 else 0
            items = (
                (where.state(operand.frame), operand.columns[0], 0),
                (0, motion, int(len(operand.columns) > 6)),
            )
            step = where.x if kind == c.RETRACT else 0
            return LaneCall((0, 1), dest, step, items=items)
        assert isinstance(operand, int)
        i, j = (where.state(f) for f in self.s.factors[operand])
        address = where.factors + m.FACTOR_WORDS * operand
        return LaneCall((1, 1), dest, first=address, items=((i, 0, 0), (j, 0, 1)))

    def _observe(self, dest: int, o: Observed) -> LaneCall:
        where, pose = self.where, self.columns.pose
        rays = ways(self.s, [o]).tolist()
        items: list[Descriptor] = []
        for _, host, frame, camera, _, _ in rays:
            columns = (pose[host], pose[frame]) if o.moved is not None else (0, 0)
            items += [(where.state(host), columns[0], camera), (where.state(frame), columns[1], 0)]
        own = sum(ray[4] for ray in rays)
        landmark = where.landmarks + m.LANDMARK_WORDS * o.index
        return LaneCall((own, len(rays) - own), dest, o.moved or 0, landmark, o.first, tuple(items))
