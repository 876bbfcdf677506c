"""How streams end: `stop` only when the answer is whole, an error in the stream when it broke, usage only when it is known."""

import openai
import openai_schemas
import pytest
from chat import PATH, body, numbers, post, stream
from conftest import sdk
from programs import SECRET_TEXT
from rawhttp import Connection, Stream

TAIL = "（这一段只在 aiText 里：tail \"🎈\"）"


def whole(response, parsed):
    assert response.complete and parsed.done and not parsed.errors
    assert parsed.finish_reasons == ["stop"]
    for chunk in parsed.chunks:
        openai_schemas.check_chunk(chunk)


@pytest.mark.parametrize(
    "fault",
    ["no-done", "crlf", "no-code", "spaces", "escapes", "go-escapes", "unknown-events", "comments", "lines", "split=1", "split=3",
     "split=1,crlf,spaces,comments", "unknown-events,no-done,no-code", "slow-first=100"],
)
def test_every_legal_spelling_gives_the_same_stream(gateway, fault):
    usage = {"stream_options": {"include_usage": True}}
    response, parsed, _ = stream(gateway, f"@fault {fault} @say 30", **usage)
    whole(response, parsed)
    assert numbers(parsed.text()) == list(range(30))
    assert parsed.chunks[-1]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("fault", ["no-object", "close=7", "no-object,no-done"])
def test_without_an_object_event_there_is_no_usage(gateway, fault):
    response, parsed, _ = stream(gateway, f"@fault {fault} @say 7", stream_options={"include_usage": True})
    whole(response, parsed)
    assert numbers(parsed.text()) == list(range(7))
    assert all(chunk.get("usage") is None and chunk["choices"] for chunk in parsed.chunks)
    completion = post(gateway, f"@fault {fault} @say 7").json()
    openai_schemas.check_completion(completion)
    assert "usage" not in completion
    assert completion["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize("fault", ["long-ai-text", "long-ai-text,split=1", "long-ai-text,no-done,escapes"])
def test_the_tail_of_the_whole_text_is_sent(gateway, fault):
    response, parsed, _ = stream(gateway, f"@fault {fault} @echo {SECRET_TEXT}")
    whole(response, parsed)
    assert parsed.text() == SECRET_TEXT + TAIL
    assert post(gateway, f"@fault {fault} @echo {SECRET_TEXT}").json()["choices"][0]["message"]["content"] == SECRET_TEXT + TAIL


@pytest.mark.parametrize("fault", ["error-after=3", "reset=3", "truncate=3", "garbage=3", "stall=3"])
def test_a_broken_stream_says_so(start_gateway, fault):
    gateway = start_gateway(upstream={"idle_timeout_ms": 1500})
    response, parsed, closed = stream(gateway, f"@fault {fault} @say 10", stream_options={"include_usage": True})
    assert response.status == 200
    assert numbers(parsed.text()) == [0, 1, 2]
    (error,) = parsed.errors
    assert parsed.objects[-1] == {"error": error}, "something came after the error"
    openai_schemas.check_error({"error": error})
    assert error["type"] == "upstream_error"
    assert error["code"] == "upstream_timeout" if "stall" in fault else error["code"].startswith("upstream_")
    assert not parsed.finish_reasons and not parsed.done
    assert response.complete, "the chunked body has to end properly"
    assert closed, "the connection has to end after a broken stream"


def test_the_sdk_raises_in_the_middle_of_a_broken_stream(start_gateway):
    gateway = start_gateway()
    with sdk(gateway) as client:
        text = ""
        with pytest.raises(openai.APIError):
            for chunk in client.chat.completions.create(**body("@fault error-after=3 @say 10"), stream=True):
                text += chunk.choices[0].delta.content or ""
        assert numbers(text) == [0, 1, 2]


def test_an_upstream_message_in_the_stream(start_gateway):
    gateway = start_gateway()
    _, parsed, _ = stream(gateway, "@fault error-after=2:积分不足 @say 10")
    (error,) = parsed.errors
    assert "积分不足" in error["message"] and error["code"] == "upstream_credentials_exhausted"


def test_the_connection_survives_a_good_stream(gateway):
    with Connection(gateway.port) as connection:
        for count in [3, 0, 5]:
            text = f"@say {count}" if count else "@echo x"
            connection.post(PATH, gateway.key, body(text, stream=True))
            response = connection.response()
            whole(response, Stream.parse(response.body))
