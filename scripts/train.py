#!/usr/bin/python3
"""Trains the model of roomstream-estimate, and measures it honestly.

    train.py [--data FILE] [-o FILE]   prints a table and writes the model, as JSON, to FILE (none: only the table)

FILE is the real data set (scripts/fetch-data.sh) unless --data names another one. Needs Debian's python3-sklearn.

The model is a linear discriminant analysis over the readings of one moment. Rows that are 30 s apart are nearly the same, so a random
split would let a model look up the answers: here each day is left out in turn, and estimated by models that have not seen it.
"""

import argparse
import csv
import json
import pathlib
import re
import sys

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

ROOT = pathlib.Path(__file__).resolve().parents[1]
SENSORS = ROOT / "lib" / "sensors.def"
DATA = ROOT / "data" / "occupancy.csv"
TRUTH = "Room_Occupancy_Count"
SHRINKAGE = 0.01  # of the covariance towards a multiple of the identity; docs/analysis.md has the results of other values
SEED = 20171222
DIGITS = 17  # a double, exactly


def inputs():
    """The inputs as (topic/node, column of the data set), in the order of the table of sensors."""
    pairs = []
    for topic, columns in re.findall(r'^SENSOR\((\w+), "[^"]*", "([^"]*)"\)', SENSORS.read_text(), re.MULTILINE):
        for column, node in (pair.split(":") for pair in columns.split(",")):
            pairs.append((f"{topic}/{node}", column))
    return pairs


def read(path):
    """The day, the readings and the truth of each row."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    columns = [column for _, column in inputs()]
    readings = np.array([[float(row[column]) for column in columns] for row in rows])
    return np.array([row["Date"] for row in rows]), readings, np.array([int(row[TRUTH]) for row in rows])


def linear():
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)


def leave_one_day_out(make, days, readings, truth):
    """The estimate for each row, by a model from make() that is fitted to all other days."""
    estimates = np.empty_like(truth)
    for day in np.unique(days):
        out = days == day
        estimates[out] = make().fit(readings[~out], truth[~out]).predict(readings[out])
    return estimates


def compared(light):
    """The models for comparison. light: which of the readings are light."""

    class LightOnly:
        """The same analysis, with the readings of light only."""

        def fit(self, readings, truth):
            self.model = linear().fit(readings[:, light], truth)
            return self

        def predict(self, readings):
            return self.model.predict(readings[:, light])

    return {
        "always 0": lambda: DummyClassifier(strategy="constant", constant=0),
        "light only": LightOnly,
        "random forest": lambda: RandomForestClassifier(n_estimators=100, random_state=SEED),
    }


def figures(truth, estimates):
    return (
        f"{accuracy_score(truth, estimates):9.4f}{f1_score(truth, estimates, average='macro'):7.4f}"
        f"{mean_absolute_error(truth, estimates):7.4f}"
    )


def print_table(days, truth, estimates):
    print("Each day is estimated by models of the other days: accuracy, macro F1, mean absolute error (people)\n")
    print(f"{'':10}{'':7}" + "".join(f"{name:>23}" for name in estimates))
    print(f"{'left out':10}{'rows':>7}" + f"{'acc':>9}{'F1':>7}{'MAE':>7}" * len(estimates))
    for day in [*np.unique(days), "all"]:
        of_day = np.full(len(days), True) if day == "all" else days == day
        print(f"{day:10}{of_day.sum():7}" + "".join(figures(truth[of_day], each[of_day]) for each in estimates.values()))


def write_model(path, model, source):
    """The scores of the classes are intercept + coefficients * readings; softmax makes probabilities of them."""

    def numbers(values):
        return "[" + ", ".join(f"{value:.{DIGITS}g}" for value in values) + "]"

    members = {
        "source": json.dumps(source),
        "inputs": json.dumps([name for name, _ in inputs()]),
        "classes": json.dumps([int(value) for value in model.classes_]),
        "intercepts": numbers(model.intercept_),
        "coefficients": "[\n    " + ",\n    ".join(numbers(row) for row in model.coef_) + "\n  ]",
    }
    path.write_text("{\n" + ",\n".join(f'  "{name}": {text}' for name, text in members.items()) + "\n}\n")


def main():
    parser = argparse.ArgumentParser(description="Trains the model of roomstream-estimate, and measures it leaving out a day at a time.")
    parser.add_argument("--data", metavar="FILE", type=pathlib.Path, default=DATA, help=f"the data set (default: {DATA.relative_to(ROOT)})")
    parser.add_argument("-o", "--output", metavar="FILE", type=pathlib.Path, help="write the model there")
    parser.add_argument("--source", metavar="TEXT", default="", help="what the model says of where it comes from")
    arguments = parser.parse_args()
    try:
        days, readings, truth = read(arguments.data)
    except (OSError, ValueError, KeyError, csv.Error) as error:
        sys.exit(f"train.py: cannot read {arguments.data}: {error}; scripts/fetch-data.sh fetches the real data set")
    if len(np.unique(days)) < 2 or len(np.unique(truth)) < 3:
        sys.exit(f"train.py: {arguments.data} is too small: at least two days and three different counts of people are needed")
    light = [index for index, (name, _) in enumerate(inputs()) if name.startswith("light/")]
    makers = {"linear (shipped)": linear, **compared(light)}
    print_table(days, truth, {name: leave_one_day_out(make, days, readings, truth) for name, make in makers.items()})
    if arguments.output:
        write_model(arguments.output, linear().fit(readings, truth), arguments.source)


if __name__ == "__main__":
    main()
