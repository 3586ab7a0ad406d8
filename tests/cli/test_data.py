"""The synthetic sample, and the script that fetches the real data set."""

import csv
import datetime
import hashlib
import http.server
import io
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAKE_SAMPLE = ROOT / "data" / "make-sample.py"
SAMPLE = ROOT / "data" / "occupancy-sample.csv"
FETCH = ROOT / "scripts" / "fetch-data.sh"
TIME_LIMIT = 30

NODES = [f"S{node}_{sensor}" for sensor in ("Temp", "Light", "Sound") for node in (1, 2, 3, 4)]
COLUMNS = ["Date", "Time", *NODES, "S5_CO2", "S5_CO2_Slope", "S6_PIR", "S7_PIR", "Room_Occupancy_Count"]


# The sample


def make_sample(*arguments):
    return subprocess.run([sys.executable, MAKE_SAMPLE, *arguments], capture_output=True, timeout=TIME_LIMIT)


@pytest.fixture(scope="module")
def rows():
    with SAMPLE.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def column(rows, *names):
    return [row[name] for row in rows for name in names]


def steps(rows):
    times = [datetime.datetime.strptime(f"{row['Date']} {row['Time']}", "%Y/%m/%d %H:%M:%S") for row in rows]
    return [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:])]


def test_sample_is_what_the_script_makes(tmp_path):
    # A copy is run, whose default output is beside it: the committed file must not be touched.
    copy = shutil.copy(MAKE_SAMPLE, tmp_path)
    subprocess.run([sys.executable, copy], check=True, timeout=TIME_LIMIT)
    assert (tmp_path / SAMPLE.name).read_bytes() == SAMPLE.read_bytes()


def test_any_number_of_rows(tmp_path):
    large = tmp_path / "large.csv"
    assert make_sample("--rows", "20000", "-o", large).returncode == 0
    content = large.read_bytes()
    assert content.count(b"\n") == 20001
    assert content.startswith(SAMPLE.read_bytes())
    assert make_sample("--rows", "0").stdout == SAMPLE.read_bytes().split(b"\n")[0] + b"\n"
    assert make_sample("--rows", "20000").stdout == content


def test_larger_sample_keeps_time_order():
    text = make_sample("--rows", "20000").stdout.decode("ascii")
    assert min(steps(list(csv.DictReader(io.StringIO(text))))) > 0


@pytest.mark.parametrize("arguments, status, message", [
    (["--rows", "-1"], 2, "'-1' is not a whole number"),
    (["-o", "/nonexistent/x.csv"], 1, "cannot write /nonexistent/x.csv: No such file or directory"),
])
def test_make_sample_errors(arguments, status, message):
    result = make_sample(*arguments)
    assert result.returncode == status
    assert message in result.stderr.decode()


def test_lines_and_columns(rows):
    content = SAMPLE.read_bytes()
    assert content.endswith(b"\n")
    assert not re.search(rb'[\r\0"]|\n\n', content)
    assert content.isascii()
    assert list(rows[0]) == COLUMNS
    assert len(rows) == 300
    assert all(None not in row and None not in row.values() for row in rows)


def test_dates_and_times(rows):
    assert all(re.fullmatch(r"\d{4}/\d\d/\d\d", date) for date in column(rows, "Date"))
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d", time) for time in column(rows, "Time"))


def test_steps_and_gaps(rows):
    seconds = steps(rows)
    assert min(seconds) > 0
    regular = [step for step in seconds if step in (30, 31)]
    assert set(regular) == {30, 31}
    assert len(regular) > 0.9 * len(seconds)
    others = sorted(set(seconds) - {30, 31})
    assert len(others) >= 4
    assert others[-1] > 2 * 86400
    assert others[-2] < 86400


def test_numbers_have_no_trailing_zeros(rows):
    for name in COLUMNS[2:]:
        for value in column(rows, name):
            assert re.fullmatch(r"-?(0|[1-9]\d*)(\.\d*[1-9])?(E-\d\d)?", value), (name, value)
    temperatures = column(rows, *NODES[:4])
    assert any("." in value for value in temperatures)
    assert any("." not in value for value in temperatures)


def test_scientific_notation_in_the_slope_only(rows):
    tiny = [value for value in column(rows, "S5_CO2_Slope") if "E-" in value]
    assert any(value.startswith("-") for value in tiny)
    assert any(not value.startswith("-") for value in tiny)
    assert len(tiny) < 0.1 * len(rows)
    assert "0" in column(rows, "S5_CO2_Slope")
    assert not any("E" in value for name in COLUMNS if name != "S5_CO2_Slope" for value in column(rows, name))


def test_values_are_plausible(rows):
    assert set(column(rows, "Room_Occupancy_Count")) == {"0", "1", "2", "3"}
    assert set(column(rows, "S6_PIR")) == set(column(rows, "S7_PIR")) == {"0", "1"}
    for names, low, high in (
        (NODES[0:4], 24, 30), (NODES[4:8], 0, 300), (NODES[8:12], 0.01, 4), (["S5_CO2"], 340, 1300),
        (["S5_CO2_Slope"], -10, 10),
    ):
        assert all(low <= float(value) <= high for value in column(rows, *names)), names


# fetch-data.sh

CSV = SAMPLE.read_bytes()
MEMBER = "Occupancy_Estimation.csv"


def zip_of(name, content):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


ZIP = zip_of(MEMBER, CSV)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.requests += 1
        if self.path == "/stalled":
            server.stalled.set()
            self.connection.settimeout(TIME_LIMIT)
            # The client sends nothing more: an answer means that it has closed the connection.
            if self.connection.recv(1) == b"":
                server.client_gone.set()
            return
        status, body, announced = server.answers.get(self.path, (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        half = ZIP[: len(ZIP) // 2]
        server.answers = {
            "/right": (200, ZIP, len(ZIP)),
            "/changed": (200, zip_of(MEMBER, CSV + b"x"), len(zip_of(MEMBER, CSV + b"x"))),
            "/cut": (200, half, len(ZIP)),
            "/half": (200, half, len(half)),
            "/page": (200, b"<html>moved</html>", 18),
            "/other": (200, zip_of("other.csv", CSV), len(zip_of("other.csv", CSV))),
        }
        server.requests = 0
        server.stalled = threading.Event()
        server.client_gone = threading.Event()
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join(TIME_LIMIT)


def environment(url, path=None):
    variables = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    variables["LC_ALL"] = "C"
    variables["ROOMSTREAM_DATA_URL"] = url
    variables["ROOMSTREAM_DATA_SHA256"] = hashlib.sha256(CSV).hexdigest()
    if path:
        variables["PATH"] = str(path)
    return variables


def fetch(url, *arguments, path=None):
    return subprocess.run([FETCH, *arguments], env=environment(url, path), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=TIME_LIMIT)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "a folder"
    path.mkdir()
    return path


@pytest.fixture
def tools(tmp_path):
    """Makes a PATH with what the script always needs and the named tools."""
    always = "bash cat dirname mktemp mv realpath rm sha256sum stat timeout xargs".split()

    def make(*names):
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir()
        for name in always + list(names):
            found = sys.executable if name == "python3" else shutil.which(name)
            if not found:
                pytest.skip(f"{name} is not installed")
            (bin_folder / name).symlink_to(found)
        return bin_folder

    return make


def test_fetch(server, folder, tools):
    dest = folder / "occupancy.csv"
    result = fetch(server.url + "/right", dest, path=tools("python3"))
    assert result.returncode == 0, result.stderr
    assert dest.read_bytes() == CSV
    assert str(dest) in result.stdout
    assert os.listdir(folder) == [dest.name]


def test_fetch_from_a_file_url(folder, tmp_path):
    archive = tmp_path / "set.zip"
    archive.write_bytes(ZIP)
    assert fetch(archive.as_uri(), folder / "x.csv").returncode == 0
    assert (folder / "x.csv").read_bytes() == CSV


@pytest.mark.parametrize("path, message", [
    ("/changed", "has the wrong SHA-256: " + hashlib.sha256(CSV + b"x").hexdigest()),
    ("/cut", "cannot download"),
    ("/half", f"cannot take {MEMBER} out of"),
    ("/page", f"cannot take {MEMBER} out of"),
    ("/other", f"cannot take {MEMBER} out of"),
    ("/missing", "cannot download"),
])
def test_fetch_of_something_wrong(server, folder, tools, path, message):
    result = fetch(server.url + path, folder / "occupancy.csv", path=tools("python3"))
    assert result.returncode == 1
    assert message in result.stderr
    assert server.url + path in result.stderr
    assert result.stdout == ""
    assert os.listdir(folder) == []


def test_fetch_refused(folder, tools):
    # Bound but not listening: the port stays ours and refuses.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/set.zip"
        result = fetch(url, folder / "occupancy.csv", path=tools("python3"))
    assert result.returncode == 1
    assert f"cannot download {url}" in result.stderr
    assert "check the network" in result.stderr
    assert os.listdir(folder) == []


def test_fetch_ends_at_once_when_told_to(server, folder):
    with subprocess.Popen([FETCH, folder / "occupancy.csv"], env=environment(server.url + "/stalled"),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert server.stalled.wait(TIME_LIMIT)
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIME_LIMIT) == -signal.SIGTERM
        finally:
            process.kill()
    assert server.client_gone.wait(TIME_LIMIT)
    assert os.listdir(folder) == []


def test_right_file_is_there_already(server, folder):
    dest = folder / "occupancy.csv"
    dest.write_bytes(CSV)
    before = dest.stat()
    result = fetch(server.url + "/right", dest)
    assert result.returncode == 0
    assert "nothing to do" in result.stdout
    assert server.requests == 0
    assert (dest.stat().st_ino, dest.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_file_is_not_overwritten(server, folder):
    dest = folder / "occupancy.csv"
    dest.write_text("mine\n")
    result = fetch(server.url + "/right", dest)
    assert result.returncode == 1
    assert f"{dest} exists and is not the data set" in result.stderr
    assert dest.read_text() == "mine\n"
    assert server.requests == 0


def test_without_python(server, folder, tools):
    result = fetch(server.url + "/right", folder / "occupancy.csv", path=tools())
    assert result.returncode == 1
    assert "python3 is not installed" in result.stderr
    assert os.listdir(folder) == []


def test_destination_that_cannot_be_written(server, folder):
    result = fetch(server.url + "/right", folder / "none" / "occupancy.csv")
    assert result.returncode == 1
    assert f"cannot write beside {folder}/none/occupancy.csv" in result.stderr
    result = fetch(server.url + "/right", folder)
    assert result.returncode == 1
    assert f"{folder} is not a regular file" in result.stderr
    assert os.listdir(folder) == []


@pytest.mark.parametrize("arguments", [["a", "b"], ["--unknown"], [""]])
def test_used_wrongly(arguments):
    result = fetch("http://127.0.0.1:1/", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: fetch-data.sh")


def test_help():
    result = fetch("http://127.0.0.1:1/", "--help")
    assert result.returncode == 0
    assert result.stdout.startswith("usage: fetch-data.sh")


def test_readme_names_the_checksum_that_the_script_checks():
    pinned = re.search(r"ROOMSTREAM_DATA_SHA256:-([0-9a-f]{64})\}", FETCH.read_text())
    assert f"`{pinned[1]}`" in (ROOT / "data" / "README.md").read_text()
