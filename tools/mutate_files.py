# SPDX-License-Identifier: Apache-2.0
"""Mutations of good files for tools/fuzz_readers.py: bytes, numbers, lines, other files' parts."""

import random
import re
import struct
import zlib

TOKENS = [
    b"nan", b"inf", b"-1", b"0", b"1e400", b"-1e308", b"1e-320", b"9" * 25, b"0x10", b"1_0",
    b"1e15", b"4611686018427387904", b"-9223372036854775808", b"null", b"true", b"''", b'"',
    b"[", b"]", b"{", b"}", b",", b":", b" ", b"\n", b"\r", b"\t", b"#", b"%", b"---\n", b"&a ",
    b"*a", b"<<: ", b"!!python/object/apply:os.abort ", b"!!timestamp ", b"!!binary ", b"? ", b"| ",
    b"\0", b"\xff", b"\xef\xbb\xbf", "\u2028\u0660".encode(), b"../", b"\\", b"=", b"[[", b"'''",
    b"/", b"PK\3\4", b"PK\1\2", b"PK\5\6", b"IHDR", b"PLTE", b"tRNS", b"zTXt", b"\x7f\xff\xff\xff",
]  # fmt: skip


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    """Return a good file with one to six changes."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_CHANGES)(rng, data, seeds)
    return bytes(data)


def _place(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(len(data) + 1)


def _flip(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    for _ in range(min(rng.choice((1, 4, 16)), len(data))):
        data[rng.randrange(len(data))] = rng.randrange(256)


def _insert(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = _place(rng, data)
    data[at:at] = rng.choice(TOKENS) * rng.choice((1, 1, 1, 2, 50))


def _remove(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 3, 30, 1000))]


def _cut(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    del data[_place(rng, data) :]


def _number(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    """Replace a number or a word."""
    found = list(re.finditer(rb"[-+.\w]+", data))
    if found:
        word = rng.choice(found)
        new = rng.choice(TOKENS[:20])
        if rng.random() < 0.3:
            new = repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-12, 20)).encode()
        data[word.start() : word.end()] = new


def _lines(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    """Remove, double, swap or join lines."""
    lines = bytes(data).split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif i + 1 < len(lines):
        lines[i] += lines.pop(i + 1)
    data[:] = b"\n".join(lines)


def _splice(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    other = rng.choice(seeds)
    at, start = _place(rng, data), rng.randrange(len(other) + 1)
    data[at : at + rng.choice((0, 10, 1000))] = other[start : start + rng.choice((10, 100, 10000))]


def _grow(rng: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    """Rarely, repeat a token very often."""
    if rng.random() < 0.05:
        at = _place(rng, data)
        data[at:at] = rng.choice(TOKENS) * rng.choice((5_000, 200_000))


_CHANGES = (_flip, _insert, _remove, _cut, _number, _number, _lines, _lines, _splice, _grow)


def with_checksums(data: bytes) -> bytes:
    """Return a PNG with the checksums of its chunks made right, so that the damage gets further."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        body = data[at + 4 : at + 8 + length]
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out)
