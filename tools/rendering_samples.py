# SPDX-License-Identifier: Apache-2.0
"""Make docs/images/rendering_samples.jpg: two views of each scenario, at a third of the size."""

from pathlib import Path

import numpy as np
from PIL import Image

from vio.render import open_scenario
from vio.render.scenario import scenario_names

SIZE = (251, 160)
SEED = 1


def main() -> None:
    """Write the picture."""
    names = scenario_names()
    sheet = Image.new("L", (2 * SIZE[0], len(names) * SIZE[1]))
    for row, name in enumerate(names):
        sequence = open_scenario(name, SEED)
        for column, share in enumerate((0.3, 0.7)):
            index = int(share * len(sequence.t_ns))
            view = Image.fromarray(np.asarray(sequence.renderer.image(index, 0)))
            sheet.paste(view.resize(SIZE), (column * SIZE[0], row * SIZE[1]))
    sheet.save(Path(__file__).parents[1] / "docs/images" / "rendering_samples.jpg", quality=80)


if __name__ == "__main__":
    main()
