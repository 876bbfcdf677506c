"""Where a request goes when an account fails it, and what the client hears when there is nowhere to go."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import openai_schemas
import pytest
from chat import body, numbers, post, stream
from programs import API_KEY, wait_until

ADMIN = "adm-e2e-5f10"
# The upstream has refused the message: another account may be asked. `error-first` is such a refusal inside a stream.
REFUSALS = ["http=500", "http=503", "envelope=500:x", "error-first", "html", "redirect", "expired", "credits", "rate-limit", "http=403"]
CALLS = ["completion", "session.create"]
# Nobody knows whether the upstream works on it already, and charges for it.
AMBIGUOUS = ["reset=0", "close=0", "truncate=0", "garbage=0", "empty", "http=504", "http=524"]


def accounts(simulator, count):
    return [{"authorization": simulator.token(), "name": f"account-{number}"} for number in range(count)]


@pytest.fixture
def pool(start_gateway, simulator):
    """Starts a gateway with some accounts, and makes accounts of the simulator fail."""

    class Pool:
        def start(self, count, **more):
            self.cookies = accounts(simulator, count)
            self.gateway = start_gateway(cookies=self.cookies, admin_key=ADMIN, sessions={"prepared_per_cookie": 0}, **more)
            self.gateway.secrets.append(ADMIN)
            return self.gateway

        def fail(self, number, fault, **more):
            rule = {"fault": fault, "account": self.cookies[number]["authorization"], **more}
            httpx.post(simulator.url + "/_control", json=rule).raise_for_status()

        def heal(self):
            httpx.post(simulator.url + "/_control", json={"clear": True}).raise_for_status()

        def counts(self, number):
            return simulator.counts(self.cookies[number]["authorization"])

        def admin(self, number=None, command=None):
            path = "/admin/accounts" + (f"/account-{number}/{command}" if command else "")
            headers = {"Authorization": f"Bearer {ADMIN}"}
            answer = httpx.request("POST" if command else "GET", self.gateway.url + path, headers=headers).raise_for_status().json()
            return answer if command else answer["accounts"] if number is None else answer["accounts"][number]

    pool = Pool()
    yield pool
    pool.heal()
    if hasattr(pool, "gateway") and pool.gateway.running:
        wait_until(lambda: all(account["in_flight"] == 0 for account in pool.admin()), "every lease given back")


@pytest.mark.parametrize(("call", "fault"), [(call, fault) for call in CALLS for fault in REFUSALS if (call, fault) != (CALLS[1], "error-first")])
def test_nobody_notices_an_account_that_fails(pool, fault, call):
    gateway = pool.start(2)
    pool.fail(0, fault, call=call)
    for round in range(4):
        answer, parsed, _ = stream(gateway, f"@echo {fault} {round}")
        assert answer.status == 200, answer.body
        assert parsed.text() == f"{fault} {round}" and parsed.done and not parsed.errors
    assert pool.counts(1)["finished"] == 4 and pool.counts(0)["finished"] == 0


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_what_may_have_been_charged_is_not_sent_again(pool, fault):
    gateway = pool.start(2)
    for number in range(2):
        pool.fail(number, fault)
    response = post(gateway, "@say 3")
    assert response.status in (502, 504)
    openai_schemas.check_error(response.json())
    assert sum(account["requests"] for account in pool.admin()) == 1


@pytest.mark.parametrize("fault", AMBIGUOUS)
def test_unless_the_operator_allows_it(pool, fault):
    gateway = pool.start(2, pool={"retry_ambiguous": True})
    pool.fail(0, fault)
    for _ in range(2):
        assert numbers(stream(gateway, "@say 3")[1].text()) == [0, 1, 2]


def test_after_some_text_there_is_no_second_attempt(pool):
    gateway = pool.start(2)
    for number in range(2):
        pool.fail(number, "error-after=2")
    _, parsed, closed = stream(gateway, "@say 5")
    assert numbers(parsed.text()) == [0, 1] and closed
    assert len(parsed.errors) == 1 and not parsed.done and parsed.finish_reasons == []
    assert sum(account["requests"] for account in pool.admin()) == 1


def test_no_more_attempts_than_allowed(pool):
    gateway = pool.start(4, pool={"max_attempts": 2, "breaker_accounts": 4})
    for number in range(4):
        pool.fail(number, "http=500")
    response = post(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) == (502, "upstream_failed")
    assert sum(account["failures"] for account in pool.admin()) == 2


def test_at_most_one_account_is_punished(pool):
    """A message that every account refuses as if its token were bad must not take all of them away."""
    gateway = pool.start(3)
    for number in range(3):
        pool.fail(number, "token-envelope")
    assert post(gateway, "@say 3").status == 502
    assert sorted(account["state"] for account in pool.admin()) == ["expired", "ready", "ready"]


def test_a_requests_own_fault_punishes_nobody(pool):
    gateway = pool.start(2)
    for fault, code in [("content", "content_rejected"), ("envelope=400:上下文长度超出限制", "context_length_exceeded")]:
        pool.fail(0, fault)
        pool.fail(1, fault)
        for _ in range(6):
            response = post(gateway, "@say 3")
            assert (response.status, response.json()["error"]["code"]) == (400, code)
        pool.heal()
    for account in pool.admin():
        assert (account["state"], account["failures"], account["last_error"]) == ("ready", 0, None)


def test_a_models_fault_punishes_no_account(pool):
    gateway = pool.start(2, pool={"cooldown_min_ms": 100, "cooldown_max_ms": 100})
    for number in range(2):
        pool.fail(number, "model")
    response = post(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) == (503, "model_unavailable")
    assert int(response.header("retry-after")) >= 1
    assert [account["state"] for account in pool.admin()] == ["ready", "ready"]
    pool.heal()
    wait_until(lambda: post(gateway, "@say 3").status == 200, "the model's return")


def test_every_account_is_rate_limited(pool):
    gateway = pool.start(2)
    for number in range(2):
        pool.fail(number, "rate-limit=50")
    for attempt in range(3):
        response = post(gateway, "@say 3")
        assert (response.status, response.json()["error"]["code"]) == (429, "upstream_rate_limited"), response.body
        assert 1 <= int(response.header("retry-after")) <= 50
        openai_schemas.check_error(response.json())
    # One request punishes one account, so the second account's turn came with the second request.
    assert [account["state"] for account in pool.admin()] == ["cooling", "cooling"]
    assert all(account["reason"] == "rate_limited" and account["cooldown_until"] for account in pool.admin())
    assert sum(pool.counts(number)["failed"] for number in range(2)) <= 3


def test_a_request_waits_for_the_first_account_to_come_back(pool):
    gateway = pool.start(1)
    pool.fail(0, "rate-limit=4", count=1)
    assert post(gateway, "@say 3").status == 429
    assert pool.admin(0)["state"] == "cooling"
    assert post(gateway, "@say 3").status == 200
    assert pool.admin(0)["state"] == "ready"


def test_an_account_is_back_without_anybodys_asking(pool):
    gateway = pool.start(2)
    pool.fail(0, "rate-limit=4")
    for _ in range(2):
        assert post(gateway, "@say 3").status == 200
    assert pool.admin(0)["state"] == "cooling"
    wait_until(lambda: pool.admin(0)["state"] == "ready", "the end of the rest")


def test_credits_come_back_with_a_reset(pool):
    gateway = pool.start(1)
    pool.fail(0, "credits")
    for _ in range(2):
        response = post(gateway, "@say 3")
        assert (response.status, response.json()["error"]["code"]) == (502, "upstream_credentials_exhausted")
    assert pool.admin(0)["state"] == "out_of_credits" and pool.admin(0)["cooldown_until"]
    pool.heal()
    assert pool.admin(0, "reset")["state"] == "ready"
    assert post(gateway, "@say 3").status == 200


def test_the_breaker(pool):
    gateway = pool.start(3, pool={"breaker_probe_ms": 2000})
    for number in range(3):
        pool.fail(number, "http=500")
    assert post(gateway, "@say 3").json()["error"]["code"] == "upstream_failed"
    response = post(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) == (502, "upstream_unavailable")
    assert int(response.header("retry-after")) >= 1
    openai_schemas.check_error(response.json())
    failures = sum(account["failures"] for account in pool.admin())
    # A probe that fails leaves it open.
    wait_until(lambda: post(gateway, "@say 3") and sum(account["failures"] for account in pool.admin()) > failures, "a probe")
    assert post(gateway, "@say 3").json()["error"]["code"] == "upstream_unavailable"
    pool.heal()
    wait_until(lambda: post(gateway, "@say 3").status == 200, "the upstream's return")
    assert all(post(gateway, "@say 3").status == 200 for _ in range(5))


def test_one_failing_account_opens_no_breaker(pool):
    gateway = pool.start(3)
    pool.fail(0, "http=500")
    for _ in range(10):
        assert post(gateway, "@say 3").status == 200


def test_a_queue_that_nobody_can_serve_any_more_is_told(pool):
    gateway = pool.start(1, pool={"max_concurrency": 1})
    pool.fail(0, "slow-first=400,expired", count=1)
    with httpx.Client(base_url=gateway.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=20) as client:
        with ThreadPoolExecutor(2) as threads:
            answers = list(threads.map(lambda _: client.post("/v1/chat/completions", json=body("@say 3")), range(2)))
    assert [answer.status_code for answer in answers] == [502, 502]
    assert {answer.json()["error"]["code"] for answer in answers} == {"upstream_credentials_exhausted"}


def test_each_attempt_is_in_the_log(pool):
    gateway = pool.start(2)
    pool.fail(0, "credits")
    for _ in range(2):
        assert post(gateway, "@say 3").status == 200
    wait_until(lambda: "on account-0 failed (upstream_credentials_exhausted)" in gateway.err, "the line of the failed attempt")


def test_limits_of_a_key_are_told_in_the_head(start_gateway):
    gateway = start_gateway(api_keys=[{"key": API_KEY, "name": "team", "requests_per_minute": 2}])
    for left in (1, 0):
        response = post(gateway, "@echo a")
        assert (response.status, response.header("x-ratelimit-limit-requests")) == (200, "2")
        assert response.header("x-ratelimit-remaining-requests") == str(left)
        assert response.header("x-ratelimit-reset-requests").rstrip("ms").isdigit()
    response = post(gateway, "@echo a")
    assert (response.status, response.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(response.header("retry-after")) <= 30 and response.header("x-ratelimit-remaining-requests") == "0"


def test_without_an_admin_key_there_is_no_admin(gateway):
    for path in ["/admin/accounts", "/admin/sessions", "/admin/accounts/cookie-1/reset"]:
        for headers in [{}, {"Authorization": f"Bearer {API_KEY}"}, {"Authorization": "Bearer x"}]:
            assert httpx.get(gateway.url + path, headers=headers).status_code == 404
