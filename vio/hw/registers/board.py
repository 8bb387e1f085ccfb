# SPDX-License-Identifier: Apache-2.0
"""The registers of a board around the chip, on its host link: fpga/common/board_registers.v.

The chip's own registers are at their addresses of `vio.hw.registers.map`. Kinds: `constant` and
`status` are read; `control` is written and read back; a read of `pop` takes a word of a queue, and
is refused where none waits; a write of `command` starts something, refused while the last one is
under way, and a read gives its result.
"""

from vio.hw.registers.map import Field, Register

BOARD_BASE = 0x8000
BOARD_IDENTITY = 0x4B53_4231  # "KSB1"


def _word(name: str, doc: str, bits: int = 32) -> tuple[Field, ...]:
    return (Field(name, 0, bits, doc),)


def board_map() -> list[Register]:
    """Return the board's registers by address."""
    i2c = (
        Field("data", 0, 16, "written: to the camera; read: from it"),
        Field("register", 16, 8, "of the camera, only written"),
        Field("read", 24, 1, "1: read it, only written"),
        Field("device", 25, 7, "address on the bus, only written"),
    )
    i2c_result = (
        Field("failed", 30, 1, "read: nobody acknowledged"),
        Field("busy", 31, 1, "read: a transfer is under way"),
    )
    imu = (
        Field("data", 0, 8, "written: to the sensor; read: from it"),
        Field("address", 8, 7, "of the sensor's register, only written"),
        Field("read", 15, 1, "1: read it, only written"),
        Field("busy", 31, 1, "read: an access is under way"),
    )
    setup = (
        Field("burst", 0, 7, "address of the first of a sample's twelve bytes"),
        Field("enable", 8, 1, "read a sample at each edge of its interrupt"),
    )
    entries: list[tuple[str, str, str, tuple[Field, ...]]] = [
        ("identity", "constant", "", _word("value", f"{BOARD_IDENTITY:#x}")),
        (
            "build",
            "constant",
            "",
            _word("build", "first bytes of the digest of sources, preset and tools"),
        ),
        ("time_low", "status", "", _word("time_low", "cycles since reset; holds time_high")),
        ("time_high", "status", "", _word("time_high", "of the last read of time_low")),
        (
            "trigger_period",
            "control",
            "",
            _word("trigger_period", "cycles from trigger to trigger, 2 or more; 0: none"),
        ),
        ("trigger_width", "control", "", _word("trigger_width", "cycles of a trigger, 1 or more")),
        ("trigger_count", "status", "", _word("trigger_count", "triggers since reset")),
        ("trigger_time", "status", "", _word("trigger_time", "time_low of the last trigger")),
        (
            "track_length",
            "status",
            "",
            _word("track_length", "words of the oldest packet of tracks, 0: none waits", 16),
        ),
        ("track_data", "pop", "", _word("track_data", "its next word")),
        (
            "sample_length",
            "status",
            "",
            _word("sample_length", "words of the oldest inertial sample (5), 0: none waits", 16),
        ),
        (
            "sample_data",
            "pop",
            "",
            _word("sample_data", "its next word: time low and high, twelve bytes of the sensor"),
        ),
        (
            "sample_lost",
            "status",
            "",
            _word("sample_lost", "samples whose edge came before the last one was read and queued"),
        ),
        ("i2c", "command", "a camera's register", i2c),
        ("imu", "command", "a register of the inertial sensor", imu),
        ("imu_setup", "control", "", setup),
    ]
    registers = [
        Register(name, BOARD_BASE + 4 * i, kind, doc, fields)
        for i, (name, kind, doc, fields) in enumerate(entries)
    ]
    at = next(i for i, register in enumerate(registers) if register.name == "i2c")
    registers[at] = registers[at]._replace(fields=registers[at].fields + i2c_result)
    return registers
