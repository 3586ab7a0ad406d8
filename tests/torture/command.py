"""The command line of the harnesses for store, for downlink and for the whole way."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path


def parser_of(description, messages, kills):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--messages", type=int, default=messages)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    return parser


def torture(run, arguments, is_broken):
    """Makes run(arguments, folder), runs it and prints its result; returns the exit status. The folder stays where the promise is
    broken."""
    folder = Path(tempfile.mkdtemp(prefix="roomstream-torture-"))
    folder.chmod(0o755)  # PostgreSQL does not run as root
    print(f"what the programs say is in {folder}; it stays if the promise is broken", file=sys.stderr)
    result = run(arguments, folder).run()
    print(json.dumps(result))
    if is_broken(result):
        return 1
    shutil.rmtree(folder)
    return 0
