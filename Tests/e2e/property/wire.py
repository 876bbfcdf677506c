"""A small HTTP client on asyncio: it can leave in the middle of an answer, which SDKs cannot."""

import asyncio
import json
from dataclasses import dataclass

from rawhttp import Dechunker

PATH = "/v1/chat/completions"


@dataclass
class Answer:
    """`outcome`: ok, refused (an HTTP error), broken (after the head), left (by ourselves), gone (no gateway, or it died)."""

    outcome: str
    status: int = 0
    text: str = ""
    reasoning: str = ""
    error: dict | None = None


async def ask(port, key, body, leave_after=None, timeout=40):
    """Sends one request; with `leave_after` it hangs up after so many bytes of the answer's body."""
    payload = json.dumps(body).encode()
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\n"
    if key:
        head += f"Authorization: Bearer {key}\r\n"
    writer = None
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
            writer.write(head.encode() + f"Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
            return await _read(reader, leave_after)
    except (OSError, asyncio.IncompleteReadError):
        return Answer("gone")
    finally:
        if writer:
            writer.transport.abort()


async def _read(reader, leave_after):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = int(head.split(" ", 2)[1])
    chunked = "transfer-encoding: chunked" in head.lower()
    raw = b""
    if leave_after is not None:
        while len(raw) < leave_after:
            data = await reader.read(4096)
            if not data:
                break
            raw += data
        else:
            return Answer("left", status)
    raw += await reader.read()
    if not chunked:
        length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:"))
        return _document(status, raw) if len(raw) == length else Answer("gone", status)
    decoder = Dechunker()
    stream = decoder.feed(raw)
    return _stream(status, stream.decode()) if decoder.ended else Answer("gone", status)


def _document(status, raw):
    value = json.loads(raw)
    if status != 200:
        return Answer("refused", status, error=value["error"])
    (choice,) = value["choices"]
    assert choice["finish_reason"] == "stop", value
    return Answer("ok", status, choice["message"]["content"], choice["message"].get("reasoning_content") or "")


def _stream(status, text):
    answer = Answer("broken", status)
    finished = done = False
    for block in text.split("\n\n"):
        if not block.startswith("data: "):
            assert block == "" or block.startswith(":"), block
            continue
        assert not done, "something came after [DONE]"
        if block == "data: [DONE]":
            done = True
            continue
        value = json.loads(block[6:])
        if error := value.get("error"):
            answer.error = error
            assert not finished
            continue
        for choice in value["choices"]:
            answer.text += choice["delta"].get("content") or ""
            answer.reasoning += choice["delta"].get("reasoning_content") or ""
            finished = finished or choice["finish_reason"] is not None
    assert finished == done and done != bool(answer.error), f"neither a proper end nor an error: {text[-500:]!r}"
    if done:
        answer.outcome = "ok"
    return answer


async def call(port, method, path, body=None, token=None):
    """One call of the simulator's; its JSON."""
    payload = json.dumps(body).encode() if body is not None else b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(payload)}"]
    if token:
        lines.append(f"authorization: {token}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + payload)
    raw = await reader.read()
    writer.close()
    return json.loads(raw.split(b"\r\n\r\n", 1)[1])
