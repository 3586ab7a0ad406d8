"""Reads a spool's files by docs/spool-format.md alone, to find out what a damaged one still holds."""

import functools
import re
import struct
from collections import namedtuple
from pathlib import Path

import xxhash

MESSAGE, RELEASE, FORGET, GAP = 1, 2, 3, 4
SEGMENT_MAGIC, POSITION_MAGIC = b"RSSPOOL\x1a", b"RSPOSIT\x1a"
VERSION = 1
SLOT_LENGTH, SLOT_DISTANCE = 104, 4096
GREATEST_ID = 2**63 - 1
LETTERS = "dead-letters.log"

Header = namedtuple("Header", "uuid first_id packet_ids length")
Record = namedtuple("Record", "id kind flags packet_id time topic properties payload reason offset length")
Position = namedtuple("Position", "clean sequence uuid id delivered dead synced_segment synced_end boot_id")

RECORD = struct.Struct("<QIBBHQqIIHH")


def checksum(data, seed=0):
    return xxhash.xxh3_64_intdigest(data, seed)


def read_header(data):
    """The header of a segment, or None where it is not whole."""
    if len(data) < 52 or data[:8] != SEGMENT_MAGIC:
        return None
    version, length = struct.unpack_from("<II", data, 8)
    count, = struct.unpack_from("<I", data, 40)
    if version != VERSION or length != 52 + 2 * count or length > len(data):
        return None
    if checksum(data[:length - 8]) != struct.unpack_from("<Q", data, length - 8)[0]:
        return None
    first_id, = struct.unpack_from("<Q", data, 32)
    return Header(data[16:32], first_id, struct.unpack_from(f"<{count}H", data, 44), length)


def seed_of(uuid, first_id):
    return checksum(uuid + struct.pack("<Q", first_id))


def read_record(data, offset, seed):
    """The record at the offset, or None where there is no whole one."""
    if len(data) - offset < RECORD.size:
        return None
    found, length, kind, flags, packet_id, id_, time, properties, payload, topic, reason = RECORD.unpack_from(data, offset)
    if length != RECORD.size + properties + payload + topic + reason or length > len(data) - offset:
        return None
    if not MESSAGE <= kind <= GAP or not 1 <= id_ <= GREATEST_ID:
        return None
    if checksum(data[offset + 8:offset + length], (seed + offset) % 2**64) != found:
        return None
    parts, at = [], offset + RECORD.size
    for size in topic, properties, payload, reason:
        parts.append(data[at:at + size])
        at += size
    return Record(id_, kind, flags, packet_id, time, *parts, offset, length)


@functools.lru_cache(maxsize=10000)
def whole_records(data, uuid, first_id):
    """All whole records in a segment, whatever else is there."""
    records, offset, seed = [], 0, seed_of(uuid, first_id)
    while offset < len(data):
        record = read_record(data, offset, seed)
        if record:
            records.append(record)
        offset += record.length if record else 1
    return tuple(records)


def read_position(data):
    """The valid slot of the position file; None where neither is whole."""
    found = []
    for at in 0, SLOT_DISTANCE:
        slot = data[at:at + SLOT_LENGTH]
        if len(slot) == SLOT_LENGTH and slot[:8] == POSITION_MAGIC and checksum(slot[:96]) == struct.unpack_from("<Q", slot, 96)[0]:
            version, flags, sequence = struct.unpack_from("<IIQ", slot, 8)
            if version == VERSION:
                found.append(Position(bool(flags & 1), sequence, slot[24:40], *struct.unpack_from("<5Q", slot, 40), slot[80:96]))
    return max(found, key=lambda position: position.sequence, default=None)


class Spool:
    """A spool's folder as it is now. uuid: the spool's, since its position file may be missing or that of another."""

    def __init__(self, folder, uuid=None):
        self.files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        self.position = read_position(self.files.get("position", b""))
        self.uuid = uuid or self.position.uuid
        if self.position and self.position.uuid != self.uuid:
            self.position = None

    def segments(self):
        """(first id, bytes) of those that are this spool's, by what their header says, or their name where it says nothing."""
        found = []
        for name, data in sorted(self.files.items()):
            match = re.fullmatch(r"(\d{20})\.seg", name)
            header = read_header(data)
            if match and (header is None or header.uuid == self.uuid):
                found.append((header.first_id if header else int(match[1]), data))
        return found

    def whole_in(self, name):
        """The whole records in a segment whose name is right."""
        return whole_records(self.files[name], self.uuid, int(name[:20]))

    def records(self):
        """All whole records, by id."""
        return {record.id: record for first_id, data in self.segments()
                for record in whole_records(data, self.uuid, first_id)}

    def waiting(self):
        """The payloads of the whole messages from the position on, by id."""
        position = self.position.id if self.position else 1
        return {id_: record.payload for id_, record in self.records().items()
                if id_ >= position and record.kind == MESSAGE}

    def letters(self):
        """The whole dead letters, by id."""
        data = self.files.get(LETTERS, b"")
        header = read_header(data)
        if header and header.uuid != self.uuid:
            return {}
        return {record.id: record for record in whole_records(data, self.uuid, 0)}

    def faults(self):
        """How the spool differs from the document; for spools that are neither damaged nor torn by a kill."""
        due, last_end, found = None, 0, []
        if not self.position:
            return ["no position"]
        for first_id, data in self.segments():
            header = read_header(data)
            if not header:
                return [f"the header of the segment {first_id}"]
            if due not in (None, first_id):
                found.append(f"segment {first_id} where {due} is due")
            due, last_end = first_id, header.length
            for record in whole_records(data, self.uuid, first_id):
                if record.offset != last_end:
                    found.append(f"bytes before offset {record.offset} of segment {first_id}")
                if record.id != due and not (record.kind == GAP and record.id > due):
                    found.append(f"id {record.id} where {due} is due")
                due, last_end = record.id + 1, record.offset + record.length
            if last_end != len(data):
                found.append(f"bytes behind offset {last_end} of segment {first_id}")
        if due is None or self.position.id > due:
            found.append(f"the position {self.position.id} where {due} is due")
        return found
