# SPDX-License-Identifier: Apache-2.0
"""Keys of older configurations are refused with the key that took their place."""

import pytest

from vio.config import RENAMED_KEYS, Config, config_from_dict, load_config
from vio.errors import VioError


@pytest.mark.parametrize("key", RENAMED_KEYS)
def test_an_old_key_is_refused_with_its_new_name(key: str) -> None:
    section, _, name = key.partition(".")
    new = RENAMED_KEYS[key]
    with pytest.raises(
        VioError, match=f"^{key} is now called {new}; rename it(, and its value is .*)?$"
    ):
        config_from_dict({section: {name: 64}})
    with pytest.raises(VioError, match=new):
        load_config("euroc", [f"{key}=64"])


def test_the_new_names_exist_and_the_old_ones_do_not() -> None:
    for old, new in RENAMED_KEYS.items():
        section, _, name = new.partition(".")
        assert hasattr(getattr(Config(), section), name)
        assert not hasattr(getattr(Config(), section), old.partition(".")[2])
