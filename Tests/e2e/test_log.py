"""The log as an operator meets it: a reader that sleeps, a file that is rotated, a terminal."""

import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import time

import httpx
import programs
import pytest
from chat import post
from conftest import configuration, sdk
from programs import API_KEY, GATEWAY, free_port, wait_until
from rawhttp import Connection

F_SETPIPE_SZ = 1031


class Piped:
    """A gateway that logs to a descriptor of the test's."""

    def __init__(self, folder, simulator, descriptor, environment=None, **more):
        self.port = free_port()
        config = configuration(simulator, port=self.port, **more)
        self.path = folder / "gateway.json"
        self.path.write_text(json.dumps(config))
        self.process = subprocess.Popen(
            [GATEWAY, "--config", self.path], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=descriptor,
            env=environment or {})
        self.url, self.key = f"http://127.0.0.1:{self.port}", API_KEY
        wait_until(self.answers, "the gateway")

    def answers(self):
        assert self.process.poll() is None
        try:
            return httpx.get(f"{self.url}/v1/models", headers={"Authorization": f"Bearer {API_KEY}"}).status_code == 200
        except httpx.TransportError:
            return False

    def dropped(self):
        page = httpx.get(f"{self.url}/metrics", headers={"Authorization": "Bearer metrics"}).text
        return int(re.search(r"^xtgateway_log_lines_dropped_total (\d+)$", page, re.MULTILINE).group(1))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()


def read_until(descriptor, word, seconds=20):
    """Everything up to `word`, read without blocking for ever."""
    os.set_blocking(descriptor, False)
    deadline, text = time.monotonic() + seconds, b""
    while word not in text:
        assert time.monotonic() < deadline, f"no {word} in the last of {len(text)} bytes: {text[-500:]}"
        try:
            piece = os.read(descriptor, 1 << 16)
            if not piece:
                break
            text += piece
        except BlockingIOError:
            time.sleep(0.01)
    return text


def ask_for_health(gateway, count):
    """Requests with long ids, so that their lines are long; on one connection."""
    request = f"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: {'i' * 128}\r\n\r\n"
    with Connection(gateway.port) as connection:
        for _ in range(count // 50):
            connection.send((request * 50).encode())
            for _ in range(50):
                assert connection.response().status == 200


@pytest.fixture
def blocked(simulator, tmp_path):
    """(gateway, the other end of its standard error, which nobody reads)"""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, F_SETPIPE_SZ, 4096)
    gateway = Piped(tmp_path, simulator, writer, log={"format": "json", "level": "info"}, metrics={"key": "metrics"})
    os.close(writer)
    yield gateway, reader
    gateway.process.kill()
    gateway.process.wait()
    os.close(reader)


def test_service_goes_on_while_nobody_reads_the_log(blocked):
    gateway, reader = blocked
    for _ in range(40):
        ask_for_health(gateway, 250)
        if gateway.dropped() > 100:
            break
    dropped = gateway.dropped()
    assert dropped > 100
    # Chats as well.
    with sdk(gateway) as client:
        answer = client.chat.completions.create(model="xstech-openai::gpt-5.5", messages=[{"role": "user", "content": "@echo served"}])
        assert answer.choices[0].message.content == "served"
    # Somebody reads again: what waited comes, then how much is missing, then what is new.
    text = read_until(reader, b"log lines were dropped\"}\n")
    ask_for_health(gateway, 50)
    text += read_until(reader, b"health")
    lines = [json.loads(line) for line in text.decode().splitlines()]
    report = next(line for line in lines if "were dropped" in line["msg"])
    assert report["level"] == "warning"
    assert int(report["msg"].split()[0]) == gateway.dropped() >= dropped
    # The first line may be written while it is read.
    assert lines.index(report) > 1000 and lines[0]["msg"].startswith("xtgateway")
    fcntl.fcntl(reader, F_SETPIPE_SZ, 1 << 20)
    assert gateway.stop() == 0
    assert b'"msg":"stopped"}\n' in read_until(reader, b"stopped")


@pytest.mark.parametrize("signals, status", [(1, 0), (2, 128 + signal.SIGTERM)])
def test_nobody_needs_to_read_the_log_for_the_end(blocked, signals, status):
    gateway, _ = blocked
    ask_for_health(gateway, 500)
    with Connection(gateway.port) as connection:
        connection.post("/v1/chat/completions", gateway.key, {
            "model": "xstech-openai::gpt-5.5", "stream": True, "messages": [{"role": "user", "content": "@pace 50 @say 1000"}]})
        connection.head()
        gateway.process.send_signal(signal.SIGTERM)
        if signals == 2:
            programs.wait_until(lambda: programs.refuses(gateway.port), "the drain")
            gateway.process.send_signal(signal.SIGTERM)
        else:
            connection.socket.close()
        assert gateway.process.wait(20) == status


def test_a_reader_that_is_gone_for_good(simulator, tmp_path):
    reader, writer = os.pipe()
    gateway = Piped(tmp_path, simulator, writer, log={"level": "info"}, metrics={"key": "metrics"})
    os.close(writer)
    os.close(reader)
    ask_for_health(gateway, 100)
    wait_until(lambda: gateway.dropped() >= 100, "the count of what nobody got")
    assert gateway.stop() == 0


def access_lines(text):
    return [line for line in text.splitlines() if " request " in line or '"msg":"request"' in line]


def test_a_rotated_file(start_gateway, tmp_path):
    path, moved = tmp_path / "gateway.log", tmp_path / "gateway.log.1"
    gateway = start_gateway(log={"file": str(path), "level": "info"})
    gateway.err_path = path
    assert post(gateway, "@echo a").status == 200
    wait_until(lambda: "/v1/chat" in path.read_text(), "the line of the request")
    path.rename(moved)
    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(path.exists, "the new file")
    assert path.stat().st_mode & 0o777 == 0o640
    before = len(access_lines(moved.read_text()))
    assert post(gateway, "@echo b").status == 200
    wait_until(lambda: "/v1/chat" in path.read_text(), "the line of the request")
    assert "opened again" in path.read_text() and len(access_lines(moved.read_text())) == before
    # No file can be made there: the old one stays in use, and says so.
    path.rename(moved)
    path.mkdir()
    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: "cannot be opened again (Is a directory)" in moved.read_text(), "the complaint")
    assert post(gateway, "@echo c").status == 200
    wait_until(lambda: moved.read_text().count("/v1/chat") == 2, "the line of the request")
    path.rmdir()
    gateway.err_path = moved


def test_nothing_to_rotate(start_gateway):
    gateway = start_gateway()
    gateway.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: "log.file is not set" in gateway.err, "the answer")
    assert post(gateway, "@echo a").status == 200


def test_level_and_format_change_while_running(start_gateway, tmp_path):
    gateway = start_gateway(ready=False, log={"level": "error", "format": "text"})
    config = gateway.err_path.parent / "gateway.json"

    def change(**log):
        config.write_text(json.dumps({**gateway.config, "log": log}))
        gateway.process.send_signal(signal.SIGHUP)

    assert gateway.err == ""
    change(level="info", format="json")
    wait_until(lambda: '"msg":"reload' in gateway.err, "the reload")
    assert httpx.get(f"{gateway.url}/health").status_code == 200
    wait_until(lambda: '"msg":"request"' in gateway.err, "the access line")
    change(level="warning", format="text")

    def is_silent():
        before = gateway.err.count("\n")
        assert httpx.get(f"{gateway.url}/health").status_code == 200
        time.sleep(0.05)
        return gateway.err.count("\n") == before

    wait_until(is_silent, "the end of the access lines")
    assert "only after a restart" not in gateway.err


def test_the_mistakes_of_a_reload_are_in_the_log(start_gateway):
    gateway = start_gateway(log={"format": "json"})
    (gateway.err_path.parent / "gateway.json").write_text(json.dumps({**gateway.config, "prot": 1}))
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "nothing is changed" in gateway.err, "the refusal")
    lines = [json.loads(line) for line in gateway.err.splitlines()]
    (mistake,) = [line for line in lines if "prot" in line["msg"]]
    assert mistake["level"] == "error" and mistake["msg"].startswith("reload: invalid configuration")


@pytest.mark.parametrize("environment, is_coloured", [({"TERM": "xterm"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals(simulator, tmp_path, environment, is_coloured):
    master, terminal = pty.openpty()
    gateway = Piped(tmp_path, simulator, terminal, environment, log={"level": "info"})
    os.close(terminal)
    with sdk(gateway) as client:
        client.chat.completions.create(model="xstech-openai::gpt-5.5", messages=[{"role": "user", "content": "@echo hello"}])
    text = read_until(master, b"/v1/chat/completions").decode()
    assert ("\x1b[" in text) == is_coloured
    assert gateway.stop() == 0
    os.close(master)


def test_no_colours_in_files(gateway):
    assert "\x1b" not in gateway.err
