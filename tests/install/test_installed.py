"""What `cmake --install` puts where, and the service for systemd."""

import os
import re
import select
import subprocess
import time

import pytest
from places import BUILD, PROGRAMS, ROOT, VERSION, assert_hardened, run


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that takes the place of / for the installation, with the prefix /usr/local."""
    folder = tmp_path_factory.mktemp("destination")
    run("cmake", "--install", BUILD, DESTDIR=str(folder))
    return folder


@pytest.fixture(scope="module")
def unit(installed):
    """The service's text, with a program that exists."""
    text = (installed / "usr/local/lib/systemd/system/roomstream-bridge@.service").read_text()
    program = re.search(r"^ExecStart=(\S+)$", text, re.MULTILINE)[1]
    assert program == "/usr/local/bin/roomstream-bridge"
    return text.replace(program, str(installed) + program)


@pytest.fixture
def unit_file(unit, tmp_path):
    path = tmp_path / "roomstream-bridge@.service"
    path.write_text(unit)
    return path


def test_programs_and_manual_pages(installed):
    programs = sorted(os.listdir(installed / "usr/local/bin"))
    assert programs == [f"roomstream-{name}" for name in PROGRAMS]
    assert sorted(os.listdir(installed / "usr/local/share/man/man1")) == sorted(f"{name}.1" for name in programs)
    for name in programs:
        assert VERSION in run(installed / "usr/local/bin" / name, "--version")


def test_programs_are_hardened(installed):
    for name in PROGRAMS:
        assert_hardened(installed / f"usr/local/bin/roomstream-{name}")


def wait_for_text(terminal, text):
    seen, limit = b"", time.monotonic() + 30
    while text not in seen:
        assert select.select([terminal], [], [], max(0, limit - time.monotonic()))[0], seen
        seen += os.read(terminal, 4096)


def test_completion_for_bash_and_zsh(installed, tmp_path):
    """In the real shells: both read the long options from --help."""
    share = installed / "usr/local/share"
    assert sorted(os.listdir(share / "bash-completion/completions")) == [f"roomstream-{name}" for name in PROGRAMS]
    (tmp_path / "rc").write_text(". /usr/share/bash-completion/bash_completion\nPS1=ready:\n"
                                 f". {share}/bash-completion/completions/roomstream-bridge\n")
    (tmp_path / ".zshrc").write_text(f"fpath=({share}/zsh/site-functions $fpath)\nautoload -Uz compinit\ncompinit -u -D\nPS1=ready:\n")
    for shell in (["bash", "--noprofile", "--rcfile", tmp_path / "rc", "-i"], ["zsh", "-d", "-i"]):
        master, slave = os.openpty()
        typed = subprocess.Popen(shell, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env={
            "PATH": f"{installed}/usr/local/bin:{os.environ['PATH']}", "TERM": "dumb", "ZDOTDIR": str(tmp_path)})
        os.close(slave)
        try:
            wait_for_text(master, b"ready:")
            os.write(master, b"roomstream-bridge --session-ex\t")
            wait_for_text(master, b"--session-expiry")
        finally:
            typed.kill()
            typed.wait()
            os.close(master)


def test_no_path_of_the_build_is_left(installed):
    for path in (installed / "usr/local").rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert os.fsencode(installed) not in content, path
            assert path.parent.name == "bin" or os.fsencode(BUILD) not in content, path


def test_configuration_is_installed_once(installed):
    path = installed / "usr/local/etc/roomstream/roomstream.conf"
    run(installed / "usr/local/bin/roomstream-bridge-temp", "--config", path, "--print-config")
    assert path.read_bytes() == (ROOT / "config/roomstream.conf").read_bytes()
    assert path.stat().st_mode & 0o777 == 0o640
    path.write_text("[mqtt]\nhost = mine\n")
    run("cmake", "--install", BUILD, DESTDIR=str(installed))
    assert path.read_text() == "[mqtt]\nhost = mine\n"


def test_links_of_the_documents_lead_somewhere(installed):
    folder = installed / "usr/local/share/doc/roomstream"
    documents = list(folder.rglob("*.md"))
    assert {folder / name for name in ("README.md", "docs/operations.md", "docs/decisions/README.md")} <= set(documents)
    for document in documents:
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", document.read_text()):
            assert re.match(r"[a-z]+:", target) or (document.parent / target).exists(), f"{document}: {target}"
    for name in set(re.findall(r"`(config/[\w./-]+\.\w+)`", (folder / "docs/operations.md").read_text())):
        assert (folder / name).is_file(), name


def test_example_of_one_bridge_is_understood(installed):
    example = installed / "usr/local/share/doc/roomstream/config/bridge-NAME.env.example"
    settings = dict(re.findall(r"^#?(\w+)=(.*)$", example.read_text(), re.MULTILINE))
    config = run(installed / "usr/local/bin/roomstream-bridge", "--print-config", HOME="/", **settings)
    values = dict(line.split(" = ", 1) for line in config.splitlines() if " = " in line)
    for name, value in settings.items():
        assert values[name.removeprefix("ROOMSTREAM_").lower().replace("_", "-")] == value


def test_service_is_valid(unit_file):
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", unit_file], capture_output=True, encoding="utf-8",
                            timeout=60)
    # It logs a setting that it does not know, but does not fail.
    about_ours = [line for line in result.stderr.splitlines() if unit_file.stem in line]
    assert (result.returncode, about_ours) == (0, [])


def test_service_with_the_credentials_that_operations_shows(unit_file):
    """systemd takes the example, and gives the bridge the file."""
    example = re.search(r"^  ```ini\n(  \[Service\]\n.*?)^  ```", (ROOT / "docs/operations.md").read_text(), re.MULTILINE | re.DOTALL)[1]
    folder = unit_file.with_name(unit_file.name + ".d")
    folder.mkdir()
    (folder / "override.conf").write_text(re.sub("^  ", "", example, flags=re.MULTILINE))
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", unit_file], capture_output=True, encoding="utf-8", timeout=60)
    about_ours = [line for line in result.stderr.splitlines() if unit_file.stem in line or "override.conf" in line]
    assert (result.returncode, about_ours) == (0, [])
    assert "LoadCredential=client.properties:/etc/roomstream/client.properties\n" in (folder / "override.conf").read_text()


def test_service_is_hardened(unit_file):
    # In tenths of systemd's measure of exposure, which goes from 0 to 10. It is 1.2 with systemd 252, 1.1 with 257.
    run("systemd-analyze", "security", "--offline=true", "--threshold=12", unit_file)


def test_service_gives_the_bridge_what_it_needs(unit, installed, tmp_path):
    """Its environment, as systemd would expand it, makes a bridge that can run."""
    environment = re.search(r"^Environment=(.*)$", unit, re.MULTILINE)[1]
    for specifier, value in {"%d": installed / "usr/local/etc/roomstream", "%S": tmp_path, "%i": "light"}.items():
        environment = environment.replace(specifier, str(value))
    assert "%" not in environment
    config = run(installed / "usr/local/bin/roomstream-bridge", "--print-config",
                 **dict(setting.split("=", 1) for setting in environment.split()))
    assert "topic = light\n" in config
    assert f"spool = {tmp_path}/roomstream/light\n" in config
    assert "StateDirectory=roomstream/%i\n" in unit
    assert "/usr/local/etc/roomstream/roomstream.conf\n" in re.search(r"^LoadCredential=.*\n", unit, re.MULTILINE)[0]


@pytest.mark.parametrize("program", ["estimate", "downlink"])
def test_other_services(installed, tmp_path, program):
    """Valid, as hardened as the bridge's, and started with the configuration file."""
    text = (installed / f"usr/local/lib/systemd/system/roomstream-{program}.service").read_text()
    assert f"\nExecStart=/usr/local/bin/roomstream-{program}\n" in text
    path = tmp_path / f"roomstream-{program}.service"
    path.write_text(text.replace("ExecStart=", f"ExecStart={installed}"))
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, encoding="utf-8", timeout=60)
    assert (result.returncode, [line for line in result.stderr.splitlines() if path.stem in line]) == (0, [])
    run("systemd-analyze", "security", "--offline=true", "--threshold=12", path)
    assert "\nEnvironment=ROOMSTREAM_CONFIG=%d/roomstream.conf\n" in text
    assert "LoadCredential=roomstream.conf:/usr/local/etc/roomstream/roomstream.conf\n" in text


def test_another_prefix_holds_everything(tmp_path):
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "here")
    assert (tmp_path / "here/etc/roomstream/roomstream.conf").exists()
    unit = (tmp_path / "here/lib/systemd/system/roomstream-bridge@.service").read_text()
    assert f"ExecStart={tmp_path}/here/bin/roomstream-bridge\n" in unit
    assert f":{tmp_path}/here/etc/roomstream/roomstream.conf\n" in unit


def test_ctest_says_why_there_are_no_tests(tmp_path):
    run("cmake", "-S", ROOT, "-B", tmp_path, "-DBUILD_TESTING=OFF")
    result = subprocess.run(["ctest", "--test-dir", tmp_path], capture_output=True, text=True, timeout=60)
    assert result.returncode != 0 and "no tests are built: configure with -DBUILD_TESTING=ON, or run scripts/test.sh" in result.stdout
