"""Requests in the form that most tests need."""

import json
import re

import evidence
from rawhttp import Connection, Stream

MODEL = "xstech-openai::gpt-5.5"
OTHER_MODEL = "xstech-claude-3-7-sonnet-20250219-xs"
PATH = "/v1/chat/completions"

# What `@say` writes: the moment at which the simulator made the piece (the last 16 digits of the Unix time in
# nanoseconds), the piece's number, and characters that are awkward in JSON or in UTF-8.
PIECE = re.compile(r"t=(\d{16});n=(\d{6});你é🎉\"\\\n<好>\.{19}")


def user(text):
    return {"role": "user", "content": evidence.text(text)}


def assistant(text):
    return {"role": "assistant", "content": evidence.text(text)}


def system(text):
    return {"role": "system", "content": evidence.text(text)}


def body(content, **more):
    """`content`: the text of the only message, or the list of all messages."""
    messages = [user(content)] if isinstance(content, str) else content
    return {"model": MODEL, "messages": messages, **more}


def post(gateway, content, headers=(), **more):
    """(response, closed): the whole answer, and whether the gateway closed the connection after it."""
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body(content, **more), headers)
        response = connection.response()
        return response


def stream(gateway, content, **more):
    """(response, Stream, closed) of a streamed request; `closed`: the gateway closed the connection after it."""
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body(content, stream=True, **more))
        response = connection.response()
        if response.header("content-type") != "text/event-stream; charset=utf-8":
            return response, None, False
        parsed = Stream.parse(response.body)
        # After the error of a broken stream the connection has to end; after a good one it stays, and nothing comes.
        closed = connection.closed() if parsed.errors or not response.complete else False
        return response, parsed, closed


def ask(client, content, **more):
    """The text of an answer that was not streamed."""
    return client.chat.completions.create(**body(content, **more)).choices[0].message.content


def memory(client, messages, **more):
    """What the upstream's session knows, asked for in the conversation's next turn."""
    return json.loads(ask(client, [*messages, user("@memory")], **more))


def numbers(text):
    """The numbers of `@say` pieces in the order of arrival; fails when anything else is between them."""
    rest = PIECE.sub("", text)
    assert rest == "", f"more than pieces: {rest[:200]!r}"
    return [int(match.group(2)) for match in PIECE.finditer(text)]
