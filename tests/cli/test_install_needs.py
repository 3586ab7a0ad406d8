"""How scripts install what is missing: the system's own services are never started. The test replaces the commands."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUB = """#!/bin/sh
echo "${0##*/} $*" >>"$CALLS"
case "${0##*/} $*" in *" install "*) touch "$INSTALLED"; exit "${APT_STATUS:-0}" ;; esac
"""
SCRIPT = """
. scripts/lib/common.sh; . scripts/lib/lock.sh; . scripts/lib/python.sh; . scripts/lib/install.sh
systemd=$SYSTEMD
as_root=()
become_root() { :; }
install_needs "mosquitto | test -e $INSTALLED | the broker"
"""


@pytest.fixture
def install(tmp_path):
    for name in ("apt-get", "systemctl", "update-rc.d", "invoke-rc.d", "dpkg"):
        (tmp_path / name).write_text(STUB)
        (tmp_path / name).chmod(0o755)

    def run(systemd, **variables):
        """Its exit status, the calls in order without apt-get's update, and its output."""
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CALLS": str(tmp_path / "calls"), "INSTALLED": str(tmp_path / "installed"),
                       "SYSTEMD": str(tmp_path if systemd else tmp_path / "missing"), "ROOMSTREAM_STATE": str(tmp_path / "state"), **variables}
        result = subprocess.run(["bash", "-euc", SCRIPT], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)
        calls = (tmp_path / "calls").read_text().splitlines()
        return result.returncode, [" ".join(call.split()[:2]) if call.startswith("apt-get") else call for call in calls if call != "apt-get -q update"
                                   and not call.startswith("dpkg")], result.stderr

    return run


def test_nothing_but_the_list_is_said_where_no_command_is_there():
    """As on a bare Debian: a check whose command is missing is not an error."""
    script = ". scripts/lib/common.sh; . scripts/lib/python.sh; . scripts/lib/install.sh; PATH=/nowhere; find_missing \"$needs_to_run\"; echo ${#missing[@]}"
    result = subprocess.run(["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert result.stderr == "" and int(result.stdout) > 15


@pytest.mark.skipif(os.geteuid() != 0, reason="gives up root's rights")
def test_what_another_user_has_left_is_named():
    with tempfile.TemporaryDirectory(prefix="roomstream-") as folder:  # only its user may read pytest's folder
        os.chmod(folder, 0o755)
        file = Path(folder) / "build.lock"
        file.touch(0o644)
        script = f". scripts/lib/common.sh; need_writable {file}"
        result = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", "bash", "-euc", script], cwd=ROOT, capture_output=True,
                                text=True, timeout=30, check=False)
    assert result.returncode == 1 and f"cannot write to {file}, which belongs to root: go on as that user" in result.stderr


@pytest.mark.parametrize("apt_status", [0, 100])
def test_masked_for_the_moment_where_systemd_runs(install, apt_status):
    """Also when the installation fails."""
    status, calls, said = install(True, APT_STATUS=str(apt_status))
    assert status == (1 if apt_status else 0) and "masked while their packages are installed" in said
    assert calls == ["systemctl mask mosquitto", "apt-get -q", "systemctl unmask mosquitto", "systemctl disable mosquitto"]


def test_stopped_and_disabled_where_systemd_does_not_run(install):
    status, calls, said = install(False)
    assert status == 0 and "mosquitto is left disabled" in said
    assert calls == ["apt-get -q", "update-rc.d mosquitto disable", "invoke-rc.d mosquitto stop"]
    assert not Path("/usr/sbin/policy-rc.d").exists() or "roomstream" not in Path("/usr/sbin/policy-rc.d").read_text()
