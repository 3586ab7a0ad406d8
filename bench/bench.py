"""Runs the measurements of measurements.py and peers.py in rounds and prints medians and spread. Called by scripts/bench.sh, which has
the usage text."""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import machine
import measurements
import peers
import routing
import script
import storing
import watching
from stage import Stage

ALL = {
    "limits": measurements.limits,
    "drain": measurements.drain,
    "growth": measurements.growth,
    "six": measurements.six,
    "live": measurements.live,
    "latency": measurements.latency,
    "publisher": peers.publisher,
    "subscriber": peers.subscriber,
    "kafka": peers.kafka_clients,
    "csv": peers.csv,
    "script": script.script,
    "idle": measurements.idle,
    "start": measurements.start,
    "outage": measurements.outage,
    "routes": routing.routes,
    "store": storing.store,
    "store-backlog": storing.store_backlog,
    "store-latency": storing.store_latency,
    "dashboard": watching.dashboard,
    "dashboard-memory": watching.dashboard_memory,
}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bench.sh", allow_abbrev=False, add_help=False,
                                     usage="scripts/bench.sh [OPTION]... [MEASUREMENT]... (see --help)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--outage-messages", type=int, default=1_000_000)
    parser.add_argument("--backlog-messages", type=int, default=5_000_000)
    parser.add_argument("--history-messages", type=int, default=10_000_000)
    parser.add_argument("--idle-seconds", type=int, default=20)
    parser.add_argument("--receive-maximum", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("names", nargs="*", metavar="MEASUREMENT")
    settings = parser.parse_args(arguments)
    unknown = [name for name in settings.names if name not in ALL]
    if unknown:
        parser.error(f"no such measurement: {', '.join(unknown)} (there are {', '.join(ALL)})")
    if settings.rounds < 1 or settings.messages < 1000:
        parser.error("at least 1 round and 1000 messages")
    settings.names = settings.names or list(ALL)
    return settings


def digits(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def print_table(figures):
    width = max(map(len, figures))
    print(f"{'':{width}}  {'median':>10}  {'from':>10}  {'to':>10}")
    for name, values in figures.items():
        print(f"{name:{width}}  {digits(statistics.median(values)):>10}  {digits(min(values)):>10}  {digits(max(values)):>10}")


def main():
    settings = parse(sys.argv[1:])
    figures = {}
    with tempfile.TemporaryDirectory(prefix="roomstream-bench-") as folder, Stage(Path(folder)) as stage:
        print("bench: warming up", file=sys.stderr)
        measurements.warm_up(stage, settings)
        for number in range(1, settings.rounds + 1):
            for name in settings.names:
                print(f"bench: round {number} of {settings.rounds}, {name}", file=sys.stderr)
                for figure, value in ALL[name](stage, settings).items():
                    figures.setdefault(figure, []).append(value)
                stage.end_programs()
    figures |= {
        ratio: [ours / limit for ours, limit in zip(figures[one], figures[other])]
        for ratio, (one, other) in measurements.RATIOS.items() if one in figures and other in figures
    }
    if settings.json:
        print(json.dumps({"machine": machine.describe(), "figures": figures}))
        return
    print("\n".join(f"{name}: {value}" for name, value in machine.describe().items()))
    print()
    print_table(figures)


if __name__ == "__main__":
    main()
