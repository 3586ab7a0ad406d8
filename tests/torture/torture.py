#!/usr/bin/env python3
"""The fault harness: scripts/torture.sh, which prepares all it needs, says how to use it."""

import argparse
import dataclasses
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import plan
from run import Run, Settings

MODES = ("at-least-once", "exactly-once")


def parse(arguments):
    def positive(text):
        if int(text) < 1:
            raise argparse.ArgumentTypeError(f"{text} is not at least 1")
        return int(text)

    def not_negative(text):
        if int(text) < 0:
            raise argparse.ArgumentTypeError(f"{text} is negative")
        return int(text)

    def kinds(text):
        chosen = plan.DEFAULT if text == "default" else plan.ALL if text == "all" else tuple(filter(None, text.split(",")))
        unknown = set(chosen) - set(plan.ALL)
        if unknown:
            raise argparse.ArgumentTypeError(f"no such fault: {', '.join(sorted(unknown))} (there are {', '.join(plan.ALL)})")
        return chosen

    parser = argparse.ArgumentParser(prog="torture.sh", allow_abbrev=False, add_help=False)
    parser.add_argument("--mode", choices=MODES)
    parser.add_argument("--kills", type=not_negative, default=20)
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--messages", type=positive)
    amount.add_argument("--seconds", type=positive, default=60)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--faults", type=kinds, default=plan.DEFAULT)
    parser.add_argument("--rate", type=positive, default=1000)
    parser.add_argument("--outage", type=positive)
    parser.add_argument("--backlog", action="store_true")
    parser.add_argument("--receive-maximum", type=positive)
    parser.add_argument("--routes", action="store_true")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.routes and set(plan.FREEZING) & set(chosen.faults):
        parser.error(f"with --routes no topic can vanish ({', '.join(plan.FREEZING)})")
    return chosen


def settings_of(chosen):
    """One run's settings for each mode that was asked for."""
    seed = chosen.seed if chosen.seed is not None else time.time_ns() % 1_000_000
    for mode in [chosen.mode] if chosen.mode else MODES:
        yield Settings(
            mode=mode, kills=chosen.kills, messages=chosen.messages or chosen.seconds * chosen.rate, rate=chosen.rate,
            seed=seed, kinds=chosen.faults, outage=(chosen.outage, chosen.outage) if chosen.outage else None,
            backlog=chosen.backlog, receive_maximum=chosen.receive_maximum,
            routes=chosen.routes)


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def rows(outcome):
    """The rows of the table: name and value."""
    settings = outcome.settings
    yield "sent", outcome.sent
    yield "delivered", outcome.delivered
    yield "lost", len(outcome.lost)
    bound = f"   (at most {outcome.bound})" if outcome.bound else ""
    yield "doubled", f"{outcome.doubled}{bound}"
    if outcome.again_bound:
        yield "again in a later topic", f"{outcome.again}   (at most {outcome.again_bound})"
    if outcome.kills and settings.mode == "at-least-once":
        yield "doubled per kill", f"{outcome.doubled / outcome.kills:.1f}"
    yield "out of order", outcome.out_of_order
    yield "left in the spool", outcome.closing.get("spooled", "?")
    yield "longest stall", f"{outcome.longest_stall:.1f} s"
    yield "bridge's memory", f"{megabytes(outcome.idle_memory)} idle, {megabytes(outcome.highest_memory)} at most"
    yield "duration", f"{outcome.seconds:.0f} s"
    yield "ends of the bridge", outcome.kills
    if outcome.starved:
        yield "  of these, out of memory", outcome.starved
    for kind, times in sorted(outcome.faults.items()):
        extra = [f"continues after {outcome.recovery[kind]:.1f} s"] if kind in outcome.recovery else []
        extra += [f"{outcome.cpu_in_faults[kind]:.0%} of a CPU meanwhile"] if kind in outcome.cpu_in_faults else []
        yield f"  {kind}", f"{times}{'   ' + ', '.join(extra) if extra else ''}"
    if outcome.late:
        kinds = ", ".join(f"{kind} {times}" for kind, times in sorted(outcome.late.items()))
        yield "requests that arrived late", f"{outcome.late.total()}   ({kinds})"
    if outcome.refused:
        yield "starts that failed meanwhile", outcome.refused


def show(outcome):
    settings = outcome.settings
    amount = "waiting in Mosquitto" if settings.backlog else f"at {settings.rate} a second"
    print(f"{settings.mode}, seed {settings.seed}, {settings.messages} messages {amount}{', by routes' if settings.routes else ''}")
    for name, value in rows(outcome):
        print(f"  {name:32}{value}")
    for trouble in outcome.broken():
        print(f"  BROKEN: {trouble}")
    print("  the promise is kept" if not outcome.broken() else "  the promise is broken", flush=True)


def as_json(outcome):
    record = dataclasses.asdict(outcome)
    record["lost"] = len(outcome.lost)
    record.update(faults=dict(outcome.faults), late=dict(outcome.late))  # asdict would change a Counter's keys
    record["broken"] = outcome.broken()
    return json.dumps(record)


def torture(settings, chosen, say):
    """One run; true when the promise is kept. The logs stay where it is not."""
    folder = Path(tempfile.mkdtemp(prefix="roomstream-torture-"))
    say(f"{settings.mode}, seed {settings.seed}: brokers, spool and logs are in {folder}")
    kept = False
    try:
        with Run(settings, folder, say) as run:
            outcome = run.go()
            print(as_json(outcome), flush=True) if chosen.json else show(outcome)
            kept = not outcome.broken()
    except AssertionError as error:
        say(f"the run cannot continue: {error}")
    except KeyboardInterrupt:
        kept = True  # no logs to read
        raise
    finally:
        if kept:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            say(f"what the programs said, the plan and the spool are kept in {folder}")
    return kept


def main(arguments):
    chosen = parse(arguments)

    def say(text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def interrupt(_signum, _frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    try:
        return 0 if all([torture(settings, chosen, say) for settings in settings_of(chosen)]) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
