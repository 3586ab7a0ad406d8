"""The Debian package that scripts/package.sh makes. What it does to a system is tried by hand in a bare one (docs/operations.md)."""

import re
import shutil
import subprocess

import pytest
from places import PROGRAMS, ROOT, VERSION, assert_hardened, run


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = run(ROOT / "scripts/package.sh", limit=580, ROOMSTREAM_STATE=str(tmp_path_factory.mktemp("state")))
    return path.removesuffix("\n")


@pytest.fixture(scope="module")
def contents(package):
    """Path -> (mode, owner) of every file."""
    files = {}
    for line in run("dpkg-deb", "--contents", package).splitlines():
        mode, owner, _, _, _, path = line.split(maxsplit=5)
        files[path.removeprefix(".")] = (mode, owner)
    return files


def field(package, name):
    return run("dpkg-deb", "--field", package, name).strip()


def test_is_named_and_described(package):
    assert re.fullmatch(rf".*/roomstream_{re.escape(VERSION)}-1_\w+\.deb", package)
    assert field(package, "Package") == "roomstream"
    assert field(package, "Version") == f"{VERSION}-1"


def test_brings_the_libraries(package):
    depends = field(package, "Depends")
    for library in ("libc6", "librdkafka1", "libcsv3", "libjansson4", "libssl3", "libxxhash0", "libuuid1"):
        assert re.search(rf"(^|, ){re.escape(library)}(t64)? \(>= ", depends), depends


def test_holds_what_belongs_to_it(contents):
    assert {path for path in contents if path.startswith("/usr/bin/") and path != "/usr/bin/"} == {
        f"/usr/bin/roomstream-{name}" for name in PROGRAMS}
    for path in (*(f"/usr/share/man/man1/roomstream-{name}.1.gz" for name in PROGRAMS),
                 *(f"/usr/share/bash-completion/completions/roomstream-{name}" for name in PROGRAMS),
                 "/usr/share/zsh/vendor-completions/_roomstream",
                 "/usr/lib/systemd/system/roomstream-bridge@.service",
                 "/usr/lib/systemd/system/roomstream-estimate.service", "/usr/lib/systemd/system/roomstream-downlink.service", "/usr/share/roomstream/model.json", "/usr/lib/sysusers.d/roomstream.conf",
                 "/etc/roomstream/roomstream.conf", "/usr/share/doc/roomstream/copyright",
                 "/usr/share/doc/roomstream/changelog.Debian.gz", "/usr/share/roomstream/occupancy-sample.csv"):
        assert path in contents
    assert {owner for _, owner in contents.values()} == {"root/root"}
    assert not [path for path, (mode, _) in contents.items() if mode[8] == "w" or "s" in mode]


def test_programs_are_hardened(package, tmp_path):
    run("dpkg-deb", "--extract", package, tmp_path)
    for name in PROGRAMS:
        assert_hardened(tmp_path / f"usr/bin/roomstream-{name}")


def test_says_what_else_is_in_it(package, tmp_path):
    run("dpkg-deb", "--extract", package, tmp_path)
    assert "Eclipse Public" in (tmp_path / "usr/share/doc/roomstream/copyright").read_text()


def test_service_starts_the_installed_program(package, tmp_path):
    run("dpkg-deb", "--extract", package, tmp_path)
    unit = (tmp_path / "usr/lib/systemd/system/roomstream-bridge@.service").read_text()
    assert "\nExecStart=/usr/bin/roomstream-bridge\n" in unit
    assert "roomstream.conf:/etc/roomstream/roomstream.conf\n" in unit
    assert "\nEnvironment=ROOMSTREAM_CREDENTIALS_FROM=/etc/roomstream\n" in unit
    assert (tmp_path / "etc/roomstream/roomstream.conf").stat().st_mode & 0o777 == 0o640
    assert VERSION in run(tmp_path / "usr/bin/roomstream-bridge", "--version")


def test_edited_configuration_is_kept(package, tmp_path):
    run("dpkg-deb", "--control", package, tmp_path)
    assert (tmp_path / "conffiles").read_text() == "/etc/roomstream/roomstream.conf\n"
    for script in ("postinst", "prerm", "postrm"):
        run("sh", "-n", tmp_path / script)
    # Where neither systemd nor its user is there, as in a container, installing and removing must not fail.
    if not shutil.which("systemctl"):
        run(tmp_path / "postinst", "configure", "")


@pytest.mark.skipif(not shutil.which("lintian"), reason="lintian is not installed")
def test_lintian_finds_no_error(package):
    result = subprocess.run(["lintian", "--fail-on=error", package], capture_output=True, encoding="utf-8", timeout=120)
    assert result.returncode == 0, result.stdout
