"""What the scripts do to files: folders are private, links are not followed, nothing of others is removed. Also which errors they show."""

import http.server
import os
import pathlib
import shutil
import ssl
import stat
import subprocess
import threading

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TIME_LIMIT = 30
PARTS = ("common", "process", "lock", "jars")


def bash(script, folder=ROOT, **environment):
    """Runs the script after the parts of scripts/lib that it needs."""
    parts = "; ".join(f". scripts/lib/{part}.sh" for part in PARTS)
    return subprocess.run(["bash", "-c", f"set -euo pipefail; {parts}; {script}"], cwd=folder, capture_output=True, text=True,
                          timeout=TIME_LIMIT, stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_kept_is_kept_for_one_user(tmp_path):
    state = tmp_path / "state"
    assert bash('make_state_folder "$state/log"', ROOMSTREAM_STATE=str(state)).returncode == 0
    assert mode(state) == mode(state / "log") == 0o700


def test_var_of_a_checkout_becomes_private(tmp_path):
    shutil.copytree(ROOT / "scripts" / "lib", tmp_path / "scripts" / "lib")
    (tmp_path / "var").mkdir(mode=0o755)
    assert bash('make_state_folder "$state/log"', tmp_path, ROOMSTREAM_STATE="").returncode == 0
    assert mode(tmp_path / "var") == 0o700


def test_a_folder_that_all_can_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o1777)
    result = bash('make_state_folder "$state/log"', ROOMSTREAM_STATE=str(tmp_path))
    assert result.returncode == 1 and f"all users can write to the folder {tmp_path}: name one of your own" in result.stderr


@pytest.mark.parametrize(("link", "command"), [
    ("lock", 'lock_folder "$state" it'), ("owner", 'lock_folder "$state" it'), ("log", 'scripts/lib/supervise.sh --log "$state/log" true'),
    ("jars.lock", 'fetch_jars jars config/kafka/pom.xml "$state/jars"'), ("jars.log", 'fetch_jars jars config/kafka/pom.xml "$state/jars"'),
])
def test_links_are_not_followed(tmp_path, link, command):
    state, victim = tmp_path / "state", tmp_path / "victim"
    state.mkdir(mode=0o700)
    victim.write_text("precious")
    (state / link).symlink_to(victim)
    result = bash(command, ROOMSTREAM_STATE=str(state), PATH=f"{maven(tmp_path)}:{os.environ['PATH']}")
    assert result.returncode == 1 and f"{state / link} is a symbolic link, which is not followed" in result.stderr
    assert victim.read_text() == "precious"


def maven(tmp_path, script="exit 1"):
    """A folder with a Maven that does nothing but the script; $folder is where the jars are to go."""
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    program = folder / "mvn"
    program.write_text(f'#!/bin/sh\nfor word; do case $word in -DoutputDirectory=*) folder=${{word#*=}};; esac; done\n{script}\n')
    program.chmod(0o755)
    return folder


def fetch(tmp_path, jars, script="touch $folder/new.jar"):
    return bash('fetch_jars jars config/kafka/pom.xml "$JARS"', JARS=str(jars), ROOMSTREAM_STATE=str(tmp_path / "state"),
                PATH=f"{maven(tmp_path, script)}:{os.environ['PATH']}")


@pytest.mark.parametrize("name", ["kafka.jar", "letter.txt", "pom.xml", ".hidden"])
@pytest.mark.parametrize("suffix", ["", ".new"])
def test_jars_never_take_the_place_of_other_files(tmp_path, name, suffix):
    folder = tmp_path / f"jars{suffix}"
    folder.mkdir()
    (folder / name).write_text("mine")
    result = fetch(tmp_path, tmp_path / "jars")
    assert result.returncode == 1 and f"{folder} holds files that were not downloaded by these scripts" in result.stderr
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [(name, "mine")]


def test_brokers_never_take_the_place_of_other_folders(tmp_path):
    folder = tmp_path / "brokers" / "mochi"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.org/mine")
    result = bash(". scripts/lib/other_brokers.sh; fetch_other_broker mochi", ROOMSTREAM_OTHER_BROKERS=str(folder.parent))
    assert result.returncode == 1 and f"{folder} was not made by these scripts" in result.stderr
    assert [file.name for file in folder.iterdir()] == ["go.mod"]


def test_jars_of_another_release_are_replaced_once_the_new_ones_are_there(tmp_path):
    jars = tmp_path / "jars"
    assert fetch(tmp_path, jars, "touch $folder/old.jar").returncode == 0
    (jars / "pom.xml").write_text((jars / "pom.xml").read_text() + "\n")
    result = fetch(tmp_path, jars, "touch $folder/half.jar; exit 1")
    assert result.returncode == 1 and "could not be downloaded" in result.stderr and (jars / "old.jar").exists()
    assert fetch(tmp_path, jars).returncode == 0
    assert sorted(file.name for file in jars.iterdir()) == ["new.jar", "pom.xml"]
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith("jars")) == ["jars", "jars.lock", "jars.log"]
    (jars / "pom.xml").write_text((jars / "pom.xml").read_text() + "\n")
    (jars / "notes.txt").write_text("mine")
    result = fetch(tmp_path, jars)
    assert result.returncode == 1 and f"{jars} holds other files than jars" in result.stderr and (jars / "notes.txt").exists()


CAUSES = [
    pytest.param("[INFO] one\n[WARNING] two\n[ERROR] it broke -> [Help 1]\n[ERROR] Re-run Maven with -e\n[ERROR] last\n", "[ERROR] it broke",
                 ["Help 2", "last"], id="Maven"),
    pytest.param("t kafka WARN: w (A)\nt kafka ERROR: [id=1] Got exception (S)\njava.lang.RuntimeException: outer\n\tat a.b(C.java:1)\n"
                 "Caused by: java.io.IOException: No space left on device\n\tat d.e(F.java:2)\nt kafka ERROR: later\n",
                 "Got exception (S)\nCaused by: java.io.IOException: No space left on device\n--- free some space", ["later"], id="Java"),
    pytest.param("[1/9] cc a.c\na.c:3:5: error: expected ';'\nmake: *** [x] Error 2\n", "a.c:3:5: error: expected ';'", ["make"], id="compiler"),
    pytest.param("Ign:1 http://deb\nErr:1 http://deb bookworm\n  Could not resolve 'deb'\nE: Failed to fetch\nE: Some index files\n",
                 "Err:1 http://deb bookworm", ["Some index"], id="apt-get"),
    pytest.param("t bridge-temp info: started\nt bridge-temp warning: Kafka: refused\nt bridge-temp error: Not authorized\n",
                 "bridge-temp error: Not authorized", ["warning"], id="ours"),
    pytest.param("t bridge-temp info: started\nt bridge-temp warning: Kafka: refused\nt bridge-temp warning: later\n", "Kafka: refused", ["later"],
                 id="warnings alone"),
    pytest.param("one\ntwo\n", "the last lines of LOG:\none\ntwo", [], id="no error"),
]


@pytest.mark.parametrize(("log", "shown", "hidden"), CAUSES)
def test_a_logs_first_error_is_shown(tmp_path, log, shown, hidden):
    (tmp_path / "log").write_text(log)
    result = bash(f"show_cause '{tmp_path}/log'")
    assert result.returncode == 0, result.stderr
    assert shown in result.stderr.replace(str(tmp_path / "log"), "LOG")
    assert not any(each in result.stderr for each in hidden), result.stderr


def test_an_error_of_an_earlier_start_is_not_shown(tmp_path):
    (tmp_path / "log").write_text("ERROR: old\nERROR: new\n")
    assert "ERROR: new" in bash(f"show_cause '{tmp_path}/log' 12").stderr


@pytest.mark.skipif(not shutil.which("mvn"), reason="needs Maven")
def test_a_certificate_that_java_does_not_trust_is_named(tmp_path):
    """As behind a proxy that decrypts TLS."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out", tmp_path / "cert", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True, timeout=TIME_LIMIT)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (tmp_path / ".m2").mkdir()
        (tmp_path / ".m2" / "settings.xml").write_text(
            "<settings><mirrors><mirror><id>proxy</id><mirrorOf>*</mirrorOf>"
            f"<url>https://localhost:{server.server_port}</url></mirror></mirrors></settings>")
        result = bash('fetch_jars jars config/kafka/pom.xml "$state/jars"', ROOMSTREAM_STATE=str(tmp_path / "state"),
                      MAVEN_OPTS=f"-Duser.home={tmp_path}")
        server.shutdown()
    assert result.returncode == 1
    assert "PKIX path building failed" in result.stderr, result.stderr
    assert "a proxy may show a certificate of its own" in result.stderr
