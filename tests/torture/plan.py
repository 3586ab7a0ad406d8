"""What is done to a run, and when: drawn from a seed, so that the seed repeats kinds, order and planned times."""

import random
from dataclasses import dataclass, field

from refusal import DAMAGES

# What ends a life of the bridge. The names of instants are FAILPOINTs in its code.
FAILPOINTS = {
    "at-least-once": ("before-append", "after-append", "after-produce", "after-report", "rotate", "trim"),
    "exactly-once": ("before-append", "after-append", "before-release", "after-release", "after-produce",
                     "before-commit", "after-commit", "rotate", "trim"),
}
DEATHS = ("bridge-kill", "failpoints", "power-loss", "refused-start", "failing-allocations")
# The places of the other faults; those of one place never overlap.
PLACES = {
    "kafka": ("kafka-kill", "kafka-term", "kafka-stop", "kafka-drop", "spool-max", "topic-vanish", "cluster-vanish"),
    "mqtt": ("mosquitto-restart", "mqtt-cut", "mqtt-half-open", "grants-less"),
    "disk": ("disk-full",),
    "clock": ("clock-back", "clock-ahead"),
    "way": ("late",),
}
ALL = DEATHS + tuple(kind for kinds in PLACES.values() for kind in kinds)
# The bridge is frozen meanwhile, perhaps for so long that the MQTT broker closes its connection.
FREEZING = ("topic-vanish", "cluster-vanish")
# Needs nothing but the user's own rights, and leaves the spool at its usual size.
DEFAULT = ("bridge-kill", "failpoints", "kafka-kill", "kafka-term", "kafka-stop", "kafka-drop",
           "mosquitto-restart", "mqtt-cut", "mqtt-half-open")

PASSAGES = {  # the greatest number of passages before a failpoint kills; others: a quarter of a life's messages
    "rotate": 1, "trim": 1, "before-commit": 4, "after-commit": 4,
}
ONE_IN = (3000, 12000, 30000)  # allocations that fail: a start has thousands, a message some tens


@dataclass(frozen=True)
class Life:
    """One life of the bridge: it ends at the failpoint, or by SIGKILL after so many seconds."""
    seconds: float
    failpoint: str = ""  # NAME:PASSAGE
    power_loss: bool = False
    damage: str = ""  # of the spool afterwards, until some starts have been refused
    allocations: str = ""  # SEED:N: one in N of them fails, which may end it earlier

    def death(self):
        """The kind of its end, if it does not reach its failpoint."""
        if self.allocations:
            return "failing-allocations"
        return "power-loss" if self.power_loss else "refused-start" if self.damage else "bridge-kill"


@dataclass(frozen=True)
class Fault:
    """at: seconds after publishing began, or later if the fault before it is not over; length: how long it lasts."""
    at: float
    kind: str
    length: float


@dataclass
class Plan:
    lives: list = field(default_factory=list)
    faults: dict = field(default_factory=dict)  # by place

    def lines(self):
        for number, life in enumerate(self.lives, 1):
            allocations = f" failing-allocations {life.allocations}" if life.allocations else ""
            yield (f"life {number}: {life.seconds:.2f} s {life.failpoint}{' power-loss' if life.power_loss else ''}"
                   f"{' ' * bool(life.damage)}{life.damage}{allocations}")
        for place, faults in self.faults.items():
            for fault in faults:
                yield f"{place}: at {fault.at:.1f} s {fault.kind} for {fault.length:.1f} s"


def draw(seed, mode, kinds, kills, seconds, rate, outage=None):
    """The plan of a run that publishes for that many seconds at that rate. outage: (shortest, longest) seconds of a fault."""
    chance = random.Random(seed)
    plan = Plan()
    deaths = [kind for kind in DEATHS if kind in kinds]
    mean = seconds / max(kills, 1)
    for _ in range(kills if deaths else 0):
        death, length = chance.choice(deaths), chance.uniform(0.1, 1.9) * mean
        failpoint = ""
        if death == "failpoints":
            name = chance.choice(FAILPOINTS[mode])
            failpoint = f"{name}:{chance.randint(1, PASSAGES.get(name, max(1, int(rate * mean / 4))))}"
        damage = chance.choice(DAMAGES) if death == "refused-start" else ""
        allocations = f"{chance.getrandbits(32)}:{chance.choice(ONE_IN)}" if death == "failing-allocations" else ""
        plan.lives.append(Life(length, failpoint, death == "power-loss", damage, allocations))
    for place, possible in PLACES.items():
        wanted = [kind for kind in possible if kind in kinds]
        if wanted:
            plan.faults[place] = _spread(chance, wanted, seconds, outage or (2, 10))
    return plan


def _spread(chance, kinds, seconds, outage):
    """Every kind about equally often, and at least once; 25 seconds between two faults on average."""
    count = max(len(kinds), int(seconds / (25 + sum(outage) / 2)))
    drawn = []
    while len(drawn) < count:
        drawn += chance.sample(kinds, len(kinds))
    lengths = [chance.uniform(*outage) for _ in range(count)]
    # So that each ends, if it can, while messages still come.
    times = sorted(chance.uniform(0.05, 0.9) * max(seconds - length, seconds / 10) for length in lengths)
    return [Fault(*fault) for fault in zip(times, drawn, lengths)]
