"""A start without an upstream, and an end at every moment of a request: on time, with the right status, and nothing left upstream."""

import signal
import threading
import time

import httpx
import pytest
from chat import PATH, body, numbers, post
from programs import API_KEY, Gateway, Simulator, free_port, wait_until
from rawhttp import Connection, Stream
from scripted_upstream import SILENCE, Fault, Thread, Upstream

# MARK: The start


def health(gateway):
    answer = httpx.get(gateway.url + "/health")
    return answer.status_code, answer.json()


def test_a_start_before_the_upstream(tmp_path):
    port = free_port()
    config = {
        "cookies": [{"authorization": f"token-{number}"} for number in range(2)],
        "api_keys": [API_KEY],
        "upstream": {"base_url": f"http://127.0.0.1:{port}"},
    }
    gateway = Gateway(tmp_path / "gateway", config, secrets=["token-0", "token-1"])
    gateway.await_health()
    try:
        for _ in range(3):
            response = post(gateway, "@say 3")
            assert (response.status, response.json()["error"]["code"]) == (503, "models_not_loaded"), response.body
            assert int(response.header("retry-after")) >= 1
            answer = httpx.get(gateway.url + "/v1/models", headers={"Authorization": f"Bearer {API_KEY}"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "models_not_loaded")
        status, value = health(gateway)
        assert value["cookie_pool_size"] == 2 and value["in_flight"] == 0, value
        # It is up and says what it waits for; whether to send it requests is for its accounts to say.
        assert (status, value["status"]) in [(200, "healthy"), (503, "unavailable")]
        wait_until(lambda: "could not be fetched" in gateway.err and "next try in" in gateway.err, "the line of the failed attempt")
        simulator = Simulator(tmp_path / "simulator", "--accounts", 2, port=port)
        wait_until(lambda: post(gateway, "@say 3").status == 200, "the upstream to be found", seconds=30)
        gateway.end()
        assert simulator.get("/_sessions") == []
        simulator.stop()
    finally:
        if gateway.running:
            gateway.process.kill()
            gateway.process.wait()


# MARK: The end

MOMENTS = ["models", "queue", "create", "update", "asking", "streaming", "behind-the-text"]


class Ending:
    """A gateway with a request that is held at a moment of its course."""

    def __init__(self, folder, moment, budget):
        self.moment = moment
        self.thread = Thread(Upstream())
        self.upstream = self.thread.upstream
        if moment == "models":
            self.upstream.plan(None, Fault("models", lambda answer: [SILENCE]))
        config = {
            "cookies": [{"authorization": "token-of-endings"}],
            "api_keys": [API_KEY],
            "models": {"prefix": ""},
            "upstream": {"base_url": self.upstream.url},
            "pool": {"max_concurrency": 1},
            "sessions": {"prepared_per_cookie": 0},
            "shutdown_timeout_seconds": budget,
            "log": {"level": "debug"},
        }
        self.gateway = Gateway(folder, config, secrets=["token-of-endings"]).await_health()
        if moment != "models":
            self.gateway.await_models()
        self.connections = []

    def close(self):
        for connection in self.connections:
            connection.socket.close()
        if self.gateway.running:
            self.gateway.process.kill()
            self.gateway.process.wait()
        self.thread.close()

    def hold(self, streamed):
        """Requests until there is one at the moment; the connection that it is on."""
        self.upstream.plan(None if self.moment == "models" else "m0", *self.faults())
        connection = self.ask(streamed)
        if self.moment == "queue":
            self.wait(lambda: self.upstream.calls["completion", "m0"] == 1)
            connection = self.ask(streamed)
            wait_until(lambda: health(self.gateway)[1]["queued"] == 1, "the queue")
        elif self.moment == "models":
            wait_until(lambda: health(self.gateway)[1]["in_flight"] == 0 and self.upstream.calls["models", None] == 1, "the list of models")
            time.sleep(0.1)
        else:
            call = self.moment if self.moment in ("create", "update") else "completion"
            self.wait(lambda: self.upstream.calls[call, "m0"] == 1)
        return connection

    def faults(self):
        begun = lambda answer: [answer[: len(answer) // 2], SILENCE]  # noqa: E731
        said = lambda answer: [answer[: answer.index(b"aiText") - 90], SILENCE]  # noqa: E731
        steps = {"streaming": begun, "behind-the-text": said}.get(self.moment, lambda answer: [SILENCE])
        return [Fault({"models": "models", "create": "create", "update": "update"}.get(self.moment, "completion"), steps)]

    def wait(self, condition):
        wait_until(lambda: self.thread.call(condition), f"the request's {self.moment}")

    def ask(self, streamed):
        connection = Connection(self.gateway.port)
        connection.post(PATH, API_KEY, {**body("hello", stream=streamed), "model": "m0"})
        self.connections.append(connection)
        return connection


@pytest.fixture
def ending(tmp_path):
    endings = []

    def make(moment, budget):
        endings.append(Ending(tmp_path / f"ending-{len(endings)}", moment, budget))
        return endings[-1]

    yield make
    for one in endings:
        one.close()


@pytest.mark.parametrize(("moment", "streamed"), [*((moment, True) for moment in MOMENTS), ("asking", False), ("streaming", False)])
def test_the_budget_ends_every_request(ending, moment, streamed):
    place = ending(moment, budget=1)
    connection = place.hold(streamed)
    begin = time.monotonic()
    place.gateway.process.send_signal(signal.SIGTERM)
    response = connection.response()
    if response.status == 200:
        assert streamed and moment in ("streaming", "behind-the-text")
        parsed = Stream.parse(response.body)
        assert [error["code"] for error in parsed.errors] == ["shutting_down"]
        assert not parsed.done and not parsed.finish_reasons and response.complete
    else:
        assert (response.status, response.json()["error"]["code"]) == (503, "shutting_down"), response.body
        assert not (streamed and moment == "streaming")
    assert connection.closed()
    assert place.gateway.wait() == 0
    # The budget, and what it takes to tell and to clean up.
    assert time.monotonic() - begin < 8
    place.gateway.check_log()
    assert not place.thread.call(lambda: dict(place.upstream.sessions)), "a session was left upstream"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_second_signal_ends_it_at_once(ending, moment, number):
    place = ending(moment, budget=600)
    place.hold(True)
    place.gateway.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in place.gateway.err, "the drain")
    assert place.gateway.running
    place.gateway.process.send_signal(number)
    assert place.gateway.wait(5) == 128 + number
    place.gateway.check_log()


@pytest.mark.parametrize("moment", ["queue", "create", "update", "asking", "streaming"])
def test_a_drain_lets_every_request_finish(start_gateway, simulator, moment):
    """Nothing is lost as long as the budget lasts, wherever the request is when the end is announced."""
    gateway = start_gateway(pool={"max_concurrency": 1}, sessions={"prepared_per_cookie": 0}, shutdown_timeout_seconds=60)
    if moment in ("create", "update"):
        call = {"create": "session.create", "update": "session.put"}[moment]
        rule = {"fault": "slow-first=3000", "account": gateway.token, "call": call, "count": 1}
        httpx.post(simulator.url + "/_control", json=rule).raise_for_status()
    answers = []
    # Long enough to be seen in progress.
    count = {"asking": 5, "streaming": 60, "queue": 60}.get(moment, 12)

    def ask():
        with Connection(gateway.port) as connection:
            text = f"@fault slow-first=3000 @say {count}" if moment == "asking" else f"@pace 60 @say {count}"
            connection.post(PATH, API_KEY, body(text, stream=True))
            response = connection.response()
            answers.append((response, Stream.parse(response.body)))

    threads = [threading.Thread(target=ask) for _ in range(2 if moment == "queue" else 1)]
    for thread in threads:
        thread.start()
    if moment in ("asking", "streaming", "queue"):
        wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 1, "the message at the upstream")
    wait_until(lambda: (now := health(gateway)[1])["in_flight"] == 1 and now["queued"] == len(threads) - 1, "the requests")
    gateway.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(30)
    assert len(answers) == len(threads)
    for response, parsed in answers:
        assert response.status == 200 and parsed.done and not parsed.errors
        assert numbers(parsed.text()) == list(range(count))
    assert gateway.wait() == 0
    assert simulator.sessions(gateway.token) == []
