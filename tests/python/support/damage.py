"""Damaged copies of a file: what disks, transfers and programs do to an export, by a seed."""

from __future__ import annotations

import random

KINDS = [
    "flip",
    "cut",
    "drop_quotes",
    "encode",
    "ragged",
    "join_lines",
    "repeat_header",
    "truncate",
    "insert_quote",
    "nul",
]


def damaged(content: bytes, seed: int) -> tuple[str, bytes]:
    """The kind of damage and a damaged copy of a UTF-8 file with a header; the same for the same seed."""
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    lines = content.split(b"\n")
    place = chance.randrange(1, max(2, len(lines) - 1))
    if kind == "flip":
        data = bytearray(content)
        for _ in range(chance.randint(1, 20)):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        return kind, bytes(data)
    if kind == "cut":
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(1, len(lines))
            lines[at] = lines[at][: chance.randrange(len(lines[at]) + 1)]
    elif kind == "drop_quotes":
        quotes = [at for at, byte in enumerate(content) if byte == ord('"')]
        data = bytearray(content)
        for at in sorted(chance.sample(quotes, min(len(quotes), chance.randint(1, 3))), reverse=True):
            del data[at]
        return kind, bytes(data)
    elif kind == "encode":
        encoding = chance.choice(["cp1252", "utf-16", "utf-8-sig", "gb18030", "latin-1", "cp1251"])
        text = content.decode("utf-8")
        if chance.random() < 0.3:  # two exports, one behind the other
            half = text.find("\n", len(text) // 2) + 1
            return kind, text[:half].encode() + text[half:].encode(encoding, errors="replace")
        return kind, text.encode(encoding, errors="replace")
    elif kind == "ragged":
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(1, len(lines))
            lines[at] += b"," + bytes(str(chance.randrange(100)), "ascii") * chance.randint(1, 2)
    elif kind == "join_lines":
        lines[place : place + 2] = [b"".join(lines[place : place + 2])]
    elif kind == "repeat_header":
        lines.insert(place, lines[0])
    elif kind == "truncate":
        return kind, content[: chance.randrange(1, len(content))]
    elif kind == "insert_quote":
        for _ in range(chance.randint(1, 3)):
            at = chance.randrange(1, len(lines))
            fields = lines[at].split(b",")
            column = chance.randrange(len(fields))
            fields[column] = b'"' + fields[column]
            lines[at] = b",".join(fields)
    else:
        lines[place] = lines[place].replace(b",", b",\0", 1)
    return kind, b"\n".join(lines)
