"""Chats with the `openai` SDK."""

import base64
import json

import pytest
from chat import MODEL, PIECE, ask, body, memory, numbers, system
from programs import SECRET_TEXT as SECRET

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000") + bytes(range(256)) + bytes.fromhex("ffd9")


def data_url(kind, data):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def picture(url):
    return {"type": "image_url", "image_url": {"url": url}}


def test_not_streamed(client):
    answer = client.chat.completions.create(**body(f"@echo hello {SECRET}"))
    assert answer.object == "chat.completion"
    assert answer.model == MODEL
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert (choice.message.role, choice.message.content) == ("assistant", f"hello {SECRET}")
    usage = answer.usage
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_streamed(client):
    chunks = list(client.chat.completions.create(**body("@say 50"), stream=True))
    first, *middle, last = chunks
    assert first.choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.role is None for chunk in [*middle, last])
    assert len({chunk.id for chunk in chunks}) == len({chunk.created for chunk in chunks}) == 1
    assert {chunk.model for chunk in chunks} == {MODEL}
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    pieces = [text for chunk in chunks if (text := chunk.choices[0].delta.content)]
    # One chunk a piece, with the piece's own text.
    assert all(PIECE.fullmatch(piece) for piece in pieces)
    assert numbers("".join(pieces)) == list(range(50))


def test_usage_chunk_only_when_asked_for(client):
    chunks = list(client.chat.completions.create(**body("@say 3"), stream=True, stream_options={"include_usage": True}))
    *others, last = chunks
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0
    assert all(chunk.choices and chunk.usage is None for chunk in others)
    assert others[-1].choices[0].finish_reason == "stop"


def test_both_ways_give_the_same_text(client):
    question = "Tell me \"everything\" \\ about\n😀 é 你好 \u2028 </script>"
    plain = ask(client, question)
    assert "😀 é 你好 \u2028 </script>" in plain
    streamed = client.chat.completions.create(**body(question), stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == plain


def test_the_sdks_stream_helper(client):
    with client.chat.completions.stream(**body("@echo one two three")) as stream:
        kinds = [event.type for event in stream]
        assert stream.get_final_completion().choices[0].message.content == "one two three"
    assert "content.done" in kinds


def test_long_conversation_in_a_big_body(client):
    text = "长" * 300_000
    answer = json.loads(ask(client, f"{text}\n@memory"))
    assert answer["text"] == f"{text}\n@memory"


def test_images_become_files_in_order(client):
    parts = [
        {"type": "text", "text": "first"},
        picture(data_url("image/png", PNG)),
        {"type": "image_url", "image_url": data_url("image/jpeg", JPEG)},
        {"type": "text", "text": "@memory"},
    ]
    answer = json.loads(ask(client, [{"role": "user", "content": parts}]))
    assert answer["text"] == "first\n@memory"
    files = answer["files"]
    assert [file["bytes"] for file in files] == [len(PNG), len(JPEG)]
    assert [file["type"] for file in files] == ["image/png", "image/jpeg"]
    assert [file["name"].rsplit(".", 1)[1] for file in files] == ["png", "jpg"]
    assert len({file["name"] for file in files}) == 2


def test_large_image(client):
    image = PNG + bytes(6_000_000)
    parts = [{"type": "text", "text": "@memory"}, picture(data_url("image/png", image))]
    answer = json.loads(ask(client, [{"role": "user", "content": parts}]))
    assert [file["bytes"] for file in answer["files"]] == [len(image)]


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_prompt(client, role):
    messages = [{"role": role, "content": f"You are {SECRET}."}, system([{"type": "text", "text": "Be kind."}])]
    answer = memory(client, messages)
    assert answer["prompt"] == f"You are {SECRET}.\n\nBe kind."
    assert answer["text"] == "@memory"


def test_reasoning_is_separated(client):
    message = client.chat.completions.create(**body("@think")).choices[0].message
    assert message.reasoning_content and message.content
    # The simulator's thoughts hold the beginnings of tags; they are text and must not be lost.
    assert "<thin 与 </thin 都不是标签" in message.reasoning_content
    for text in [message.reasoning_content, message.content]:
        assert "<think>" not in text and "</think>" not in text


@pytest.mark.parametrize("fault", ["", "@fault split=1", "@fault split=7,escapes", "@fault go-escapes"])
def test_reasoning_streams_apart_however_it_is_split(client, fault):
    plain = client.chat.completions.create(**body("@think")).choices[0].message
    reasoning = content = ""
    question = f"{fault} @think".strip()
    for chunk in client.chat.completions.create(**body(question), stream=True):
        delta = chunk.choices[0].delta
        thought = getattr(delta, "reasoning_content", None)
        assert not (thought and delta.content), "one chunk holds both"
        assert not (thought and content), "a thought after the answer"
        reasoning, content = reasoning + (thought or ""), content + (delta.content or "")
    # The simulator quotes the question.
    assert reasoning.replace(question, "@think") == plain.reasoning_content
    assert content.replace(question, "@think") == plain.content


@pytest.mark.parametrize("fault", ["", "@fault split=1 ", "@fault escapes ", "@fault long-ai-text "])
@pytest.mark.parametrize("stream", [False, True])
def test_stop_ends_the_answer(client, fault, stream):
    request = body(f"{fault}@echo alpha beta STOP gamma", stop=["never", "STOP", "gamma"])
    if stream:
        chunks = list(client.chat.completions.create(**request, stream=True))
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        reason = chunks[-1].choices[0].finish_reason
    else:
        (choice,) = client.chat.completions.create(**request).choices
        text, reason = choice.message.content, choice.finish_reason
    assert (text, reason) == ("alpha beta ", "stop")


def test_stop_split_over_pieces_cancels_the_upstream(client):
    # Every piece ends with dots and the next one begins with `t=`: the stop string lies over the seam.
    chunks = list(client.chat.completions.create(**body("@pace 20 @say 100000"), stop=".t=", stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.endswith("." * 18) and ".t=" not in text and len(text) < 100
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_text_that_only_begins_like_a_stop_string_is_not_lost(client):
    assert ask(client, "@echo wait for it: STO", stop=["STOP"]) == "wait for it: STO"
    assert ask(client, "@echo SSTSTOSTO STO P", stop="STOP") == "SSTSTOSTO STO P"
