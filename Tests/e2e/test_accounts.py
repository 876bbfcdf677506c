"""Several accounts, of which some fail; API keys with limits."""

import httpx
import openai
import pytest
from chat import MODEL, PATH, ask, assistant, body, memory, post, stream, user
from conftest import sdk
from programs import API_KEY, wait_until
from rawhttp import Connection


def accounts(simulator, count):
    return [{"authorization": simulator.token(), "name": f"account-{number}"} for number in range(count)]


def rule(simulator, cookie, fault, **more):
    """Makes an account of the simulator fail."""
    httpx.post(simulator.url + "/_control", json={"fault": fault, "account": cookie["authorization"], **more}).raise_for_status()


@pytest.fixture
def rules(simulator):
    yield lambda *arguments, **more: rule(simulator, *arguments, **more)
    httpx.post(simulator.url + "/_control", json={"clear": True}).raise_for_status()


@pytest.mark.parametrize("fault", ["expired", "token-envelope", "credits", "rate-limit", "http=401", "http=429"])
@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
def test_another_account_takes_over(start_gateway, simulator, rules, fault, streamed):
    cookies = accounts(simulator, 2)
    gateway = start_gateway(cookies=cookies)
    rules(cookies[0], fault)
    for _ in range(3):
        if streamed:
            _, parsed, _ = stream(gateway, "@echo served")
            assert parsed.text() == "served" and parsed.done and not parsed.errors
        else:
            response = post(gateway, "@echo served")
            assert response.status == 200, response.body
            assert response.json()["choices"][0]["message"]["content"] == "served"


def test_a_conversation_moves_with_its_history(start_gateway, simulator, rules):
    cookies = accounts(simulator, 2)
    gateway = start_gateway(cookies=cookies)
    with sdk(gateway) as client:
        history = [user("My name is Ada.")]
        history.append(assistant(ask(client, history)))
        first = next(cookie for cookie in cookies if simulator.counts(cookie["authorization"])["finished"])
        rules(first, "expired")
        answer = memory(client, history)
    assert answer["rounds"] == [] and "My name is Ada." in answer["text"] and answer["text"].endswith("@memory")


def test_health_says_when_no_account_can_serve(start_gateway, simulator, rules):
    gateway = start_gateway()
    rules(gateway.config["cookies"][0], "expired", call="*")
    response = post(gateway, "hello")
    assert (response.status, response.json()["error"]["code"]) == (502, "upstream_credentials_exhausted")
    health = httpx.get(gateway.url + "/health")
    assert (health.status_code, health.json()["status"]) == (503, "unavailable")
    assert health.json()["cookies"]["expired"] == 1


def test_a_message_is_not_sent_twice(start_gateway, simulator, rules):
    """The connection dies after the message was sent: nobody knows whether it was charged."""
    cookies = accounts(simulator, 2)
    gateway = start_gateway(cookies=cookies)
    for cookie in cookies:
        rules(cookie, "reset=0")
    assert post(gateway, "@say 3").status == 502
    assert sum(simulator.counts(cookie["authorization"])["started"] for cookie in cookies) == 1


def test_requests_per_minute_of_a_key(start_gateway):
    gateway = start_gateway(api_keys=[{"key": API_KEY, "name": "team", "requests_per_minute": 2}, "sk-e2e-free"])
    with sdk(gateway) as client:
        for _ in range(2):
            assert ask(client, "@echo a") == "a"
        with pytest.raises(openai.RateLimitError) as failure:
            ask(client, "@echo a")
    assert (failure.value.code, failure.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert int(failure.value.response.headers["retry-after"]) >= 1
    with sdk(gateway, "sk-e2e-free") as client:
        assert ask(client, "@echo a") == "a"


def test_max_concurrency_of_a_key(start_gateway):
    gateway = start_gateway(api_keys=[{"key": API_KEY, "name": "team", "max_concurrency": 1}])
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@pace 20 @say 1000", stream=True))
        assert connection.head().status == 200
        response = post(gateway, "@echo a")
        assert (response.status, response.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    wait_until(lambda: post(gateway, "@echo a").status == 200, "the key's place")
    assert MODEL in httpx.get(gateway.url + "/v1/models", headers={"x-api-key": gateway.key}).text
