"""The command line: exit codes, configuration, signals."""

import json
import re
import signal
import subprocess

import httpx
import programs
import pytest
from chat import PATH, body, numbers
from conftest import configuration, sdk
from rawhttp import Connection, Stream

TOKEN = "eyJhbGciOi.very-secret-token.sig"


def run(tmp_path, *arguments, environment=None, config=None):
    """A finished run of the gateway in an empty folder."""
    if config is not None:
        (tmp_path / "given.json").write_text(config if isinstance(config, str) else json.dumps(config))
        arguments = [*arguments, "--config", tmp_path / "given.json"]
    return subprocess.run(
        [programs.GATEWAY, *arguments], cwd=tmp_path, env=environment or {}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=20)


def test_version_and_help(tmp_path):
    result = run(tmp_path, "--version")
    assert result.returncode == 0 and re.search(r"\d+\.\d+\.\d+", result.stdout)
    result = run(tmp_path, "--help")
    assert result.returncode == 0
    for word in ["serve", "check-config", "healthcheck", "--config", "XTGATEWAY_CONFIG"]:
        assert word in result.stdout
    assert all(len(line) < 80 for line in result.stdout.splitlines())
    for command in ["serve", "check-config", "healthcheck"]:
        for arguments in [[command, "--help"], ["-h", command], ["help", command]]:
            result = run(tmp_path, *arguments)
            assert result.returncode == 0 and f"{command}" in result.stdout and "Exit status" in result.stdout


def test_simulator_help_lists_the_faults(tmp_path):
    result = subprocess.run([programs.SIMULATOR, "--help"], capture_output=True, text=True, timeout=20)
    assert result.returncode == 0
    for name in ["@memory", "error-after", "slow-first", "long-ai-text", "no-object", "split"]:
        assert name in result.stdout


def test_check_config_prints_the_effective_configuration_without_secrets(tmp_path):
    config = {
        "port": 8123,
        "cookies": [{"authorization": TOKEN, "name": "first"}],
        "api_keys": ["sk-plain-4711", {"key": "sk-named-4711", "name": "team"}],
        "stream": {"keep_alive_seconds": 7},
    }
    result = run(tmp_path, "check-config", config=config)
    assert result.returncode == 0, result.stderr
    shown = json.loads(result.stdout)
    assert shown["port"] == 8123 and shown["host"] == "127.0.0.1"
    assert shown["stream"]["keep_alive_seconds"] == 7
    assert shown["upstream"]["base_url"] == "https://xstech.one"
    assert shown["models"]["credits"] == ["1积分"]
    for secret in [TOKEN, "sk-plain-4711", "sk-named-4711"]:
        assert secret not in result.stdout + result.stderr


MISTAKES = {
    "port": 70000,
    "prot": 1,
    "workers": "many",
    "upstream": {"base_url": "ftp://x", "http_version": "3"},
    "stream": {"keep_alive_second": 10},
    "limits": {"max_body_bytes": -1},
    "log": {"level": "loud"},
    "cookies": [{"authorization": 5}],
}


@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_every_mistake_is_named(tmp_path, command):
    result = run(tmp_path, command, config=MISTAKES)
    assert result.returncode == 78
    for name in ["port", "prot", "workers", "base_url", "http_version", "keep_alive_second", "max_body_bytes", "level", "authorization"]:
        assert name in result.stderr, f"{name} is not in:\n{result.stderr}"
    # The nearest key to each unknown one.
    assert "keep_alive_seconds" in result.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port":8000,}'])
def test_a_file_that_is_no_json_object(tmp_path, text):
    result = run(tmp_path, "check-config", config=text)
    assert result.returncode == 78 and "given.json" in result.stderr


def test_a_missing_file(tmp_path):
    result = run(tmp_path, "check-config", "--config", tmp_path / "nowhere.json")
    assert result.returncode == 78 and "nowhere.json" in result.stderr


def test_an_open_address_needs_keys(tmp_path):
    for config, status in [
        ({"host": "0.0.0.0"}, 78),
        ({"host": "0.0.0.0", "api_keys": ["sk-x"]}, 0),
        ({"host": "0.0.0.0", "allow_anonymous": True}, 0),
        ({"host": "127.0.0.1"}, 0),
        ({"host": "::1"}, 0),
    ]:
        result = run(tmp_path, "check-config", config=config)
        assert result.returncode == status, (config, result.stderr)
        if status:
            assert "api_keys" in result.stderr and "allow_anonymous" in result.stderr


def test_the_seeds_file_is_valid_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"cookies": [{"authorization": TOKEN}]}))
    result = run(tmp_path, "check-config")
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["cookies"]) == 1


def effective(tmp_path, environment, config=None):
    result = run(tmp_path, "check-config", environment=environment, config=config)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_environment_beats_the_file(tmp_path):
    shown = effective(
        tmp_path,
        {
            "XTGATEWAY_PORT": "8124",
            "XTGATEWAY_STREAM_KEEP_ALIVE_SECONDS": "3",
            "XTGATEWAY_MODELS_CREDITS": '["免费"]',
            "XTGATEWAY_MODELS_ALIASES": '{"a":"openai::gpt-5.5"}',
            "XTGATEWAY_COOKIES": '[{"authorization":"t1"},{"authorization":"t2"}]',
        },
        {"port": 8123, "stream": {"keep_alive_seconds": 7}, "cookies": []},
    )
    assert (shown["port"], shown["stream"]["keep_alive_seconds"], shown["models"]["credits"]) == (8124, 3, ["免费"])
    assert len(shown["cookies"]) == 2 and "a" in shown["models"]["aliases"]


def test_the_seeds_variables(tmp_path):
    environment = {
        "API_HOST": "127.0.0.2",
        "API_PORT": "8125",
        "LOG_LEVEL": "warning",
        "SESSION_TIMEOUT_SECONDS": "120",
        "CLEANUP_INTERVAL_SECONDS": "60",
        "XSTECH_COOKIES": '{"cookies":[{"authorization":"t1"}]}',
    }
    shown = effective(tmp_path, environment)
    assert (shown["host"], shown["port"], shown["log"]["level"]) == ("127.0.0.2", 8125, "warning")
    assert shown["sessions"]["idle_timeout_seconds"] == 120 and shown["sessions"]["cleanup_interval_seconds"] == 60
    assert len(shown["cookies"]) == 1
    assert len(effective(tmp_path, {"XSTECH_COOKIES": '[{"authorization":"t1"},{"authorization":"t2"}]'})["cookies"]) == 2
    # The gateway's own name wins over the seed's.
    assert effective(tmp_path, {**environment, "XTGATEWAY_PORT": "8126"})["port"] == 8126


def test_unknown_and_wrong_variables(tmp_path):
    result = run(tmp_path, "check-config", environment={"XTGATEWAY_PROT": "1", "XTGATEWAY_PORT": "eight", "API_PORT": "+5"})
    assert result.returncode == 78
    assert "XTGATEWAY_PROT" in result.stderr and "XTGATEWAY_PORT" in result.stderr


def test_where_the_configuration_comes_from(tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config.json").write_text('{"port":8201}')
    assert effective(tmp_path, {})["port"] == 8201
    (tmp_path / "config/config.json").write_text('{"port":8202}')
    assert effective(tmp_path, {})["port"] == 8202
    (tmp_path / "named.json").write_text('{"port":8203}')
    assert effective(tmp_path, {"XTGATEWAY_CONFIG": str(tmp_path / "named.json")})["port"] == 8203
    assert effective(tmp_path, {"XTGATEWAY_CONFIG": str(tmp_path / "named.json")}, {"port": 8204})["port"] == 8204


def test_a_taken_port(tmp_path, gateway):
    result = run(tmp_path, config={"port": gateway.port})
    assert result.returncode == 69
    assert str(gateway.port) in result.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--no-such-option"], ["--no-such-option"]),
        (["--confg", "x"], ["--confg", '"--config"']),
        (["healtcheck"], ["healtcheck", '"healthcheck"']),
        (["serve", "serve"], ["unexpected", "serve"]),
        (["check-config", "--config"], ["--config"]),
    ],
)
def test_wrong_arguments(tmp_path, arguments, words):
    result = run(tmp_path, *arguments)
    assert result.returncode == 64 and result.stdout == ""
    for word in [*words, "--help"]:
        assert word in result.stderr


def test_the_last_word_on_the_configuration_counts(tmp_path):
    for port in (8301, 8302):
        (tmp_path / f"{port}.json").write_text(json.dumps({"port": port}))
    for arguments in [["--config", "8301.json", "--config=8302.json"], ["--config=8301.json", "--config", "8302.json"]]:
        assert json.loads(run(tmp_path, "check-config", *arguments).stdout)["port"] == 8302


def served(program):
    with sdk(program) as client:
        return client.chat.completions.create(**body("@echo served")).choices[0].message.content


def test_a_gateway_from_the_environment_alone(simulator, tmp_path):
    port = programs.free_port()
    environment = {
        "XTGATEWAY_PORT": str(port),
        "XTGATEWAY_UPSTREAM_BASE_URL": simulator.url,
        "XTGATEWAY_COOKIES": json.dumps([{"authorization": simulator.token()}]),
        "XTGATEWAY_API_KEYS": json.dumps([programs.API_KEY]),
    }
    program = programs.Gateway(tmp_path / "gateway", {"port": port}, environment, [programs.API_KEY])
    assert served(program.await_health().await_models()) == "served"
    program.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_at_once(start_gateway, number):
    gateway = start_gateway()
    with Connection(gateway.port) as idle:
        assert idle.request("GET", "/health").response().status == 200
        gateway.end(number)


def test_a_drain_finishes_its_streams(start_gateway):
    gateway = start_gateway(ready=True)
    with Connection(gateway.port) as connection, Connection(gateway.port) as other:
        assert other.request("GET", "/health").response().status == 200
        connection.post(PATH, gateway.key, body("@pace 80 @say 60", stream=True))
        response = connection.head()
        reads = connection.reads(response)
        first = next(reads)
        gateway.process.send_signal(signal.SIGTERM)
        programs.wait_until(lambda: programs.refuses(gateway.port), "the listener's end")
        # A connection that was there before is served once more, and told to go.
        answer = other.request("GET", "/health").response()
        assert (answer.status, answer.json()["status"]) == (503, "draining")
        assert answer.header("connection") == "close"
        parsed = Stream.parse(first.payload + b"".join(read.payload for read in reads))
    assert numbers(parsed.text()) == list(range(60)) and parsed.done
    assert gateway.wait() == 0


def test_the_drains_budget_ends_what_is_left(start_gateway):
    gateway = start_gateway(shutdown_timeout_seconds=1)
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@pace 50 @say 100000", stream=True))
        response = connection.head()
        reads = connection.reads(response)
        payload = next(reads).payload
        gateway.process.send_signal(signal.SIGTERM)
        payload += b"".join(read.payload for read in reads)
    assert b'"code":"shutting_down"' in payload
    assert b"[DONE]" not in payload and b'"stop"' not in payload
    assert gateway.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_now(start_gateway, number):
    gateway = start_gateway()
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@pace 50 @say 100000", stream=True))
        connection.head()
        gateway.process.send_signal(number)
        programs.wait_until(lambda: programs.refuses(gateway.port), "the listener's end")
        gateway.process.send_signal(number)
        assert gateway.wait() == 128 + number


def test_json_log(start_gateway):
    gateway = start_gateway(log={"format": "json", "level": "info"})
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body(f"@say 4 {programs.SECRET_TEXT}", stream=True), [("X-Request-Id", "log-me")]).response()
    httpx.get(gateway.url + "/v1/models", headers={"Authorization": "Bearer sk-guess-4711"})
    gateway.secrets.append("sk-guess-4711")
    programs.wait_until(lambda: '"request_id":"log-me"' in gateway.err.rpartition("\n")[0], "the access line")
    lines = [json.loads(line) for line in gateway.err.rpartition("\n")[0].splitlines()]
    assert all({"ts", "level", "msg"} <= set(line) for line in lines)
    (line,) = [line for line in lines if line.get("request_id") == "log-me" and line["msg"] == "request"]
    assert (line["method"], line["status"], line["pieces"]) == ("POST", 200, 4)
    assert line["model"] == "xstech-openai::gpt-5.5" and line["stream"] is True
    assert line["route"] == PATH


def test_a_log_file(start_gateway, tmp_path):
    gateway = start_gateway(log={"file": str(tmp_path / "gateway.log")})
    served(gateway)
    gateway.end()
    log = (tmp_path / "gateway.log").read_text()
    assert "request" in log
    for secret in gateway.secrets:
        assert secret not in log


def test_configuration_helper_is_valid(tmp_path, simulator):
    """What all tests start their gateways with passes `check-config` itself."""
    result = run(tmp_path, "check-config", config=configuration(simulator))
    assert result.returncode == 0, result.stderr
