"""Accounts that sign in with a password; tokens that end."""

import base64
import json
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from chat import post, stream
from conftest import configuration
from programs import API_KEY, GATEWAY, Gateway, Simulator, wait_until

PASSWORD = "pass-word-4711"
ADMIN = "adm-e2e-91b0"


def jwt(user, seconds):
    parts = [{"alg": "none", "typ": "JWT"}, {"userId": user, "exp": int(time.time()) + seconds}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2ltdWxhdG9y"])


@pytest.fixture
def service(tmp_path):
    """A simulator with accounts that sign in, and gateways in front of it."""

    class Service:
        def __init__(self):
            self.simulator = None
            self.gateways = []

        def upstream(self, *options):
            self.simulator = Simulator(tmp_path / "simulator", *options)
            return self

        def start(self, cookies, ready=True, **more):
            config = {**configuration(self.simulator), "cookies": cookies, "admin_key": ADMIN, **more}
            folder = tmp_path / f"gateway-{len(self.gateways)}"
            gateway = Gateway(folder, config, secrets=[PASSWORD, API_KEY, ADMIN]).await_health()
            self.gateways.append(gateway)
            return gateway.await_models() if ready else gateway

        def control(self, **what):
            httpx.post(self.simulator.url + "/_control", json=what).raise_for_status()

        @property
        def logins(self):
            return self.simulator.get("/_stats")["calls"]["login"]

    service = Service()
    yield service
    for gateway in service.gateways:
        if gateway.process.returncode is None:
            gateway.end()
    service.simulator.stop()


def login(user="ada", **more):
    return {"account": user, "password": PASSWORD, **more}


def state(gateway):
    answer = httpx.get(gateway.url + "/admin/accounts", headers={"Authorization": f"Bearer {ADMIN}"}).json()["accounts"]
    return {account["name"]: account["state"] for account in answer}


def test_a_token_that_is_revoked_is_renewed_once(service):
    service.upstream("--account", f"ada:{PASSWORD}")
    gateway = service.start([login()])
    assert service.logins == 1
    service.control(revoke="ada")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: post(gateway, f"@echo {n}"), range(8)))
    # Whoever comes while the token is renewed waits for it.
    assert [answer.status for answer in answers] == [200] * 8, [answer.body for answer in answers]
    assert service.logins == 2
    assert state(gateway) == {"cookie-1": "ready"}


def test_a_refusal_of_the_last_token_does_not_concern_the_next(service):
    """A slow 401 for a request of the old token comes when the new one is in use."""
    service.upstream("--account", f"ada:{PASSWORD}")
    gateway = service.start([login()])
    service.control(fault="slow-first=1500,expired", count=1, account="ada")
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(post, gateway, "@echo slow")
        wait_until(lambda: service.simulator.get("/_stats")["calls"]["completion"] == 1, "the slow request")
        service.control(revoke="ada")
        assert post(gateway, "@echo quick").status == 200
        assert slow.result().status == 200
    assert service.logins == 2


def test_a_wrong_password_is_told_and_not_tried_again_at_once(service):
    service.upstream("--account", f"ada:{PASSWORD}x")
    gateway = service.start([login()], ready=False)
    response = wait_until(lambda: (answer := post(gateway, "@say 3")).status == 502 and answer, "the failed login")
    assert response.json()["error"]["code"] == "upstream_credentials_exhausted"
    assert post(gateway, "@say 3").status == 502
    assert service.logins == 1
    wait_until(lambda: "cannot sign in for account cookie-1" in gateway.err, "the line of the failed login")


def test_tokens_are_kept_over_a_restart(service, tmp_path):
    service.upstream("--account", f"ada:{PASSWORD}", "--account", f"bob:{PASSWORD}")
    path = tmp_path / "tokens.json"
    pool = {"token_file": str(path)}
    gateway = service.start([login(name="a"), login("bob", name="b")], pool=pool)
    wait_until(lambda: state(gateway) == {"a": "ready", "b": "ready"}, "both logins")
    wait_until(lambda: path.exists() and len(json.loads(path.read_text())) == 2, "both tokens in the file")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tokens = json.loads(path.read_text())
    assert set(tokens) == {"a", "b"} and all(token.count(".") == 2 for token in tokens.values())
    gateway.end()
    second = service.start([login(name="a"), login("bob", name="b")], pool=pool)
    assert post(second, "@echo kept").status == 200 and service.logins == 2
    second.end()
    # A token of the file that is not good any more is renewed, even before the first list of models.
    service.control(revoke="ada")
    service.control(revoke="bob")
    third = service.start([login(name="a"), login("bob", name="b")], pool=pool)
    assert post(third, "@echo renewed").status == 200
    assert json.loads(path.read_text()) != tokens
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(token not in third.err for token in tokens.values())


def test_a_broken_token_file_is_told_and_replaced(service, tmp_path):
    service.upstream("--account", f"ada:{PASSWORD}")
    path = tmp_path / "tokens.json"
    path.write_text("{not json")
    gateway = service.start([login()], pool={"token_file": str(path)})
    wait_until(lambda: "cannot be read" in gateway.err, "the line about the file")
    assert list(json.loads(path.read_text())) == ["cookie-1"]


def test_a_token_near_its_end_is_not_used(service):
    service.upstream("--account", f"ada:{PASSWORD}")
    near, far = jwt(700_001, 55), jwt(700_002, 86_400)
    gateway = service.start([{"authorization": near, "name": "near"}, {"authorization": far, "name": "far"}])
    gateway.secrets += [near, far]
    assert state(gateway) == {"near": "expired", "far": "ready"}
    for _ in range(3):
        assert post(gateway, "@say 3").status == 200
    wait_until(lambda: all(f"the token of account {name}" in gateway.err for name in ("near", "far")), "the lines about the tokens")
    assert service.simulator.get("/_stats")["unauthorized"] == 0


def test_a_token_comes_to_its_end_in_use(service):
    service.upstream("--account", f"ada:{PASSWORD}")
    token = jwt(700_003, 62)
    gateway = service.start([{"authorization": token}], ready=False)
    wait_until(lambda: state(gateway) == {"cookie-1": "expired"}, "the token's end")
    response = post(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) == (502, "upstream_credentials_exhausted")
    assert httpx.get(gateway.url + "/health").json()["cookies"]["expired"] == 1


def test_the_same_account_twice_is_refused(tmp_path):
    one, other = jwt(4711, 86_400), jwt(4711, 90_000)
    cookies = [{"authorization": one, "name": "first"}, {"authorization": f"Bearer {other}", "name": "second"}]
    for entries, names in [
        (cookies, ("first", "second")),
        ([login(name="left"), login(name="right")], ("left", "right")),
    ]:
        (tmp_path / "c.json").write_text(json.dumps({"cookies": entries}))
        run = subprocess.run([GATEWAY, "check-config", "--config", tmp_path / "c.json"], capture_output=True, text=True, env={})
        assert run.returncode == 78
        line = next(line for line in (run.stdout + run.stderr).splitlines() if "same account" in line)
        assert all(name in line for name in names)
        for secret in (one, other, PASSWORD):
            assert secret not in run.stdout + run.stderr


def test_a_stream_waits_for_the_renewal(service):
    service.upstream("--account", f"ada:{PASSWORD}")
    gateway = service.start([login()])
    service.control(revoke="ada")
    _, parsed, _ = stream(gateway, "@echo renewed")
    assert parsed.text() == "renewed" and parsed.done
