"""One upstream session a conversation: only the new turn is sent, as long as the upstream knows the rest."""

import json

from chat import MODEL, OTHER_MODEL, ask, assistant, memory, system, user
from conftest import sdk
from programs import SECRET_TEXT, wait_until


def test_follow_up_needs_the_context(client):
    history = [user(f"My name is Ada Lovelace and my secret is {SECRET_TEXT}.")]
    history.append(assistant(ask(client, history)))
    answer = memory(client, history)
    # The new turn alone was sent: what came before, the upstream knows from its own session.
    assert answer["text"] == "@memory"
    assert [(turn["user"], turn["assistant"]) for turn in answer["rounds"]] == [(history[0]["content"], history[1]["content"])]


def test_many_turns_stay_in_one_session(client):
    history, sessions = [], set()
    for turn in range(5):
        history.append(user(f"Turn {turn}. @memory"))
        text = ask(client, history)
        sessions.add(json.loads(text)["session"])
        assert len(json.loads(text)["rounds"]) == turn
        history.append(assistant(text))
    assert len(sessions) == 1


def test_follow_up_after_a_stream(client):
    history = [user("Stream @say 20")]
    pieces = client.chat.completions.create(model=MODEL, messages=history, stream=True)
    history.append(assistant("".join(chunk.choices[0].delta.content or "" for chunk in pieces)))
    answer = memory(client, history)
    assert answer["text"] == "@memory" and len(answer["rounds"]) == 1


def test_follow_up_with_the_system_prompt(client):
    history = [system("You are a lighthouse keeper."), user("Who are you?")]
    history.append(assistant(ask(client, history)))
    answer = memory(client, history)
    assert answer["prompt"] == "You are a lighthouse keeper."
    assert answer["text"] == "@memory" and len(answer["rounds"]) == 1


def test_model_switch_keeps_the_session(client):
    history = [user("Model one @memory")]
    text = ask(client, history)
    history.append(assistant(text))
    answer = json.loads(ask(client, [*history, user("@memory")], model=OTHER_MODEL))
    assert "xstech-" + answer["model"] == OTHER_MODEL
    assert answer["session"] == json.loads(text)["session"]
    assert len(answer["rounds"]) == 1 and answer["text"] == "@memory"


def test_an_edited_history_is_written_out_in_a_new_session(client):
    history = [user("The first question. @memory")]
    text = ask(client, history)
    edited = [*history, assistant("That is not what was said: 4711"), user("@memory")]
    answer = json.loads(ask(client, edited))
    assert answer["session"] != json.loads(text)["session"]
    assert answer["rounds"] == []
    position = [answer["text"].index(part) for part in ["The first question.", "4711"]]
    assert position == sorted(position) and answer["text"].endswith("@memory")


def test_a_history_from_elsewhere_is_written_out(client):
    history = [system("Be brief."), user("What is the capital of France?"), assistant("Paris."), user("And of Italy?"), assistant("Rome.")]
    answer = memory(client, history)
    assert answer["prompt"] == "Be brief." and answer["rounds"] == []
    for message in history[1:]:
        assert message["content"] in answer["text"]


def test_a_replayed_conversation_goes_on_in_its_session(client):
    history = [user("What is the capital of France?"), assistant("Paris."), user("@memory")]
    text = ask(client, history)
    answer = memory(client, [*history, assistant(text)])
    assert answer["session"] == json.loads(text)["session"] and answer["text"] == "@memory"
    assert len(answer["rounds"]) == 1


def test_same_first_words_are_two_conversations(client):
    first, second = (json.loads(ask(client, "Hello there. @memory")) for _ in range(2))
    assert first["session"] != second["session"]
    assert first["rounds"] == second["rounds"] == []


def test_another_key_does_not_reach_a_conversation(start_gateway):
    gateway = start_gateway(api_keys=["sk-e2e-5d1c7a", "sk-e2e-someone-else"])
    with sdk(gateway) as one, sdk(gateway, "sk-e2e-someone-else") as other:
        history = [user("Between you and me: 4711.")]
        history.append(assistant(ask(one, history)))
        mine, theirs = memory(one, history), memory(other, history)
    assert len(mine["rounds"]) == 1
    assert theirs["session"] != mine["session"] and theirs["rounds"] == []


def test_idle_sessions_end_and_are_deleted_upstream(start_gateway, simulator):
    gateway = start_gateway(sessions={"idle_timeout_seconds": 3, "cleanup_interval_seconds": 1, "prepared_per_cookie": 0})
    with sdk(gateway) as client:
        history = [user("Remember me: 4711. @memory")]
        history.append(assistant(ask(client, history)))
        session = json.loads(history[-1]["content"])["session"]
        assert session in ids(simulator, gateway)
        wait_until(lambda: session not in ids(simulator, gateway), "the idle session's end at the upstream", seconds=20)
        # The conversation itself goes on: its history is written out in a new session.
        answer = memory(client, history)
        assert answer["rounds"] == [] and "4711" in answer["text"]


def ids(simulator, gateway):
    return {session["id"] for session in simulator.sessions(gateway.token)}


def test_what_a_crashed_gateway_left_behind_is_deleted(start_gateway, simulator):
    # A gateway that still lived would have touched it within its time, which the sum of these is.
    quick = {
        "sessions": {"idle_timeout_seconds": 1, "cleanup_interval_seconds": 1},
        "pool": {"queue_timeout_ms": 500},
        "upstream": {"total_timeout_ms": 500},
    }
    crashed = start_gateway(**quick)
    with sdk(crashed) as client:
        left = memory(client, [])["session"]
    crashed.process.kill()
    crashed.wait()
    assert left in ids(simulator, crashed)
    start_gateway(**quick, cookies=crashed.config["cookies"])
    wait_until(lambda: left not in ids(simulator, crashed), "the end of what was left behind", seconds=30)


def test_a_conversation_in_use_does_not_expire(start_gateway):
    gateway = start_gateway(sessions={"idle_timeout_seconds": 2, "cleanup_interval_seconds": 1})
    with sdk(gateway) as client:
        history = [user("@pace 100 @say 40")]
        pieces = client.chat.completions.create(model=MODEL, messages=history, stream=True)
        history.append(assistant("".join(chunk.choices[0].delta.content or "" for chunk in pieces)))
        assert len(memory(client, history)["rounds"]) == 1
