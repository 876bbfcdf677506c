"""Runs last: nothing that gateways wrote anywhere holds a token, a key, a password or a message's text."""

import json
import os
import pathlib
import subprocess

import evidence
import httpx
import programs
import pytest
from chat import MODEL, PATH, assistant, body, system, user
from conftest import sdk
from programs import SECRET_TEXT, Gateway, Simulator
from rawhttp import Connection, Stream

TEXT = f"{SECRET_TEXT} and a sentence that nobody else writes"
PASSWORD = "pass-word-of-the-secrets-test"
KEYS = {"key": "sk-secrets-test-0123456789", "admin": "adm-secrets-test-0123456789", "metrics": "met-secrets-test-0123456789"}


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_gateway_with_every_secret(tmp_path, form):
    """Does everything that is logged or answered, well and badly, with secrets of every kind."""
    simulator = Simulator(tmp_path / "simulator", "--account", f"ada:{PASSWORD}")
    token = simulator.web_token()
    config = {
        "cookies": [{"authorization": f"Bearer {token}"}, {"account": "ada", "password": PASSWORD}, {"authorization": "refused-token-0123456789"}],
        "api_keys": [{"key": KEYS["key"], "name": "team"}], "admin_key": KEYS["admin"], "metrics": {"key": KEYS["metrics"]},
        "upstream": {"base_url": simulator.url}, "log": {"level": "trace", "format": form},
        "pool": {"token_file": str(tmp_path / "tokens.json"), "cooldown_min_ms": 1, "cooldown_max_ms": 1, "breaker_window_ms": 1},
    }
    gateway = Gateway(tmp_path / "gateway", config, secrets=[token, PASSWORD, TEXT, *KEYS.values()])
    gateway.key = KEYS["key"]
    gateway.await_health().await_models()
    evidence.TEXTS.add(TEXT)
    with sdk(gateway, gateway.key) as client:
        assert client.chat.completions.create(**body(f"@echo {TEXT}")).choices[0].message.content == TEXT
    every_answer(gateway)
    for path, key in [("/metrics", "metrics"), ("/admin/accounts", "admin"), ("/admin/sessions", "admin"), ("/health", "key")]:
        answer = httpx.get(gateway.url + path, headers={"Authorization": f"Bearer {KEYS[key]}"})
        assert answer.status_code == 200, answer.text
    shown = subprocess.run([programs.GATEWAY, "check-config", "--config", tmp_path / "gateway/gateway.json"], capture_output=True, env={})
    evidence.record("check-config", shown.stdout + shown.stderr)
    gateway.end()
    simulator.stop()


def every_answer(gateway):
    faults = ["", "@fault content ", "@fault expired ", "@fault rate-limit ", "@fault credits ", "@fault model ", "@fault error-after=1 ",
              "@fault reset=1 ", "@fault garbage ", "@fault html ", "@fault envelope=500:broken ", "@fault empty "]
    for fault in faults:
        for stream in (False, True):
            messages = [system(TEXT), user(TEXT), assistant(TEXT), user(f"{fault}{TEXT}")]
            with Connection(gateway.port) as connection:
                response = connection.post(PATH, gateway.key, body(messages, stream=stream)).response()
            if response.status == 200 and stream:
                Stream.parse(response.body)
            # An operator brings back what the fault took away.
            for name in ["cookie-1", "cookie-2"]:
                httpx.post(f"{gateway.url}/admin/accounts/{name}/reset", headers={"Authorization": f"Bearer {KEYS['admin']}"})
    # The upstream's own words hold the token, the key of a client and the text.
    with Connection(gateway.port) as connection:
        words = f"{gateway.token.removeprefix('Bearer ')}%20{KEYS['key']}%20{PASSWORD}"
        response = connection.post(PATH, gateway.key, body(f"@fault envelope=500:{words}")).response()
        assert response.status >= 400
    for key in [KEYS["key"][:-1], KEYS["key"] + "x", KEYS["admin"], "sk-a-guess-that-came-close"]:
        evidence.SECRETS.add("sk-a-guess-that-came-close")
        for headers in [{"Authorization": f"Bearer {key}"}, {"x-api-key": key}, {"Authorization": f"Basic {key}"}]:
            assert httpx.get(gateway.url + "/v1/models", headers=headers).status_code == 401
    broken = [{**body(TEXT), "temperature": TEXT}, {**body(TEXT), "model": 5}, {"messages": TEXT}, {**body(TEXT), "messages": [{"role": TEXT}]},
              {**body(TEXT), "response_format": {"type": TEXT}}]
    for value in broken:
        with Connection(gateway.port) as connection:
            assert connection.post(PATH, gateway.key, value).response().status == 400
    for raw in [json.dumps(body(TEXT))[:-1].encode(), b'{"model":"%s","messages":[{"role":"user","content":"%s' % (MODEL.encode(), TEXT.encode())]:
        with Connection(gateway.port) as connection:
            connection.request("POST", PATH, [("Authorization", f"Bearer {gateway.key}")], raw)
            assert connection.response().status == 400
    with Connection(gateway.port) as connection:
        connection.send(f"GET /health HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEYS['key']}\r\nbad line\r\n\r\n".encode())
        assert connection.response().status == 400


def test_the_search_finds_what_it_looks_for(tmp_path):
    held, free = tmp_path / "held", tmp_path / "free"
    held.write_bytes(b'\x00binary\xff {"a":"Bearer needle-17"}\nmore needle-1\n a plain sentence of some length here')
    free.write_text("needle-9 needle-171 elsewhere")
    secrets = {"needle-1", "needle-17", "needle-9", "plain sentence of some length"}
    assert evidence.found({held: {"needle-17"}, free: {"needle-9", "needle-17"}}, secrets) == [
        (str(held), "needle-1"), (str(held), "plain sentence of some length")]


def test_nothing_holds_a_secret():
    files = [path for path in evidence.FILES if path.exists()]
    size = sum(path.stat().st_size for path in files)
    assert {"answers", "command-lines", "check-config"} <= {path.name for path in files} and size > 10_000
    assert set(KEYS.values()) | {PASSWORD} <= evidence.SECRETS and TEXT in evidence.TEXTS
    print(f"{len(files)} files of {size} bytes looked through for {len(evidence.SECRETS)} secrets and {len(evidence.TEXTS)} texts")
    assert evidence.found() == []


def test_secrets_are_not_on_the_command_line(gateway):
    line = pathlib.Path(f"/proc/{gateway.process.pid}/cmdline").read_bytes()
    assert line.startswith(os.fsencode(programs.GATEWAY)) and evidence.SECRETS
    assert not [secret for secret in evidence.SECRETS if secret.encode() in line]
