#!/usr/bin/env python3
"""Makes synthetic room occupancy data in the format of the UCI data set (see data/README.md).

    make-sample.py                      writes data/occupancy-sample.csv
    make-sample.py --rows N [-o FILE]   writes N rows to FILE, or to stdout

The output depends on N alone: a longer one begins with the shorter one.
"""

import argparse
import collections
import datetime
import pathlib
import random
import signal
import sys

SAMPLE = pathlib.Path(__file__).with_name("occupancy-sample.csv")
SAMPLE_ROWS = 300
SEED = 20231229
START = datetime.datetime(2023, 12, 29, 15, 24, 9)

HEADER = (
    "Date,Time,S1_Temp,S2_Temp,S3_Temp,S4_Temp,S1_Light,S2_Light,S3_Light,S4_Light,"
    "S1_Sound,S2_Sound,S3_Sound,S4_Sound,S5_CO2,S5_CO2_Slope,S6_PIR,S7_PIR,Room_Occupancy_Count"
)

# Seconds before the row of that index, where the logger was off; the long one is a weekend over New Year.
GAPS = {58: 92, 103: 157, 166: 315_911, 231: 1_494}
SLOPE_WINDOW = 25
# What floating-point summation leaves of a slope that is zero: written in scientific notation.
SLOPE_RESIDUE = 2.0**-60


def number(value):
    """12 significant digits at most, no trailing zeros: 25, 0.08, -0.0115384615385, 8.67361737988E-19."""
    return f"{value:.12G}"


def sixteenths(value):
    """A thermometer's reading: a multiple of 1/16 degree, rounded half up to two decimals."""
    return number((round(value * 16) * 100 + 8) // 16 / 100)


def slope(readings):
    """Least-squares slope per reading. Summed in integers, so that equal readings give exactly zero."""
    n = len(readings)
    weighted = sum((2 * i - n + 1) * reading for i, reading in enumerate(readings))
    return 6 * weighted / (n * (n * n - 1))


class Room:
    """A room with up to three people and seven sensor nodes."""

    # Only random() promises the same numbers in every version of Python.
    def __init__(self):
        self.chance = random.Random(SEED).random
        self.people = 1
        self.co2 = 420.0
        self.warmth = 25.2
        self.readings = collections.deque([420] * SLOPE_WINDOW, SLOPE_WINDOW)

    def one_in(self, n):
        return self.chance() * n < 1

    def step_seconds(self):
        if self.one_in(80):
            return 61
        return 30 if self.one_in(2.8) else 31

    def advance(self, now, seconds):
        working_hours = 9 <= now.hour < 17 and now.weekday() < 5
        overnight = seconds > 3600
        if overnight:
            self.people = 0
        elif working_hours and self.one_in(12):
            self.people = min(3, max(0, self.people + (1 if self.one_in(1.8) else -1)))
        elif not working_hours and self.people and self.one_in(6):
            self.people -= 1
        self.co2 += (350 + 260 * self.people - self.co2) * min(1, seconds * 0.0007)
        self.warmth += (25 + 0.4 * self.people - self.warmth) * min(1, seconds * 0.0004)
        reading = 5 * round(self.co2 / 5)
        self.readings.extend([reading] * (SLOPE_WINDOW if overnight else 1))

    def temperatures(self):
        return [sixteenths(self.warmth + place + 0.06 * self.chance()) for place in (-0.1, 0.05, -0.4, 0.4)]

    def light(self, now, lamp, window, others):
        daylight = max(0, 1 - abs(now.hour + now.minute / 60 - 12.5) / 5)
        light = window * daylight + (lamp if self.people > others else 0)
        return number(round(light + (2 * self.chance() if light else 0)))

    def lights(self, now):
        return [self.light(now, *node) for node in ((118, 12, 0), (36, 14, 1), (52, 56, 2), (14, 40, 1))]

    def sound(self, silence):
        loud = self.people and self.one_in(3)
        return number(round(silence + (3.4 * self.chance() ** 3 if loud else 0.03 * self.chance()), 2))

    def sounds(self):
        return [self.sound(silence) for silence in (0.06, 0.04, 0.05, 0.06)]

    def co2_slope(self):
        value = slope(self.readings)
        if value == 0 and self.one_in(6):
            value = SLOPE_RESIDUE * (int(self.chance() * 16) + 1) * (1 if self.one_in(2) else -1)
        return number(value)

    def motions(self):
        return ["1" if self.chance() < sensitivity * self.people else "0" for sensitivity in (0.2, 0.15)]

    def row(self, now):
        return ",".join([
            now.strftime("%Y/%m/%d"), now.strftime("%H:%M:%S"),
            *self.temperatures(), *self.lights(now), *self.sounds(),
            str(self.readings[-1]), self.co2_slope(), *self.motions(), str(self.people),
        ])


def lines(rows):
    yield HEADER
    room = Room()
    now = START
    for index in range(rows):
        seconds = GAPS.get(index) or room.step_seconds()
        now += datetime.timedelta(seconds=seconds)
        room.advance(now, seconds)
        yield room.row(now)


def row_count(text):
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 up")
    return int(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=row_count, metavar="N", help=f"data rows to make (default: {SAMPLE_ROWS})")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="FILE", help="where to write them")
    arguments = parser.parse_args()
    rows = SAMPLE_ROWS if arguments.rows is None else arguments.rows
    output = arguments.output or (SAMPLE if arguments.rows is None else sys.stdout.fileno())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with open(output, "w", encoding="ascii", newline="\n") as file:
            file.writelines(line + "\n" for line in lines(rows))
    except OSError as error:
        sys.exit(f"make-sample.py: cannot write {arguments.output or 'the output'}: {error.strerror}")


if __name__ == "__main__":
    main()
