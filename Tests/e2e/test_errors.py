"""Every failure is the exception that an OpenAI client expects, in OpenAI's shape."""

import httpx
import openai
import openai_schemas
import pytest
from chat import MODEL, PATH, body, post
from conftest import sdk
from programs import Simulator, free_port, wait_until
from rawhttp import Connection


def failing(gateway, kind, content, **more):
    """The SDK's exception, after a look at the same answer on the wire."""
    with sdk(gateway) as client, pytest.raises(kind) as failure:
        client.chat.completions.create(**body(content, **more))
    error = failure.value
    openai_schemas.check_error({"error": error.body})
    assert error.response.headers["content-type"].startswith("application/json")
    assert error.request_id
    return error


def test_wrong_key(gateway):
    for key in ["sk-wrong", gateway.key + "x", gateway.key[:-1], "x"]:
        with sdk(gateway, key) as client, pytest.raises(openai.AuthenticationError) as failure:
            client.chat.completions.create(**body("hello"))
        assert (failure.value.code, failure.value.type) == ("invalid_api_key", "invalid_request_error")
        assert failure.value.response.headers["www-authenticate"].startswith("Bearer")
        assert f"'{key}'" not in failure.value.message
    for headers in [{}, {"Authorization": gateway.key}, {"Authorization": "Basic abc"}, {"x-api-key": "nope"}]:
        answer = httpx.get(gateway.url + "/v1/models", headers=headers)
        assert answer.status_code == 401, headers
        openai_schemas.check_error(answer.json())


def test_the_key_in_other_places(gateway):
    for headers in [{"x-api-key": gateway.key}, {"Authorization": f"bearer {gateway.key}"}]:
        assert httpx.get(gateway.url + "/v1/models", headers=headers).status_code == 200, headers


def test_unknown_model(gateway):
    error = failing(gateway, openai.NotFoundError, "hello", model="gpt-unheard-of")
    assert (error.code, error.type) == ("model_not_found", "invalid_request_error")
    assert "gpt-unheard-of" in error.message


@pytest.mark.parametrize(
    "fault, kind, status, type_, code",
    [
        ("content", openai.BadRequestError, 400, "invalid_request_error", "content_rejected"),
        ("envelope=400:maximum%20context%20length%20is%208192%20tokens", openai.BadRequestError, 400, "invalid_request_error",
         "context_length_exceeded"),
        ("envelope=400:上下文超出模型限制", openai.BadRequestError, 400, "invalid_request_error", "context_length_exceeded"),
        ("error-first=上下文超出模型限制", openai.BadRequestError, 400, "invalid_request_error", "context_length_exceeded"),
        ("rate-limit", openai.RateLimitError, 429, "rate_limit_error", "upstream_rate_limited"),
        ("model", openai.InternalServerError, 503, "service_unavailable", "model_unavailable"),
        ("credits", openai.InternalServerError, 502, "upstream_error", "upstream_credentials_exhausted"),
        ("expired", openai.InternalServerError, 502, "upstream_error", "upstream_credentials_exhausted"),
        ("token-envelope", openai.InternalServerError, 502, "upstream_error", "upstream_credentials_exhausted"),
        ("http=500", openai.InternalServerError, 502, "upstream_error", "upstream_failed"),
        ("http=503", openai.InternalServerError, 502, "upstream_error", "upstream_failed"),
        ("envelope=500:系统繁忙", openai.InternalServerError, 502, "upstream_error", "upstream_failed"),
        ("error-first", openai.InternalServerError, 502, "upstream_error", "upstream_failed"),
        ("html", openai.InternalServerError, 502, "upstream_error", "upstream_bad_response"),
        ("redirect", openai.InternalServerError, 502, "upstream_error", "upstream_bad_response"),
        ("gzip-header", openai.InternalServerError, 502, "upstream_error", "upstream_bad_response"),
        ("garbage", openai.InternalServerError, 502, "upstream_error", "upstream_bad_response"),
        ("empty", openai.InternalServerError, 502, "upstream_error", "upstream_empty"),
        ("empty,no-done", openai.InternalServerError, 502, "upstream_error", "upstream_empty"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_upstream_failures_before_any_output(start_gateway, fault, kind, status, type_, code, stream):
    """As a real status in both forms: nothing of a stream has gone out yet."""
    gateway = start_gateway()
    error = failing(gateway, kind, f"@fault {fault} @say 5", stream=stream)
    assert (error.status_code, error.type, error.code) == (status, type_, code), error.message
    if status in (429, 503):
        assert int(error.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_silence_before_any_output_is_504(start_gateway, stream):
    gateway = start_gateway(upstream={"first_byte_timeout_ms": 300}, stream={"keep_alive_seconds": 30})
    error = failing(gateway, openai.InternalServerError, "@fault slow-first=20000 @say 5", stream=stream)
    assert (error.status_code, error.type, error.code) == (504, "upstream_error", "upstream_timeout")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_head_without_an_event_is_504(start_gateway, stream):
    gateway = start_gateway(
        upstream={"first_byte_timeout_ms": 300, "idle_timeout_ms": 300}, stream={"keep_alive_seconds": 30})
    error = failing(gateway, openai.InternalServerError, "@fault stall=0 @say 5", stream=stream)
    assert (error.status_code, error.code) == (504, "upstream_timeout")


def test_the_total_time_is_limited(start_gateway):
    gateway = start_gateway(upstream={"total_timeout_ms": 500})
    error = failing(gateway, openai.InternalServerError, "@pace 50 @say 1000")
    assert (error.status_code, error.code) == (504, "upstream_timeout")


def test_plain_answers_do_not_hide_a_broken_stream(start_gateway):
    """Half an answer is not an answer."""
    gateway = start_gateway(upstream={"idle_timeout_ms": 1500})
    for fault, status in [("error-after=3", 502), ("reset=3", 502), ("truncate=3", 502), ("garbage=3", 502), ("stall=3", 504)]:
        response = post(gateway, f"@fault {fault} @say 10")
        assert response.status == status, (fault, response.body)
        openai_schemas.check_error(response.json())


def test_unreachable_upstream(start_gateway):
    gateway = start_gateway(ready=False, upstream={"base_url": f"http://127.0.0.1:{free_port()}"})
    with sdk(gateway) as client:
        for call in [client.models.list, lambda: client.chat.completions.create(**body("hello"))]:
            with pytest.raises(openai.InternalServerError) as failure:
                call()
            assert failure.value.status_code in (502, 503)
            assert failure.value.code in ("upstream_unreachable", "models_not_loaded")
            openai_schemas.check_error({"error": failure.value.body})


def test_an_upstream_that_cannot_be_found(start_gateway):
    """Every attempt fails for the same reason; what one leaves behind must not spoil the next."""
    gateway = start_gateway(ready=False, upstream={"base_url": "http://nowhere.invalid"})
    wait_until(lambda: gateway.err.count("could not be fetched") >= 3, "three attempts", seconds=60)
    assert "bad argument" not in gateway.err


def test_an_upstream_that_comes_back(start_gateway, tmp_path):
    port = free_port()
    gateway = start_gateway(ready=False, upstream={"base_url": f"http://127.0.0.1:{port}"}, cookies=[{"authorization": "token-1"}])
    for _ in range(3):
        assert post(gateway, "hello").status in (502, 503)
    upstream = Simulator(tmp_path / "upstream", port=port)
    gateway.await_models()
    for _ in range(3):
        assert post(gateway, "@echo back").json()["choices"][0]["message"]["content"] == "back"
    # It goes away under kept connections and comes back; nothing is sent twice, so a request may fail meanwhile.
    upstream.stop()
    assert post(gateway, "hello").status == 502
    upstream = Simulator(tmp_path / "upstream", port=port)
    wait_until(lambda: post(gateway, "@echo again").status == 200, "an answer", seconds=20)
    upstream.stop()


def test_a_refused_token(start_gateway):
    gateway = start_gateway(ready=False, cookies=[{"authorization": "token-nobody-knows"}])
    with sdk(gateway) as client:
        with pytest.raises(openai.InternalServerError) as failure:
            client.chat.completions.create(**body("hello"))
    assert failure.value.status_code in (502, 503)
    assert "token-nobody-knows" not in failure.value.message


def test_too_large(start_gateway):
    gateway = start_gateway(limits={"max_body_bytes": 2048})
    response = post(gateway, "x" * 3000)
    assert (response.status, response.json()["error"]["code"]) == (413, "payload_too_large")
    openai_schemas.check_error(response.json())
    # Without a length the limit is noticed on the way.
    with Connection(gateway.port) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {gateway.key}\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.send(head.encode() + b"801\r\n" + b"x" * 2049 + b"\r\n0\r\n\r\n")
        assert connection.response().status == 413
    assert post(gateway, "@echo " + "x" * 500).status == 200


def test_other_content_types(gateway):
    headers = {"Authorization": f"Bearer {gateway.key}"}
    for kind, status in [
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/vnd.api+json", 200),
        (None, 200),
    ]:
        request = {"content-type": kind} if kind else {}
        content = f'{{"model":"{MODEL}","messages":[{{"role":"user","content":"@echo a"}}]}}'.encode()
        answer = httpx.post(gateway.url + PATH, content=content, headers={**headers, **request})
        assert answer.status_code == status, (kind, answer.text)
        if status == 415:
            assert answer.json()["error"]["code"] == "unsupported_media_type"
            openai_schemas.check_error(answer.json())


def test_an_upstream_message_is_passed_on_without_secrets(start_gateway, simulator):
    gateway = start_gateway(cookies=[{"authorization": simulator.web_token()}])
    response = post(gateway, f"@fault envelope=500:broken%20for%20{gateway.token}!")
    assert response.status == 502
    message = response.json()["error"]["message"]
    assert "broken for" in message and gateway.token not in message
