"""Clients that leave, at every stage of an exchange: the lease comes back, and the upstream's transfer ends."""

import httpx
import pytest
from chat import PATH, assistant, body, numbers, post, stream, user
from programs import wait_until
from rawhttp import Connection, Stream

ADMIN = "adm-e2e-c4d2"


@pytest.fixture
def place(start_gateway, simulator):
    """A gateway with one account that takes one request at a time, so that a lease that is lost shows."""

    class Place:
        def __init__(self):
            self.gateway = start_gateway(admin_key=ADMIN, pool={"max_concurrency": 1}, sessions={"prepared_per_cookie": 0})
            self.gateway.secrets.append(ADMIN)
            self.token = self.gateway.token

        def fail(self, fault, **more):
            httpx.post(simulator.url + "/_control", json={"fault": fault, "account": self.token, **more}).raise_for_status()

        @property
        def upstream(self):
            return simulator.counts(self.token)

        @property
        def health(self):
            return httpx.get(self.gateway.url + "/health").json()

        @property
        def account(self):
            answer = httpx.get(self.gateway.url + "/admin/accounts", headers={"Authorization": f"Bearer {ADMIN}"})
            return answer.json()["accounts"][0]

        def open(self, content, **more):
            connection = Connection(self.gateway.port)
            connection.post(PATH, self.gateway.key, body(content, stream=True, **more))
            return connection

        def is_free_again(self):
            wait_until(lambda: self.health["in_flight"] == 0 and self.health["queued"] == 0, "the lease")
            wait_until(lambda: self.upstream["in_flight"] == 0, "the end of the upstream's transfer")
            assert (self.account["in_flight"], self.account["state"], self.account["failures"]) == (0, "ready", 0)
            assert numbers(stream(self.gateway, "@say 3")[1].text()) == [0, 1, 2]
            assert httpx.get(self.gateway.url + "/admin/sessions", headers={"Authorization": f"Bearer {ADMIN}"}).json()["leased"] == 0

    place = Place()
    yield place
    httpx.post(simulator.url + "/_control", json={"clear": True}).raise_for_status()


def test_queued(place):
    holder = place.open("@pace 20 @say 300")
    wait_until(lambda: place.upstream["in_flight"] == 1, "the first stream")
    with place.open("@say 3"):
        wait_until(lambda: place.health["queued"] == 1, "the second in the queue")
    wait_until(lambda: place.health["queued"] == 0, "an empty queue")
    assert place.health["in_flight"] == 1
    with holder:
        assert Stream.parse(holder.response().body).done
    assert place.upstream["started"] == 1
    place.is_free_again()


@pytest.mark.parametrize("call", ["session.create", "session.put"])
def test_while_the_session_is_prepared(place, call):
    place.fail("slow-first=3000", call=call, count=1)
    with place.open("@say 3", temperature=0.3):
        wait_until(lambda: place.health["in_flight"] == 1, "the lease")
        wait_until(lambda: place.account["in_flight"] == 1, "the lease")
    wait_until(lambda: place.health["in_flight"] == 0, "the lease's return")
    place.is_free_again()
    assert place.upstream["started"] == 1, "the message of a client who is gone was sent"


def test_before_the_upstreams_head(place):
    place.fail("slow-first=30000", count=1)
    with place.open("@say 3"):
        wait_until(lambda: place.upstream["in_flight"] == 1, "the message at the upstream")
    place.is_free_again()
    assert place.upstream["cancelled"] == 1


def test_before_the_first_piece(place):
    place.fail("stall=0", count=1)
    with place.open("@say 3"):
        wait_until(lambda: place.upstream["in_flight"] == 1, "the message at the upstream")
    place.is_free_again()
    assert place.upstream["cancelled"] == 1


def test_while_it_streams(place):
    with place.open("@pace 20 @say 1000") as connection:
        assert connection.head().status == 200
    place.is_free_again()
    assert place.upstream["cancelled"] == 1


def test_while_it_does_not_read(place):
    with place.open("@say 20000 1000") as connection:
        assert connection.head().status == 200
        wait_until(lambda: place.upstream["in_flight"] == 1, "the message at the upstream")
    place.is_free_again()


def test_behind_the_last_piece(place):
    """The text is all there; the end of the stream is awaited."""
    place.fail("stall=3", count=1)
    with place.open("@say 3") as connection:
        seen = b""
        for read in connection.reads(connection.head()):
            seen += read.payload
            if b"n=000002" in seen:
                break
    place.is_free_again()


def test_in_the_next_turn(place):
    first = post(place.gateway, "@echo one").json()["choices"][0]["message"]["content"]
    history = [user("@echo one"), assistant(first), user("@pace 20 @say 1000")]
    with place.open(history) as connection:
        assert connection.head().status == 200
    place.is_free_again()


def test_without_waiting_for_an_answer_that_is_not_streamed(place):
    with Connection(place.gateway.port) as connection:
        connection.post(PATH, place.gateway.key, body("@pace 20 @say 1000"))
        wait_until(lambda: place.upstream["in_flight"] == 1, "the message at the upstream")
    place.is_free_again()


def test_all_at_once(place):
    connections = [place.open("@pace 20 @say 100000") for _ in range(30)]
    wait_until(lambda: (health := place.health)["in_flight"] + health["queued"] == 30, "thirty requests")
    for connection in connections:
        connection.socket.close()
    place.is_free_again()
