"""What a conversation costs in upstream calls, and what becomes of the sessions that nobody needs any more."""

import collections
import json
import time

import httpx
import pytest
from chat import MODEL, OTHER_MODEL, ask, assistant, body, memory, system, user
from conftest import configuration, sdk
from programs import Gateway, Simulator, wait_until

CALLS = ["session.create", "session.put", "completion", "context-clear"]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="}}


@pytest.fixture
def upstream(tmp_path):
    """An upstream of the test's own, so that its counters tell of nobody else."""
    programs = []

    def start(*options):
        programs.append(Simulator(tmp_path / f"upstream-{len(programs)}", "--accounts", 4, "--record-requests", 5000, *options))
        return programs[-1]

    yield start
    for program in programs:
        program.stop()


@pytest.fixture
def start(tmp_path):
    """start(simulator, sessions={…}): a gateway on the upstream of the test's own."""
    gateways = []

    def start(simulator, tokens=("token-1",), **more):
        config = configuration(simulator, **{"api_keys": ["sk-e2e-5d1c7a", "sk-e2e-other"], **more})
        config["cookies"] = [{"authorization": token} for token in tokens]
        gateway = Gateway(tmp_path / f"gateway-{len(gateways)}", config)
        gateways.append(gateway)
        return gateway.await_health().await_models()

    yield start
    for gateway in gateways:
        if gateway.running:
            gateway.end()


class Counting:
    """The calls that a block costs; with `settled` in between nothing goes on in the background."""

    def __init__(self, simulator):
        self.simulator = simulator

    def __enter__(self):
        self.before = collections.Counter(self.simulator.get("/_stats")["calls"])
        return self

    def __exit__(self, *_):
        self.calls = {name: count for name, count in (collections.Counter(self.simulator.get("/_stats")["calls"]) - self.before).items()
                      if name in CALLS}


def named(simulator, settings=None):
    sessions = [session for session in simulator.get("/_sessions") if session["name"].startswith("xtgateway/")]
    return [session for session in sessions if settings is None or all(session[key] == value for key, value in settings.items())]


def prepared(simulator, count=2):
    """Waits until so many sessions lie ready that have not heard a word."""
    wait_until(lambda: sum(not session["records"] for session in named(simulator)) == count, f"{count} prepared sessions")


def test_calls_of_a_cold_conversation(upstream, start):
    simulator = upstream()
    gateway = start(simulator, sessions={"prepared_per_cookie": 0})

    def is_over():
        calls = simulator.get("/_stats")["calls"]
        return (calls.get("session.delete") or calls.get("session.batch-delete")) and not simulator.get("/_sessions")

    wait_until(is_over, "the end of the look for leftovers")
    with sdk(gateway) as client:
        with Counting(simulator) as counting:
            text = ask(client, "@echo one")
        assert counting.calls == {"session.create": 1, "session.put": 1, "completion": 1}
        history = [user("@echo one"), assistant(text), user("@echo two")]
        with Counting(simulator) as counting:
            text = ask(client, history)
        assert counting.calls == {"completion": 1}
        history += [assistant(text), user("@echo three")]
        with Counting(simulator) as counting:
            text = ask(client, [system("Now with a prompt."), *history])
        assert counting.calls == {"session.put": 1, "completion": 1}
        history += [assistant(text), user("@echo four")]
        with Counting(simulator) as counting:
            text = ask(client, [system("Now with a prompt."), *history], temperature=0.5)
        assert counting.calls == {"session.put": 1, "completion": 1}
        history += [assistant(text), user("@echo five")]
        with Counting(simulator) as counting:
            text = ask(client, [system("Now with a prompt."), *history], temperature=0.5, model=OTHER_MODEL)
        assert counting.calls == {"session.put": 1, "completion": 1}
        history += [assistant(text), user("@echo six")]
        with Counting(simulator) as counting:
            ask(client, [system("Now with a prompt."), *history], temperature=0.5, model=OTHER_MODEL)
        assert counting.calls == {"completion": 1}


def before_the_first_piece(simulator, known):
    """The calls that the last completion's session took since it was made for it, by the upstream's log."""
    log = simulator.get("/_requests")[known:]
    last = next(index for index in reversed(range(len(log))) if log[index]["target"] == "/api/chat/completions")
    number = json.loads(log[last]["body"])["sessionId"]
    return [entry["method"] for entry in log[: last + 1] if entry["target"] == f"/api/chat/session/{number}"] + ["completion"]


@pytest.mark.parametrize("more, calls", [
    ({}, ["completion"]),
    ({"temperature": 0.75}, ["PUT", "completion"]),
    ({"max_tokens": 700}, ["PUT", "completion"]),
    ({"model": OTHER_MODEL}, ["PUT", "completion"]),
    ({"messages": [system("Be kind."), user("@echo hello")]}, ["PUT", "completion"]),
], ids=["matching", "temperature", "max_tokens", "model", "prompt"])
def test_calls_of_a_new_conversation_with_a_prepared_session(upstream, start, more, calls):
    simulator = upstream()
    gateway = start(simulator)
    prepared(simulator)
    known = len(simulator.get("/_requests"))
    with sdk(gateway) as client:
        client.chat.completions.create(**{**body("@echo hello"), **more})
    assert before_the_first_piece(simulator, known) == calls
    # Meanwhile the reserve is filled again, for the model that is asked for.
    prepared(simulator)
    if "model" in more:
        assert any(session["model"] == OTHER_MODEL.removeprefix("xstech-") for session in named(simulator) if not session["records"])


def test_every_follow_up_of_a_growing_conversation_finds_its_session(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    prepared(simulator)
    history, turns = [], 60
    with sdk(gateway) as client:
        with Counting(simulator) as counting:
            for turn in range(turns):
                history.append(user(f"Turn {turn} @echo answer {turn}\n"))
                history.append(assistant(ask(client, history)))
            answer = memory(client, history)
    assert len(answer["rounds"]) == turns and answer["text"] == "@memory"
    # One session was taken from the reserve, and one was made in its place.
    assert counting.calls == {"completion": turns + 1, "session.create": 1, "session.put": 1}


def test_a_conversation_that_outgrows_the_upstreams_memory_is_written_out(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    history = []
    with sdk(gateway) as client:
        for turn in range(66):
            history += [user(f"Turn {turn} @echo answer {turn}")]
            history += [assistant(ask(client, history))]
        answer = memory(client, history)
        assert answer["rounds"] == [] and "Turn 0 " in answer["text"] and "Turn 65 " in answer["text"]
        follow_up = memory(client, [*history, user("@memory"), assistant(json.dumps(answer))])
        assert follow_up["session"] != answer["session"], "an answer in other words is another answer"


def test_identical_histories_of_two_keys_never_meet(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    with sdk(gateway) as one, sdk(gateway, "sk-e2e-other") as other:
        history = [user("Hello @echo the same for everybody")]
        answers = [ask(client, history) for client in (one, other)]
        assert answers[0] == answers[1]
        history.append(assistant(answers[0]))
        sessions = [memory(client, history)["session"] for client in (one, other)]
        assert sessions[0] != sessions[1]
        # Nor does one find what only the other has.
        history += [user("Alone @echo mine")]
        history += [assistant(ask(one, history))]
        stranger = memory(other, history)
        assert stranger["rounds"] == [] and stranger["session"] not in sessions


def test_anonymous_clients_with_the_same_opening_have_their_own_sessions(upstream, start):
    simulator = upstream()
    gateway = start(simulator, api_keys=[], allow_anonymous=True)
    with sdk(gateway, "none") as client:
        opening = [user("Hello @echo Hello yourself.")]
        answers = {ask(client, opening) for _ in range(3)}
        history = [*opening, assistant(answers.pop())]
        threes = [json.loads(ask(client, [*history, user(f"I am number {number} @memory")])) for number in range(3)]
        assert len({three["session"] for three in threes}) == 3
        assert all(len(three["rounds"]) == 1 for three in threes)
        # A fourth, who was not there, gets one of its own, with the history written out.
        fourth = memory(client, history)
        assert fourth["rounds"] == [] and fourth["session"] not in {three["session"] for three in threes}


def test_expired_sessions_fill_the_reserve(upstream, start):
    simulator = upstream()
    gateway = start(simulator, sessions={"idle_timeout_seconds": 1, "cleanup_interval_seconds": 1, "prepared_per_cookie": 1})
    prepared(simulator, 1)
    # While nothing can be made, an expired session is all that can fill the reserve.
    httpx.post(simulator.url + "/_control", json={"fault": "http=500", "call": "session.create"})
    with sdk(gateway) as client:
        first = json.loads(ask(client, [system("Secret prompt"), user("4711 @memory")], temperature=0.5))
        wait_until(lambda: simulator.get("/_stats")["calls"].get("context-clear", 0) == 1, "the expiry")
        settings = {"prompt": "", "temperature": 0}
        wait_until(lambda: named(simulator, settings) and named(simulator)[0]["records"][-1]["type"] == "context_clear", "the resetting PUT")
        second = json.loads(ask(client, "@memory"))
    assert second["session"] == first["session"]
    assert (second["rounds"], second["prompt"], second["temperature"]) == ([], "", 0)


def test_the_least_recently_used_conversation_makes_room(upstream, start):
    simulator = upstream()
    gateway = start(simulator, sessions={"max": 3, "prepared_per_cookie": 0})
    with sdk(gateway) as client:
        histories = []
        for number in range(5):
            question = user(f"Number {number} @echo {number}")
            histories.append([question, assistant(ask(client, [question]))])
            if number == 2:
                # The oldest is used once more.
                histories[0] += [user("@echo again")]
                histories[0] += [assistant(ask(client, histories[0]))]
        wait_until(lambda: len(named(simulator)) == 3, "the deletion of those that had to go")
        for number, known in enumerate([True, False, False, True, True]):
            assert bool(memory(client, histories[number])["rounds"]) == known, number
            if not known:
                break


def test_a_session_that_remembers_another_answer_is_not_used_again(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    with sdk(gateway) as client:
        history = [user("@fault other-ai-text @echo what the client got")]
        history.append(assistant(ask(client, history)))
        assert history[1]["content"] == "what the client got"
        answer = memory(client, history)
    assert answer["rounds"] == [] and "what the client got" in answer["text"]


def test_a_session_deleted_behind_the_gateways_back_is_replaced(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    with sdk(gateway) as client:
        for more in ({}, {"temperature": 0.5}):
            history = [user("Remember 4711 @memory")]
            history.append(assistant(ask(client, history)))
            lost = json.loads(history[1]["content"])["session"]
            httpx.delete(f"{simulator.url}/api/chat/session/{lost}", headers={"authorization": "token-1"}).raise_for_status()
            answer = memory(client, history, **more)
            assert answer["session"] != lost and answer["rounds"] == [] and "4711" in answer["text"]
            # And the conversation goes on there.
            again = memory(client, [*history, user("@memory"), assistant(json.dumps(answer, ensure_ascii=False, separators=(",", ":")))], **more)
            assert again["session"] == answer["session"] or again["rounds"] == []


def test_a_session_gone_already_does_not_hold_up_other_deletions(upstream, start):
    simulator = upstream()
    gateway = start(simulator, sessions={"idle_timeout_seconds": 1, "cleanup_interval_seconds": 1, "prepared_per_cookie": 0})
    with sdk(gateway) as client:
        lost = json.loads(ask(client, "One @memory"))["session"]
        httpx.delete(f"{simulator.url}/api/chat/session/{lost}", headers={"authorization": "token-1"}).raise_for_status()
        asked = len(simulator.get("/_requests"))
        wait_until(lambda: any(entry["method"] == "DELETE" for entry in simulator.get("/_requests")[asked:]), "the deletion of the lost session")
        ask(client, "Two @echo two")
        wait_until(lambda: not named(simulator), "the deletion of the next", 8)


def test_an_account_that_refuses_deletions_does_not_hold_up_others(upstream, start):
    simulator = upstream()
    httpx.post(simulator.url + "/_control", json={"fault": "http=500", "call": "session.batch-delete", "account": "token-1"})
    gateway = start(simulator, ["token-1", "token-2"], sessions={"idle_timeout_seconds": 1, "cleanup_interval_seconds": 1, "prepared_per_cookie": 0})
    with sdk(gateway) as client:
        used = collections.Counter(json.loads(ask(client, f"{number} @memory"))["account"] for number in range(8))
    assert set(used) == {"token-1", "token-2"}
    wait_until(lambda: {session["account"] for session in named(simulator)} == {"token-1"}, "the deletions on the other account", 8)
    httpx.post(simulator.url + "/_control", json={"clear": True})
    wait_until(lambda: not named(simulator), "the deletions that were refused first", 30)


def test_more_conversations_than_an_account_holds_sessions(upstream, start):
    simulator = upstream("--max-sessions", 20)
    gateway = start(simulator)
    with sdk(gateway) as client:
        for number in range(60):
            assert ask(client, f"{number} @echo {number}") == str(number)
        assert memory(client, [user("59 @echo 59"), assistant("59")])["rounds"]


def test_earlier_images_and_a_model_that_takes_none(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    with sdk(gateway) as client:
        history = [user([{"type": "text", "text": "Look"}, IMAGE]), assistant("A pixel."), user("@memory")]
        answer = json.loads(ask(client, history, model="xstech-qwen::qwen3-text"))
    assert answer["files"] == [] and "no longer attached" in answer["text"]


@pytest.mark.parametrize("messages", [
    [user("")],
    [user("Hello @echo hello"), assistant("hello"), user("")],
    [user(""), user("")],
    [user(""), assistant(""), user("")],
], ids=["first", "later", "two", "all"])
def test_empty_messages_are_answered(upstream, start, messages):
    gateway = start(upstream())
    with sdk(gateway) as client:
        assert ask(client, messages)


def test_a_killed_gateways_sessions_are_deleted_and_nobody_elses(upstream, start):
    simulator = upstream()
    headers = {"authorization": "token-1"}

    def own(name):
        made = httpx.post(simulator.url + "/api/chat/session", headers=headers, json={}).json()["data"]
        httpx.put(f"{simulator.url}/api/chat/session/{made['id']}", headers=headers, json={**made, "name": name}).raise_for_status()
        return made["id"]

    # The account's owner has sessions too, however they are called.
    owners = {own("新对话"), own("my own"), own("about xtgateway/"), own("xtgateway")}
    # Enough for more than one page of the list.
    owners |= {own(f"page {number}") for number in range(40)}
    short = {"upstream": {"total_timeout_ms": 1000}, "pool": {"queue_timeout_ms": 1000},
             "sessions": {"idle_timeout_seconds": 1, "cleanup_interval_seconds": 1}}
    killed = start(simulator, **{**short, "sessions": {"idle_timeout_seconds": 600, "cleanup_interval_seconds": 1}})
    with sdk(killed) as client:
        for number in range(40):
            ask(client, f"{number} @echo {number}")
    prepared(simulator)
    left = {session["id"] for session in named(simulator)}
    assert len(left) == 42
    killed.process.kill()
    killed.process.wait()
    successor = start(simulator, **short)
    # At once they are too young to be told from a running gateway's; that is looked after later.
    wait_until(lambda: not left & {session["id"] for session in simulator.get("/_sessions")}, "the deletion of what was left behind")
    assert owners <= {session["id"] for session in simulator.get("/_sessions")}
    successor.end()
    assert {session["id"] for session in simulator.get("/_sessions")} == owners


def test_a_running_siblings_sessions_are_not_touched(upstream, start):
    simulator = upstream()
    short = {"upstream": {"total_timeout_ms": 1000}, "pool": {"queue_timeout_ms": 1000}}
    timing = {"idle_timeout_seconds": 6, "cleanup_interval_seconds": 1}
    first = start(simulator, **short, sessions=timing)
    prepared(simulator)
    ready = {session["id"] for session in named(simulator)}
    # Nobody asks the first anything for longer than any session lives unless somebody looks after it.
    updated = {session["updated"] for session in named(simulator)}
    wait_until(lambda: not updated & {session["updated"] for session in named(simulator)}, "a sign of life of the prepared sessions")
    second = start(simulator, **short, sessions=timing)
    with sdk(first) as client:
        history = [user("@echo one")]
        history.append(assistant(ask(client, history)))
        sessions = {memory(client, history)["session"]}
        assert sessions <= ready
    assert second.running and not simulator.get("/_stats")["calls"].get("session.delete")


def test_a_clean_stop_leaves_nothing(upstream, start):
    simulator = upstream()
    gateway = start(simulator, ["token-1", "token-2"])
    with sdk(gateway) as client:
        for number in range(120):
            ask(client, f"{number} @echo {number}")
    gateway.end()
    assert simulator.get("/_sessions") == []


def test_a_clean_stop_waits_for_what_is_being_made(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    prepared(simulator)
    httpx.post(simulator.url + "/_control", json={"fault": "slow-first=700", "call": "session.create"})
    with sdk(gateway) as client:
        ask(client, "@echo this takes one from the reserve")
    gateway.end()
    assert simulator.get("/_sessions") == []


def test_a_clean_stop_tries_deletions_again(upstream, start):
    simulator = upstream()
    gateway = start(simulator)
    prepared(simulator)
    httpx.post(simulator.url + "/_control", json={"fault": "http=502", "call": "session.batch-delete", "count": 2})
    gateway.end()
    assert simulator.get("/_sessions") == []


def test_a_running_siblings_long_answer_is_not_touched(upstream, start):
    """The upstream notes a session's time at the end of an answer: one that was taken late and answers long looks forgotten meanwhile."""
    simulator = upstream()
    timing = {"idle_timeout_seconds": 4, "cleanup_interval_seconds": 1, "prepared_per_cookie": 1}
    first = start(simulator, sessions=timing)
    with sdk(first) as client:
        history = [user("@echo one")]
        history.append(assistant(ask(client, history)))
        time.sleep(2.5)
        history.append(user("@pace 50 @say 200"))
        with client.chat.completions.create(model=MODEL, messages=history, stream=True) as stream:
            text = next(stream).choices[0].delta.content or ""
            second = None
            for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                if second is None and text.count(";n=") > 50:
                    second = start(simulator, sessions=timing)
        assert second.running
        history.append(assistant(text))
        assert len(memory(client, history)["rounds"]) == 2
