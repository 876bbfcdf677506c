"""What becomes of each request parameter: honoured, clamped, refused or ignored."""

import base64
import json

import openai
import openai_schemas
import pytest
from chat import PATH, ask, assistant, body, memory, post, user
from rawhttp import Connection

PNG = base64.b64encode(base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")).decode()


@pytest.mark.parametrize(
    "parameters, field, value",
    [
        ({"temperature": 0.25}, "temperature", 0.25),
        ({"temperature": 0}, "temperature", 0),
        # OpenAI's range ends at 2, the upstream's at 1.
        ({"temperature": 1.7}, "temperature", 1),
        ({"max_tokens": 321}, "maxToken", 321),
        ({"max_completion_tokens": 123}, "maxToken", 123),
        ({"max_tokens": 321, "max_completion_tokens": 123}, "maxToken", 123),
        ({}, "maxToken", 0),
    ],
)
def test_settings_reach_the_session(client, parameters, field, value):
    assert memory(client, [], **parameters)[field] == value


def test_penalties_reach_the_session(client):
    answer = memory(client, [], presence_penalty=-1.5, frequency_penalty=0.5)
    assert (answer["presencePenalty"], answer["frequencyPenalty"]) == (-1.5, 0.5)


def test_a_parameter_absent_on_a_later_turn_is_its_default_again(client):
    history = [user("First @memory")]
    text = ask(client, history, temperature=0.75, max_tokens=500)
    assert (json.loads(text)["temperature"], json.loads(text)["maxToken"]) == (0.75, 500)
    default = memory(client, [])
    again = memory(client, [*history, assistant(text)])
    assert again["session"] == json.loads(text)["session"]
    assert (again["temperature"], again["maxToken"]) == (default["temperature"], 0)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n": 1},
        {"logprobs": False},
        {"top_logprobs": None},
        {"tools": []},
        {"response_format": {"type": "text"}},
        {"modalities": ["text"]},
        {"temperature": None, "stop": None, "max_tokens": None, "stream_options": None, "audio": None, "tools": None},
        {"seed": 7, "user": "someone", "top_p": 0.5, "logit_bias": {"50256": -100}, "metadata": {"a": "b"}, "store": True},
        {"reasoning_effort": "high", "service_tier": "auto", "parallel_tool_calls": True, "tool_choice": "none"},
        {"prediction": None, "verbosity": "low", "safety_identifier": "x", "prompt_cache_key": "y"},
        {"something_of_the_future": {"nested": [1, 2, 3]}},
    ],
    ids=lambda value: ",".join(value),
)
def test_neutral_and_ignored_parameters(gateway, parameters):
    response = post(gateway, "@echo fine", **parameters)
    assert response.status == 200, response.body
    assert response.json()["choices"][0]["message"]["content"] == "fine"


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize(
    "parameters, name",
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": [FUNCTION]}, "tools"),
        ({"functions": [FUNCTION["function"]]}, "functions"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unsupported_parameters_are_named(client, gateway, parameters, name):
    with pytest.raises(openai.BadRequestError) as failure:
        client.chat.completions.create(**body("hello"), extra_body=parameters)
    assert (failure.value.code, failure.value.type, failure.value.param) == ("unsupported_parameter", "invalid_request_error", name)
    assert name in failure.value.message
    openai_schemas.check_error(post(gateway, "hello", **parameters).json())


def part(url):
    return [{"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": url}}]}]


@pytest.mark.parametrize(
    "change, code, param",
    [
        ({"model": None}, "invalid_value", "model"),
        ({"model": 5}, "invalid_value", "model"),
        ({"messages": None}, "invalid_value", "messages"),
        ({"messages": []}, "invalid_value", "messages"),
        ({"messages": {}}, "invalid_value", "messages"),
        ({"messages": ["hello"]}, "invalid_value", "messages[0]"),
        ({"messages": [user("a"), assistant("b"), user(5)]}, "invalid_value", "messages[2].content"),
        ({"messages": [{"role": "robot", "content": "a"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [{"content": "a"}]}, "invalid_value", "messages[0].role"),
        ({"messages": [user([{"type": "video"}])]}, "invalid_value", "messages[0].content[0].type"),
        ({"messages": [user([{"type": "text", "text": 1}])]}, "invalid_value", "messages[0].content[0].text"),
        ({"messages": part("data:image/png;base64,!!!!")}, "invalid_image", "messages[0].content[1].image_url.url"),
        ({"messages": part("data:text/plain;base64,aGVsbG8=")}, "invalid_image", "messages[0].content[1].image_url.url"),
        ({"messages": part("data:image/png;base64,aGVsbG8=")}, "invalid_image", "messages[0].content[1].image_url.url"),
        ({"messages": part("https://example.com/a.png")}, "invalid_image", "messages[0].content[1].image_url.url"),
        ({"temperature": 2.1}, "invalid_value", "temperature"),
        ({"temperature": "warm"}, "invalid_value", "temperature"),
        ({"presence_penalty": -3}, "invalid_value", "presence_penalty"),
        ({"frequency_penalty": 2.01}, "invalid_value", "frequency_penalty"),
        ({"max_tokens": 0}, "invalid_value", "max_tokens"),
        ({"max_tokens": 1.5}, "invalid_value", "max_tokens"),
        ({"n": 0}, "invalid_value", "n"),
        ({"stream": "yes"}, "invalid_value", "stream"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "invalid_value", "stop"),
        ({"stop": [1]}, "invalid_value", "stop[0]"),
        ({"stream_options": [], "stream": True}, "invalid_value", "stream_options"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_wrong_values_name_their_path(gateway, change, code, param):
    response = post_value(gateway, {**body("hello"), **change})
    assert response.status == 400, response.body
    openai_schemas.check_error(response.json())
    error = response.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("invalid_request_error", code, param)
    assert param.split("[")[0] in error["message"]


def post_value(gateway, value):
    with Connection(gateway.port) as connection:
        return connection.post(PATH, gateway.key, value).response()


def test_too_many_images(gateway):
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    assert post(gateway, [user([{"type": "text", "text": "@echo ok"}] + [image] * 8)]).status == 200
    response = post(gateway, [user([{"type": "text", "text": "@echo ok"}] + [image] * 9)])
    assert (response.status, response.json()["error"]["code"]) == (400, "too_many_files")


def test_oversize_image(start_gateway):
    gateway = start_gateway(limits={"max_image_bytes": 2048})
    big = base64.b64encode(base64.b64decode(PNG) + bytes(2000)).decode()
    response = post(gateway, part(f"data:image/png;base64,{big}"))
    assert (response.status, response.json()["error"]["code"]) == (400, "invalid_image")
    assert response.json()["error"]["param"] == "messages[0].content[1].image_url.url"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"model":"m","messages":[],}', '{"model":"\xff"}', "{}{}", "[" * 100],
    ids=["empty", "open", "array", "null", "comma", "not-utf-8", "two", "deep"])
def test_bodies_that_are_no_json_object(gateway, text):
    with Connection(gateway.port) as connection:
        headers = [("Authorization", f"Bearer {gateway.key}"), ("Content-Type", "application/json")]
        response = connection.request("POST", PATH, headers, text.encode("latin-1")).response()
    assert (response.status, response.json()["error"]["code"]) == (400, "invalid_json"), response.body
    openai_schemas.check_error(response.json())
