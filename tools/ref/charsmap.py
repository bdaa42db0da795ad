"""SentencePiece's precompiled character maps, built from rules.

A map is the length of a trie in bytes, the trie, and the replacements, each ended by a zero byte. The trie is a
double array as Darts-clone lays it out: a node's children lie at its base XOR the byte that leads to them, a unit
holds that byte, the way to its own base, and whether a rule ends there, whose replacement the unit at the base names.
"""

import struct


def charsmap(rules):
    """The map of rules {what is replaced: by what}, both bytes."""
    replacements, trie = b"", {}
    for old, new in rules.items():
        node = trie
        for byte in old:
            node = node.setdefault(byte, {})
        node[0] = len(replacements)  # no rule holds a zero byte
        replacements += new + b"\0"
    units, bases, free = {0: 0}, set(), 1

    def place(node, at):
        nonlocal free
        while free in units:
            free += 1
        base = free
        while base in bases or any(base ^ byte in units for byte in node):
            base += 1
        way = at ^ base
        assert way < 1 << 21, "the trie is too large for short ways"
        bases.add(base)
        units[at] |= way << 10 | (0 in node) << 8
        for byte, child in node.items():
            units[base ^ byte] = byte if byte else 1 << 31 | child
        for byte, child in node.items():
            if byte:
                place(child, base ^ byte)

    place(trie, 0)
    size = max(units) | 0xFF  # every way stays inside
    data = b"".join(struct.pack("<I", units.get(i, 0)) for i in range(size + 1))
    return struct.pack("<I", len(data)) + data + replacements
