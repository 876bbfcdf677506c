"""`xtgateway healthcheck`: what a container engine asks, without a shell and without curl."""

import json
import socket
import subprocess
import time

import programs
import pytest
from chat import post


def check(config, environment=None, folder=None):
    """The finished run, and how long it took."""
    path = folder / "given.json"
    path.write_text(json.dumps(config))
    begun = time.monotonic()
    # Nothing of a shell's environment, and a proxy that must not be asked.
    environment = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", **(environment or {})}
    result = subprocess.run(
        [programs.GATEWAY, "healthcheck", "--config", path], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=30)
    return result, time.monotonic() - begun


def test_healthy(gateway, tmp_path):
    for host in ["127.0.0.1", "localhost", "0.0.0.0"]:
        result, _ = check({**gateway.config, "host": host}, folder=tmp_path)
        assert (result.returncode, result.stdout, result.stderr) == (0, "healthy\n", "")


def test_the_configuration_may_come_from_the_environment(gateway, tmp_path):
    result, _ = check({}, {"XTGATEWAY_PORT": str(gateway.port)}, tmp_path)
    assert (result.returncode, result.stdout) == (0, "healthy\n")


@pytest.mark.parametrize("host", ["::1", "::"])
def test_over_ipv6(start_gateway, tmp_path, host):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    port = programs.free_port()
    program = programs.Program(tmp_path, "xtgateway", [programs.GATEWAY], {
        "XTGATEWAY_HOST": host, "XTGATEWAY_PORT": str(port), "XTGATEWAY_API_KEYS": '["sk-six"]',
        "XTGATEWAY_UPSTREAM_BASE_URL": "http://127.0.0.1:9"})
    programs.wait_until(lambda: "listening" in program.err, "the gateway")
    result, _ = check({"host": host, "port": port, "api_keys": ["sk-six"]}, folder=tmp_path)
    assert (result.returncode, result.stdout) == (0, "healthy\n"), result.stderr
    assert program.stop() == 0


def refused(result, *words):
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.count("\n") == 1
    for word in words:
        assert word in result.stderr, result.stderr


def test_unreachable(tmp_path):
    port = programs.free_port()
    result, _ = check({"port": port}, folder=tmp_path)
    refused(result, str(port), "cannot be reached")


def test_no_account_can_serve(start_gateway, tmp_path):
    gateway = start_gateway()
    assert post(gateway, "@fault expired").status == 502
    result, _ = check(gateway.config, folder=tmp_path)
    refused(result, "unavailable", "503")


def test_another_program_has_the_port(simulator, tmp_path):
    result, _ = check({"port": int(simulator.url.rsplit(":", 1)[1])}, folder=tmp_path)
    refused(result, "not xtgateway", "404")


def test_silence_is_bounded(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result, seconds = check({"port": silent.getsockname()[1]}, folder=tmp_path)
    refused(result, "does not answer")
    assert 2 < seconds < 20


def test_an_invalid_configuration(tmp_path):
    result, _ = check({"prot": 1}, folder=tmp_path)
    assert result.returncode == 1 and "prot" in result.stderr
