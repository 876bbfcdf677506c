"""`make run` as a newcomer uses it: the banner, its line to paste, Ctrl-C."""

import os
import re
import shutil
import signal
import subprocess

import programs
import pytest
from programs import PROJECT, wait_until

pytestmark = pytest.mark.skipif(
    any((PROJECT / name).exists() for name in ["config/config.json", "config.json"]),
    reason="there is a configuration, so `make run` starts no demonstration")


@pytest.fixture
def make_run(tmp_path):
    """Starts `make run` on a port; what it started is gone afterwards."""
    started = []

    def start(port):
        environment = {name: value for name, value in os.environ.items() if not re.match("XTGATEWAY_|XSTECH_|API_|MAKE", name)}
        with open(tmp_path / "out", "wb") as out:
            process = subprocess.Popen(
                ["make", "run"], cwd=PROJECT, env={**environment, "PORT": str(port)}, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=as_a_terminal_does)
        started.append(process)
        return process, lambda: (tmp_path / "out").read_text(errors="replace")

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def as_a_terminal_does():
    """A background job of a script ignores these signals, and a shell cannot trap what was ignored when it began."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def processes(port):
    """Process ids of the gateway on that port and of its simulator: what was started with that port in its environment."""
    found = []
    for folder in os.listdir("/proc"):
        try:
            if folder.isdigit() and os.readlink(f"/proc/{folder}/exe") in (str(programs.GATEWAY), str(programs.SIMULATOR)):
                with open(f"/proc/{folder}/environ", "rb") as environment:
                    if f"\0PORT={port}\0".encode() in b"\0" + environment.read():
                        found.append(int(folder))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_banner_paste_and_end(make_run, number):
    port = programs.free_port()
    process, output = make_run(port)
    wait_until(lambda: "Ctrl-C" in output() or process.poll() is not None, "the banner", seconds=300)
    banner = output()
    assert f"http://127.0.0.1:{port}/v1" in banner and "xstech-openai::gpt-5.5" in banner, banner
    assert len(processes(port)) == 2
    if shutil.which("curl"):
        line = next(line for line in banner.splitlines() if line.startswith("curl -N"))
        answer = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20)
        assert answer.returncode == 0 and answer.stdout.rstrip().endswith("data: [DONE]"), answer
    # A terminal sends Ctrl-C to the whole group.
    os.killpg(process.pid, number)
    process.wait(20)
    assert processes(port) == []
    assert "Traceback" not in output() and "Fatal" not in output()


def test_a_taken_port_is_a_clear_error(make_run, gateway):
    process, output = make_run(gateway.port)
    assert process.wait(300) != 0
    assert f"port {gateway.port} is taken" in output() and "curl -N" not in output()
