"""More requests than the accounts take at a time."""

import fault_run
import openai_schemas
import pytest
from chat import PATH, body, numbers, post, stream
from programs import wait_until
from rawhttp import Connection, Stream


PLAN = fault_run.Plan(requests=500, clients=80, pace_milliseconds=40, seconds_between_changes=0.2, silence_milliseconds=5000)


@pytest.fixture
def busy(start_gateway, simulator):
    """Starts a gateway whose only place is taken, and gives it with the connection that takes it."""
    held = []

    def start(pieces=60, **pool):
        gateway = start_gateway(pool={"max_concurrency": 1, **pool})
        connection = Connection(gateway.port)
        held.append(connection)
        connection.post(PATH, gateway.key, body(f"@pace 20 @say {pieces}", stream=True))
        wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 1, "the first stream")
        return gateway, connection

    yield start
    for connection in held:
        connection.socket.close()


def test_a_request_waits_for_its_turn(busy, simulator):
    gateway, first = busy()
    second = stream(gateway, "@say 3")
    assert numbers(second[1].text()) == [0, 1, 2] and second[1].done
    assert Stream.parse(first.response().body).done
    assert simulator.counts(gateway.token)["most_in_flight"] == 1


def test_a_full_queue_refuses(busy):
    gateway, _ = busy(pieces=100000, queue_limit=0)
    response = post(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) == (503, "pool_busy")
    assert response.json()["error"]["type"] == "service_unavailable"
    assert int(response.header("retry-after")) >= 1
    openai_schemas.check_error(response.json())


def test_the_wait_is_limited(busy):
    gateway, _ = busy(pieces=100000, queue_timeout_ms=200)
    response = post(gateway, "@say 3")
    assert (response.status, response.json()["error"]["code"]) == (503, "pool_busy")


def test_a_client_that_leaves_gives_its_place_away(busy):
    gateway, first = busy()
    first.socket.close()
    assert numbers(stream(gateway, "@say 3")[1].text()) == [0, 1, 2]


def test_a_client_that_leaves_the_queue(busy, simulator):
    gateway, first = busy(pieces=250)
    with Connection(gateway.port) as waiting:
        waiting.post(PATH, gateway.key, body("@say 3", stream=True))
    assert Stream.parse(first.response().body).done
    assert post(gateway, "@say 3").status == 200
    assert simulator.counts(gateway.token)["started"] == 2


def test_work_is_spread_over_the_accounts(start_gateway, simulator):
    tokens = [simulator.token() for _ in range(3)]
    gateway = start_gateway(cookies=[{"authorization": token, "name": f"c{n}"} for n, token in enumerate(tokens)])
    connections = [Connection(gateway.port) for _ in range(6)]
    for connection in connections:
        connection.post(PATH, gateway.key, body("@pace 20 @say 100", stream=True))
    for connection in connections:
        with connection:
            assert Stream.parse(connection.response().body).done
    assert [simulator.counts(token)["finished"] for token in tokens] == [2, 2, 2]


def test_a_short_fault_run(tmp_path):
    """`scripts/fault-run` is the long one."""
    result = fault_run.run(PLAN, tmp_path)
    assert not result.failures(compares_load=False), result.table()
    assert len(result.faults) >= 3
