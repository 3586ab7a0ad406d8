"""Ways to damage a spool: each takes a folder's files, a dictionary of bytes by name, and returns them changed."""

import random

from spool_reader import SLOT_DISTANCE, SLOT_LENGTH


def data_files(files):
    return [name for name in sorted(files) if name != "lock"]


def segments(files):
    return [name for name in sorted(files) if name.endswith(".seg")]


def flip(name, offset):
    def damage(files):
        data = bytearray(files[name])
        if offset < len(data):
            data[offset] ^= 1 << offset % 8
        return files | {name: bytes(data)}
    return f"flip {name} {offset}", name, damage


def truncate(name, length):
    return f"truncate {name} {length}", name, lambda files: files | {name: files[name][:length]}


def remove(name):
    return f"remove {name}", name, lambda files: {other: data for other, data in files.items() if other != name}


def rename(name, to):
    return f"rename {name} {to}", name, lambda files: remove(name)[2](files) | {to: files[name]}


def copy(name, to):
    return f"copy {name} {to}", name, lambda files: files | {to: files[name]}


def swap(name, other):
    return f"swap {name} {other}", name, lambda files: files | {name: files[other], other: files[name]}


def put(name, data, whose):
    return f"put {name} of {whose}", name, lambda files: files | {name: data}


def bytes_of(files, name):
    """The offsets that hold something."""
    if name == "position":
        return [at + offset for at in (0, SLOT_DISTANCE) for offset in range(SLOT_LENGTH)]
    return range(len(files[name]))


def single(files, other, older):
    """Every single damage: (what, file, function). other: the files of another spool; older: an earlier position file."""
    found = [put("position", older, "an earlier time")]
    names = segments(files)
    for name in data_files(files):
        found += [flip(name, offset) for offset in bytes_of(files, name)]
        found += [truncate(name, length) for length in bytes_of(files, name)]
        found.append(remove(name))
        found.append(put(name, other[name], "another spool"))
    for name in names:
        first_id = int(name[:20])
        for id_ in {1, first_id + 1, first_id + 3, 5000} - {first_id}:
            to = f"{id_:020d}.seg"
            found += [rename(name, to), copy(name, to), put(to, other[name], "another spool")]
        found += [swap(name, to) for to in names if name < to]
        found.append(rename(name, "dead-letters.log"))
    return found


def pairs(files, damages, count, seed):
    """Two random damages of different files together; flips and truncations no more often than the others."""
    chance = random.Random(seed)
    common = [damage for damage in damages if damage[0].split()[0] in ("flip", "truncate")]
    rare = [damage for damage in damages if damage not in common]
    for _ in range(count):
        first, second = (chance.choice(chance.choice((common, rare))) for _ in range(2))
        if first[1] != second[1]:
            yield f"{first[0]} and {second[0]}", first[1], both(first[2], second[2])


def both(first, second):
    def damage(files):
        files = first(files)
        try:
            return second(files)
        except KeyError:  # the first has removed what the second needs
            return files
    return damage
