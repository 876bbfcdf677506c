"""What an operator does while the gateway runs: looks at it, switches accounts, changes its configuration."""

import json
import signal

import httpx
import openai_schemas
import pytest
from chat import PATH, ask, body, post
from conftest import configuration, sdk
from programs import API_KEY, Gateway, Simulator, wait_until
from rawhttp import Connection, Response

ADMIN = "adm-e2e-77c1"


@pytest.fixture
def operated(start_gateway, simulator):
    cookies = [{"authorization": simulator.token(), "name": name} for name in ["one", "two words"]]
    gateway = start_gateway(cookies=cookies, admin_key=ADMIN)
    gateway.secrets.append(ADMIN)
    with httpx.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
        yield gateway, client


def states(client):
    return {account["name"]: account["state"] for account in client.get("/admin/accounts").json()["accounts"]}


def test_admin_needs_its_own_key(operated):
    gateway, client = operated
    assert client.get("/admin/accounts").status_code == 200
    for headers in [{}, {"Authorization": f"Bearer {API_KEY}"}, {"Authorization": f"Bearer {ADMIN}x"}]:
        answer = httpx.get(gateway.url + "/admin/accounts", headers=headers)
        assert answer.status_code == 401
        openai_schemas.check_error(answer.json())
    # The operator's key is no client's key.
    assert client.get("/v1/models").status_code == 401


def test_accounts_are_switched_off_and_on(operated):
    gateway, client = operated
    (first, second) = client.get("/admin/accounts").json()["accounts"]
    assert set(first) >= {"name", "state", "reason", "in_flight", "capacity", "weight", "cooldown_until", "token_expires_at", "requests",
                          "failures", "last_error", "credits"}
    assert (first["name"], second["name"]) == ("one", "two words")
    assert client.post("/admin/accounts/two%20words/disable").json()["state"] == "disabled"
    assert states(client) == {"one": "ready", "two words": "disabled"}
    assert client.post("/admin/accounts/one/disable").status_code == 200
    assert post(gateway, "@echo a").status == 503
    assert httpx.get(gateway.url + "/health").json()["cookies"]["disabled"] == 2
    assert client.post("/admin/accounts/one/enable").json()["state"] == "ready"
    assert post(gateway, "@echo a").status == 200
    assert client.post("/admin/accounts/nobody/enable").status_code == 404
    assert client.get("/admin/accounts/one/enable").status_code == 405


def test_a_reset_gives_an_account_another_chance(operated, simulator):
    gateway, client = operated
    assert client.post("/admin/accounts/two%20words/disable").status_code == 200
    assert post(gateway, "@fault expired").status == 502
    assert states(client)["one"] == "expired"
    assert client.post("/admin/accounts/one/reset").json()["state"] == "ready"
    assert post(gateway, "@echo a").status == 200


def test_sessions_are_counted(operated):
    gateway, client = operated
    with sdk(gateway) as chats:
        ask(chats, "hello")
    value = client.get("/admin/sessions").json()
    assert value["live"] == 1 and value["leased"] == 0
    assert [account["name"] for account in value["accounts"]] == ["one", "two words"]


def change(gateway, **more):
    """Writes a changed configuration and says so; waits until it is in force, or refused."""
    path = gateway.err_path.parent / "gateway.json"
    before = gateway.err.count("reload: the configuration")
    path.write_text(json.dumps({**gateway.config, **more}))
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gateway.err.count("reload: the configuration") > before, "the new configuration")
    if key := gateway.config.get("admin_key"):
        # Every loop is asked, behind the configuration that it was sent.
        httpx.get(gateway.url + "/admin/sessions", headers={"Authorization": f"Bearer {key}"}).raise_for_status()


def test_hang_up_takes_the_configuration_over(start_gateway, simulator):
    gateway = start_gateway(admin_key=ADMIN)
    gateway.secrets.append(ADMIN)
    new = {"authorization": simulator.token(), "name": "newcomer"}
    gateway.secrets += ["sk-e2e-new", new["authorization"]]
    with sdk(gateway, "sk-e2e-new") as client:
        change(gateway, api_keys=["sk-e2e-new"], cookies=[new])
        assert ask(client, "@echo changed") == "changed"
        assert simulator.counts(new["authorization"])["finished"] == 1
        assert post(gateway, "@echo a").status == 401
        change(gateway, api_keys=[], cookies="none", nonsense=1)
        assert ask(client, "@echo unchanged") == "unchanged"


def test_signing_in_with_a_password(tmp_path):
    simulator = Simulator(tmp_path / "simulator", "--account", "ada:pass-word-4711")
    cookies = [{"account": "ada", "password": "pass-word-4711"}]
    config = {**configuration(simulator), "cookies": cookies}
    gateway = Gateway(tmp_path / "gateway", config, secrets=["pass-word-4711", API_KEY]).await_health().await_models()
    with sdk(gateway) as client:
        assert ask(client, "@echo in") == "in"
    gateway.end()
    simulator.stop()


def admin(gateway, name):
    answer = httpx.get(gateway.url + "/admin/accounts", headers={"Authorization": f"Bearer {ADMIN}"}).json()["accounts"]
    return next((account for account in answer if account["name"] == name), None)


def test_a_removed_account_finishes_what_it_began(start_gateway, simulator):
    cookies = [{"authorization": simulator.token(), "name": name} for name in ["leaves", "stays"]]
    gateway = start_gateway(cookies=cookies, admin_key=ADMIN)
    gateway.secrets.append(ADMIN)
    connections = [Connection(gateway.port) for _ in range(2)]
    for connection in connections:
        connection.post(PATH, gateway.key, body("@pace 20 @say 250", stream=True))
        assert connection.head().status == 200
    change(gateway, cookies=cookies[1:])
    leaving = admin(gateway, "leaves")
    assert (leaving["state"], leaving["in_flight"]) == ("draining", 1)
    assert httpx.get(gateway.url + "/health").json()["cookie_pool_size"] == 1
    for _ in range(3):
        assert post(gateway, "@say 3").status == 200
    for connection in connections:
        with connection:
            payload = b"".join(read.payload for read in connection.reads(Response(200, "", [("transfer-encoding", "chunked")])))
            assert payload.endswith(b"data: [DONE]\n\n")
    wait_until(lambda: admin(gateway, "leaves") is None, "the account's end")
    assert [simulator.counts(cookie["authorization"])["finished"] for cookie in cookies] == [1, 4]
    # Back again, it is an account like any other.
    change(gateway, cookies=cookies)
    wait_until(lambda: [post(gateway, "@say 3").status for _ in range(2)] == [200, 200] and admin(gateway, "leaves")["requests"], "its return")


def test_what_stays_keeps_its_counters_and_rests(start_gateway, simulator):
    cookies = [{"authorization": simulator.token(), "name": name} for name in ["a", "b"]]
    keys = [{"key": API_KEY, "name": "team", "requests_per_minute": 10}]
    gateway = start_gateway(cookies=cookies, admin_key=ADMIN, api_keys=keys)
    gateway.secrets.append(ADMIN)
    assert post(gateway, "@fault rate-limit=60").status == 429
    before = [admin(gateway, name) for name in "ab"]
    assert sorted(account["state"] for account in before) == ["cooling", "ready"]
    change(gateway, cookies=[{**cookies[0], "max_concurrency": 3, "weight": 2}, cookies[1]], port=1, host="127.0.0.2")
    after = [admin(gateway, name) for name in "ab"]
    assert (after[0]["capacity"], after[0]["weight"]) == (3, 2)
    for old, new in zip(before, after):
        assert [old[name] for name in ("state", "reason", "requests", "failures", "last_error")] == [
            new[name] for name in ("state", "reason", "requests", "failures", "last_error")
        ]
    assert post(gateway, "@echo a").header("x-ratelimit-remaining-requests") == "8"
    line = next(line for line in gateway.err.splitlines() if "only after a restart" in line)
    assert "host" in line and "port" in line


def test_an_invalid_file_is_told_and_changes_nothing(start_gateway, simulator):
    gateway = start_gateway()
    path = gateway.err_path.parent / "gateway.json"
    for text in ["{", json.dumps({**gateway.config, "cookies": [{"name": "without"}]}), json.dumps({**gateway.config, "prot": 1})]:
        path.write_text(text)
        count = gateway.err.count("nothing is changed")
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: gateway.err.count("nothing is changed") > count, "the refusal")
        assert post(gateway, "@echo a").status == 200
    path.unlink()
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: gateway.err.count("nothing is changed") > count + 1, "the refusal")
    assert post(gateway, "@echo a").status == 200
