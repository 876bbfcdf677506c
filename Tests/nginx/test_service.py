"""The systemd unit, as far as systemd can tell without running it."""

import re
import shutil
import subprocess

import programs
import pytest

UNIT = programs.PROJECT / "config/xtgateway.service"
# In tenths of systemd's scale from 0 (nothing can be reached) to 10: what is left is the network, which a gateway is for.
MOST_EXPOSED = 15

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def unit(folder, name="xtgateway.service"):
    text = UNIT.read_text()
    assert "/usr/local/bin/xtgateway" in text
    (folder / name).write_text(text.replace("/usr/local/bin/xtgateway", str(programs.GATEWAY)))
    return folder / name


@needs_systemd
def test_the_unit_is_valid(tmp_path):
    done = subprocess.run(["systemd-analyze", "verify", unit(tmp_path)], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", done.stderr


@needs_systemd
def test_it_is_valid_as_a_template_with_a_port(tmp_path):
    """As docs/operations.md has it for several gateways on one machine."""
    folder = tmp_path / "xtgateway@.service.d"
    folder.mkdir()
    (folder / "port.conf").write_text("[Service]\nEnvironment=XTGATEWAY_PORT=%i XTGATEWAY_METRICS_LISTEN=127.0.0.1:1%i\n")
    unit(tmp_path, "xtgateway@.service")
    done = subprocess.run(["systemd-analyze", "verify", tmp_path / "xtgateway@8001.service"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and done.stderr == "", done.stderr


@needs_systemd
def test_it_exposes_little(tmp_path):
    done = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={MOST_EXPOSED}", unit(tmp_path)],
        capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout
    print(re.search(r"Overall exposure level.*", done.stdout).group())


def test_it_gives_a_drain_its_time(tmp_path):
    shown = subprocess.run([programs.GATEWAY, "check-config"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=20).stdout
    budget = int(re.search(r'"shutdown_timeout_seconds": ?(\d+)', shown).group(1))
    assert int(re.search(r"TimeoutStopSec=(\d+)s", UNIT.read_text()).group(1)) >= budget + 5
