"""scripts/train.py, its figures, and that roomstream-estimate computes what scikit-learn does."""

import json
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TRAIN = ROOT / "scripts" / "train.py"
SHIPPED = ROOT / "estimate" / "model.json"
SAMPLE = ROOT / "data" / "occupancy-sample.csv"
REAL = ROOT.parent / "shared" / "data" / "Occupancy_Estimation.csv"
EVALUATE = os.environ.get("ROOMSTREAM_EVALUATE_MODEL") or f"{os.environ['ROOMSTREAM_BIN']}/../tests/cli/evaluate_model"
TIME_LIMIT = 110

sys.path.insert(0, str(TRAIN.parent))
import train  # noqa: E402

real_only = pytest.mark.skipif(not REAL.exists(), reason="the real data set is not here")


def run_train(*arguments):
    return subprocess.run([sys.executable, TRAIN, *arguments], capture_output=True, text=True, timeout=TIME_LIMIT)


@pytest.fixture(scope="module")
def several_days(tmp_path_factory):
    """Synthetic data of three days, what training on it prints, and its model."""
    data = tmp_path_factory.mktemp("data") / "days.csv"
    subprocess.run([sys.executable, ROOT / "data" / "make-sample.py", "--rows", "2500", "-o", data], check=True)
    model = data.with_name("model.json")
    result = run_train("--data", data, "-o", model, "--source", 'a "test"')
    assert result.returncode == 0, result.stderr
    return data, result.stdout, model


@pytest.fixture(scope="module")
def real_run(tmp_path_factory):
    """What training on the real data set prints, and its model."""
    path = tmp_path_factory.mktemp("model") / "model.json"
    source = json.loads(SHIPPED.read_text())["source"]
    result = run_train("--data", REAL, "-o", path, "--source", source)
    assert result.returncode == 0, result.stderr
    return result.stdout, path


def evaluate(model, readings):
    """The estimate and the probabilities of each row, from our C code."""
    rows = "\n".join(" ".join(f"{value:.17g}" for value in row) for row in readings)
    result = subprocess.run([EVALUATE, model], input=rows, capture_output=True, text=True, timeout=TIME_LIMIT)
    assert result.returncode == 0, result.stderr
    numbers = np.array([[float(word) for word in line.split()] for line in result.stdout.splitlines()])
    return numbers[:, 0].astype(int), numbers[:, 1:]


def assert_agree(data, model):
    _, readings, truth = train.read(data)
    fitted = train.linear().fit(readings, truth)
    estimates, probabilities = evaluate(model, readings)
    assert len(estimates) == len(truth)
    assert np.abs(probabilities - fitted.predict_proba(readings)).max() < 1e-9
    assert (estimates == fitted.predict(readings)).all()


def test_computes_as_scikit_learn(several_days):
    data, _, model = several_days
    assert json.loads(model.read_text())["source"] == 'a "test"'
    assert_agree(data, model)


def test_prints_each_day_beside_what_it_is_compared_with(several_days):
    data, printed, _ = several_days
    lines = printed.splitlines()
    assert re.split(r" {2,}", lines[2].strip()) == ["linear (shipped)", "always 0", "light only", "random forest"]
    days, _, truth = train.read(data)
    assert [line.split()[0] for line in lines[4:]] == [*np.unique(days), "all"]
    last = [float(word) for word in lines[-1].split()[1:]]
    assert len(last) == 1 + 4 * 3 and last[0] == len(truth)
    assert abs(last[4] - (truth == 0).mean()) < 1e-4, "the accuracy of always 0 is the share of empty rooms"
    assert run_train("--data", data).stdout == printed, "the same again"


@pytest.mark.parametrize("content, reason", [
    (None, "No such file"), ("Date,Time\n2017/12/22,10:49:41\n", "S1_Temp"), (SAMPLE.read_text().replace("25", "warm"), "warm"),
])
def test_says_what_is_wrong_with_the_data(tmp_path, content, reason):
    path = tmp_path / "data.csv"
    if content:
        path.write_text(content)
    result = run_train("--data", path)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert reason in result.stderr and "scripts/fetch-data.sh" in result.stderr


def test_needs_several_days(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("".join(SAMPLE.read_text().splitlines(True)[:50]))
    result = run_train("--data", path)
    assert result.returncode == 1 and "too small" in result.stderr


@real_only
def test_shipped_model_is_what_the_script_makes_of_the_real_data(real_run):
    shipped, made = json.loads(SHIPPED.read_text()), json.loads(real_run[1].read_text())
    assert shipped.keys() == made.keys()
    for name in shipped:
        if name in ("intercepts", "coefficients"):  # other versions of the libraries round differently
            np.testing.assert_allclose(shipped[name], made[name], rtol=1e-6, err_msg=name)
        else:
            assert shipped[name] == made[name]
    assert "CC BY 4.0" in shipped["source"]


@real_only
def test_figures_of_the_real_data(real_run):
    rows, accuracy, f1, _, zero = [float(word) for word in real_run[0].splitlines()[-1].split()[1:6]]
    assert rows == 10129 and accuracy >= 0.972 and f1 >= 0.926 and zero == 0.8123


@real_only
@pytest.mark.parametrize("model", [SHIPPED, ""], ids=["file", "built in"])
def test_shipped_model_computes_as_scikit_learn(model):
    assert_agree(REAL, model)
