"""Bounded waits: a test never sleeps for a guessed time."""

import time


def wait_until(condition, limit, what):
    """Calls condition 20 times a second until it returns something true, which is returned; fails after limit seconds."""
    end = time.monotonic() + limit
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit} s: {what() if callable(what) else what}")
        time.sleep(0.05)
    return result
