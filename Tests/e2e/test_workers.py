"""Several loops in one process: what they share holds for all of them together, whichever loop a connection lands on.

The kernel shares connections out by their addresses; of thirty connections some are on each of three loops."""

import collections
import json
import os
import pathlib
import re
import signal
import threading

import httpx
import programs
import pytest
from chat import PATH, assistant, body, numbers, post, stream, user
from conftest import configuration
from programs import API_KEY, wait_until
from rawhttp import Connection, Stream
from test_metrics import value
from test_operations import ADMIN, change

WORKERS = 3
MANY = 30


@pytest.fixture
def start(start_gateway):
    def start(**more):
        gateway = start_gateway(**{"workers": WORKERS, "admin_key": ADMIN, "metrics": {"key": "met-e2e-33b1"}, **more})
        gateway.secrets += [ADMIN, "met-e2e-33b1"]
        return gateway

    return start


def metrics(gateway):
    return httpx.get(gateway.url + "/metrics", headers={"Authorization": "Bearer met-e2e-33b1"}).text


def admin(gateway, path, method="GET"):
    return httpx.request(method, gateway.url + path, headers={"Authorization": f"Bearer {ADMIN}"}).json()


def opened(gateway, count=MANY):
    """Connections that the gateway has accepted, on all loops."""
    connections = [Connection(gateway.port) for _ in range(count)]
    for connection in connections:
        assert connection.request("GET", "/health").response().status == 200
    return connections


def close(connections):
    for connection in connections:
        connection.socket.close()


def streams(gateway, count, text):
    """Streams whose head has come, each on a connection of its own."""
    connections = [Connection(gateway.port) for _ in range(count)]
    for connection in connections:
        connection.post(PATH, gateway.key, body(text, stream=True))
    return [(connection, connection.head()) for connection in connections]


def in_parallel(count, work):
    """What `count` threads get, each for its number."""
    results = [None] * count
    threads = [threading.Thread(target=lambda number=number: results.__setitem__(number, work(number))) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def threads_of(gateway):
    names = [(task / "comm").read_text().strip() for task in pathlib.Path(f"/proc/{gateway.process.pid}/task").iterdir()]
    return sorted(name for name in names if name.startswith("worker-"))


def test_a_thread_for_each(start):
    gateway = start()
    assert threads_of(gateway) == ["worker-1", "worker-2"]
    wait_until(lambda: "3 workers" in gateway.err, "the line of the start")
    for family in ("loop_lag_seconds", "loop_busy_ratio"):
        assert re.findall(rf'^xtgateway_{family}{{worker="(\d)"}}', metrics(gateway), re.MULTILINE) == ["0", "1", "2"]


def test_one_for_each_core(start):
    cores = len(os.sched_getaffinity(0))
    assert len(threads_of(start(workers=0))) == cores - 1


def test_a_taken_port_is_noticed(start, tmp_path, simulator):
    """Sockets that share a port would let a second gateway join the first."""
    for first in (start(), start(workers=1)):
        second = programs.Gateway(tmp_path / f"second-{first.port}", configuration(simulator, port=first.port, workers=WORKERS))
        assert second.wait() == 69
        assert "Is another program using the port?" in second.err


def test_counts_are_of_all(start):
    gateway = start(pool={"max_concurrency": MANY})
    before = metrics(gateway)
    connections = opened(gateway)
    text = metrics(gateway)
    assert value(text, "xtgateway_connections") == MANY + 1
    sample = 'xtgateway_requests_total{route="/health",status="200",stream="false"}'
    assert value(text, sample) - (value(before, sample) or 0) == MANY
    close(connections)
    running = streams(gateway, MANY, "@pace 60 @say 100")
    wait_until(lambda: value(metrics(gateway), "xtgateway_requests_in_flight") == MANY, "every stream")
    assert admin(gateway, "/admin/sessions")["leased"] == MANY
    for connection, response in running:
        assert numbers(Stream.parse(b"".join(read.payload for read in connection.reads(response))).text()) == list(range(100))
    text = metrics(gateway)
    assert value(text, "xtgateway_pieces_total") == 100 * MANY
    assert value(text, "xtgateway_time_to_first_token_seconds_count") == MANY
    assert value(text, 'xtgateway_upstream_requests_total{call="completion",outcome="ok"}') == MANY
    assert value(text, "xtgateway_sent_bytes_total") > 100 * MANY * 60
    close(connection for connection, _ in running)


def test_an_accounts_capacity_holds_for_all(start, simulator):
    gateway = start(pool={"max_concurrency": 2, "affinity_wait_ms": 50})
    answers = in_parallel(MANY, lambda number: stream(gateway, "@pace 2 @say 10")[1])
    assert all(numbers(answer.text()) == list(range(10)) and answer.done for answer in answers)
    assert simulator.counts(gateway.token)["most_in_flight"] == 2
    assert httpx.get(gateway.url + "/health").json()["in_flight"] == 0


def test_clients_that_leave_the_queue_take_no_place(start, simulator):
    """A lease may be on its way to a loop whose client has just gone."""
    gateway = start(pool={"max_concurrency": 1})
    for _ in range(5):
        before = simulator.counts(gateway.token)["finished"]
        waiting = [Connection(gateway.port) for _ in range(MANY)]
        for connection in waiting:
            connection.post(PATH, gateway.key, body("@pace 1 @say 2", stream=True))
        # They go while leases pass from one to the next.
        wait_until(lambda: simulator.counts(gateway.token)["finished"] >= before + 2, "some to be served")
        close(waiting)
    gateway.await_rest()
    assert numbers(stream(gateway, "@say 3")[1].text()) == [0, 1, 2]
    # How many the upstream saw at a time says nothing: it may read the next request before it notices that a cancelled one is gone.
    (account,) = admin(gateway, "/admin/accounts")["accounts"]
    assert (account["in_flight"], account["state"], account["failures"]) == (0, "ready", 0)


def test_a_keys_limits_hold_for_all(start):
    gateway = start(api_keys=[{"key": API_KEY, "max_concurrency": 3}], pool={"max_concurrency": MANY})
    running = streams(gateway, 3, "@pace 20 @say 1000")
    refused = in_parallel(MANY, lambda _: post(gateway, "@say 1"))
    assert collections.Counter(answer.status for answer in refused) == {429: MANY}
    close(connection for connection, _ in running)
    wait_until(lambda: post(gateway, "@say 1").status == 200, "the key's places")


def test_a_keys_requests_a_minute_are_counted_once(start):
    gateway = start(api_keys=[{"key": API_KEY, "requests_per_minute": 10}], pool={"max_concurrency": MANY})
    statuses = collections.Counter(answer.status for answer in in_parallel(MANY, lambda _: post(gateway, "@say 1")))
    assert statuses[200] in (10, 11) and statuses[429] == MANY - statuses[200]


def twenty(gateway):
    connections = [Connection(gateway.port) for _ in range(20)]
    if all(connection.request("GET", "/health").response().status == 200 for connection in connections):
        return connections
    return close(connections)


def test_connections_are_counted_once(start):
    gateway = start(limits={"max_connections": 20})
    # The start's own connections may still count on another loop.
    connections = wait_until(lambda: twenty(gateway), "twenty places")
    for _ in range(10):
        with Connection(gateway.port) as connection:
            assert connection.response().status == 503
    close(connections)


def test_a_conversation_keeps_its_session_wherever_it_is_carried_on(start, simulator):
    gateway = start(sessions={"prepared_per_cookie": 0})
    history = []
    for number in range(12):
        history.append(user(f"@echo {number}"))
        answer = post(gateway, history).json()["choices"][0]["message"]["content"]
        assert answer == str(number)
        history.append(assistant(answer))
    memory = json.loads(post(gateway, [*history, user("@memory")]).json()["choices"][0]["message"]["content"])
    assert len(memory["rounds"]) == 12
    # One more was made to learn the upstream's time, and never spoken to.
    assert sum(session["mostAttempted"] > 0 for session in simulator.sessions(gateway.token)) == 1
    assert admin(gateway, "/admin/sessions")["hits"] == 12


def test_a_session_has_one_writer(start, simulator):
    """The same conversation carried on by many at once: one goes on in its session, the others in new ones."""
    gateway = start(pool={"max_concurrency": MANY}, sessions={"prepared_per_cookie": 0})
    first = post(gateway, "@echo one").json()["choices"][0]["message"]["content"]
    history = [user("@echo one"), assistant(first), user("@pace 10 @say 20")]
    answers = in_parallel(MANY, lambda _: stream(gateway, history)[1])
    assert all(numbers(answer.text()) == list(range(20)) for answer in answers)
    assert max(session["mostAttempted"] for session in simulator.sessions(gateway.token)) == 1
    sessions = admin(gateway, "/admin/sessions")
    assert (sessions["hits"], sessions["misses"], sessions["replays"]) == (1, MANY - 1, MANY - 1)


def test_what_the_operator_does_holds_for_all(start):
    gateway = start()
    assert admin(gateway, "/admin/accounts/cookie-1/disable", "POST")["state"] == "disabled"
    assert {answer.status for answer in in_parallel(MANY, lambda _: post(gateway, "@say 1"))} == {503}
    assert admin(gateway, "/admin/accounts/cookie-1/enable", "POST")["state"] == "ready"
    assert {answer.status for answer in in_parallel(MANY, lambda _: post(gateway, "@say 1"))} == {200}


def test_a_reload_reaches_all(start, simulator):
    gateway = start()
    connections = opened(gateway)
    old, new = gateway.key, "sk-e2e-after"
    joins = {"authorization": simulator.token(), "name": "joins"}
    gateway.secrets += [new, joins["authorization"]]
    change(gateway, api_keys=[new], cookies=[joins], models={"aliases": {"fast": "openai::gpt-5.5"}})

    def served(connection, key, model):
        connection.post(PATH, key, {**body("@say 1"), "model": model})
        return connection.response().status

    # The other loops hear of it within their turn.
    wait_until(lambda: {served(connection, new, "fast") for connection in connections} == {200}, "the new configuration on every loop")
    assert {served(connection, old, "fast") for connection in connections} == {401}
    assert simulator.counts(joins["authorization"])["finished"] >= MANY
    close(connections)
    gateway.key = new


def test_a_reload_changes_the_time_of_leftovers(start, simulator):
    crashed = start()
    assert post(crashed, "@echo a").status == 200
    # The conversation's and two prepared ones; one that was made and is not named yet belongs to nobody, and would stay.
    wait_until(lambda: [session["name"][:10] for session in simulator.sessions(crashed.token)] == ["xtgateway/"] * 3, "three sessions with names")
    crashed.process.kill()
    crashed.wait()
    left = {session["id"] for session in simulator.sessions(crashed.token)}
    assert len(left) == 3
    gateway = start(cookies=crashed.config["cookies"])
    assert post(gateway, "@echo b").status == 200
    assert left <= {session["id"] for session in simulator.sessions(gateway.token)}
    change(gateway, sessions={"idle_timeout_seconds": 1, "cleanup_interval_seconds": 1})
    wait_until(lambda: not left & {session["id"] for session in simulator.sessions(gateway.token)}, "the end of what was left behind", 30)


def test_a_drain_is_of_all(start, simulator):
    gateway = start()
    connections = opened(gateway)
    (running, response), = streams(gateway, 1, "@pace 60 @say 100")
    gateway.process.send_signal(signal.SIGTERM)
    wait_until(lambda: programs.refuses(gateway.port), "the listeners' end")
    # The stream is on one loop, and open connections of the others are still served.
    for connection in connections:
        answer = connection.request("GET", "/health").response()
        assert (answer.status, answer.json()["status"], answer.header("connection")) == (503, "draining", "close")
        assert connection.closed()
    parsed = Stream.parse(b"".join(read.payload for read in running.reads(response)))
    assert numbers(parsed.text()) == list(range(100)) and parsed.done
    assert gateway.wait() == 0
    assert simulator.sessions(gateway.token) == []


def test_idle_connections_wait_for_the_last_stream(start):
    gateway = start()
    connections = opened(gateway)
    (running, response), = streams(gateway, 1, "@pace 20 @say 50")
    gateway.process.send_signal(signal.SIGTERM)
    assert numbers(Stream.parse(b"".join(read.payload for read in running.reads(response))).text()) == list(range(50))
    assert all(connection.closed() for connection in connections)
    assert gateway.wait() == 0


def test_the_budget_is_of_all(start, simulator):
    gateway = start(shutdown_timeout_seconds=1, pool={"max_concurrency": MANY})
    running = streams(gateway, MANY, "@pace 50 @say 100000")
    gateway.process.send_signal(signal.SIGTERM)
    for connection, response in running:
        payload = b"".join(read.payload for read in connection.reads(response))
        assert b'"code":"shutting_down"' in payload and b"[DONE]" not in payload
    assert gateway.wait() == 0
    assert f"{MANY} requests did not end in time" in gateway.err
    assert simulator.sessions(gateway.token) == []


def test_a_second_signal_ends_all_now(start):
    gateway = start()
    running = streams(gateway, 6, "@pace 50 @say 100000")
    gateway.process.send_signal(signal.SIGTERM)
    wait_until(lambda: programs.refuses(gateway.port), "the listeners' end")
    assert gateway.stop() == 128 + signal.SIGTERM
    close(connection for connection, _ in running)


def test_a_restart_under_load_leaves_nothing_upstream(start, simulator):
    gateway = start(pool={"max_concurrency": MANY}, sessions={"prepared_per_cookie": 5})
    stop = threading.Event()

    def load(_):
        served = 0
        while not stop.is_set():
            try:
                served += post(gateway, "@say 1").status == 200
            except OSError:
                break
            except AssertionError:
                break
        return served

    done = []
    runner = threading.Thread(target=lambda: done.extend(in_parallel(6, load)))
    runner.start()
    wait_until(lambda: simulator.counts(gateway.token)["finished"] > 50, "some load")
    assert gateway.stop() == 0
    stop.set()
    runner.join()
    assert sum(done) > 50
    assert simulator.sessions(gateway.token) == []
    gateway.check_log()
