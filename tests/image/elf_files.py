"""Tiny ELF files made by hand: just what a loader's question "what do you need?" looks at."""

from __future__ import annotations

import struct


def elf(*needed: str, interpreter: str = "", wide: bool = True) -> bytes:
    """An ELF file with one load segment at address 0x1000, an optional interpreter and DT_NEEDED entries."""
    header_size, entry_size = (64, 56) if wide else (52, 32)
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needed)
    loader = interpreter.encode() + b"\0" if interpreter else b""
    headers = 2 + bool(loader)
    names_at = header_size + headers * entry_size
    loader_at = names_at + len(names)
    dynamic_at = loader_at + len(loader)
    pair = struct.Struct("<qQ" if wide else "<iI")
    offset, dynamic = 1, b""
    for name in needed:
        dynamic += pair.pack(1, offset)
        offset += len(name) + 1
    dynamic += pair.pack(5, 0x1000 + names_at) + pair.pack(0, 0)
    total = dynamic_at + len(dynamic)

    def segment(kind: int, at: int, length: int) -> bytes:
        if wide:
            return struct.pack("<IIQQQQQQ", kind, 0, at, 0x1000 + at, 0, length, length, 0)
        return struct.pack("<IIIIIIII", kind, at, 0x1000 + at, 0, length, length, 0, 0)

    segments = segment(1, 0, total) + segment(2, dynamic_at, len(dynamic))
    if loader:
        segments += segment(3, loader_at, len(loader))
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    layout = "<HHIQQQIHHHHHH" if wide else "<HHIIIIIHHHHHH"
    head = struct.pack(layout, 3, 62, 1, 0, header_size, 0, 0, header_size, entry_size, headers, 0, 0, 0)
    return ident + head + segments + names + loader + dynamic
