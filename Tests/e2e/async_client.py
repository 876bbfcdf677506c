"""A client for many requests at once on one loop: one keep-alive connection each, with what a streaming client can see of an answer."""

import asyncio
import dataclasses
import json

PATH = "/v1/chat/completions"


@dataclasses.dataclass
class Answer:
    status: int
    text: str = ""
    error: dict | None = None
    finish_reasons: list = dataclasses.field(default_factory=list)
    done: bool = False
    # The body's own end was there, and nothing behind an error or [DONE].
    proper: bool = True

    @property
    def code(self):
        return self.error and self.error["code"]

    def is_whole(self, text):
        return (self.status, self.text, self.error, self.finish_reasons, self.done, self.proper) == (200, text, None, ["stop"], True, True)


class Client:
    def __init__(self, port, key):
        self.port, self.key = port, key
        self.reader = self.writer = None

    async def ask(self, model, content, streamed=True, **more):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 22)
        messages = [{"role": "user", "content": content}] if isinstance(content, str) else content
        body = json.dumps({"model": model, "stream": streamed, "messages": messages, **more}).encode()
        self.writer.write(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        answer = Answer(int(lines[0].split()[1]))
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        if fields.get("transfer-encoding") == "chunked":
            payload = await self._chunks(answer)
        else:
            payload = await self.reader.readexactly(int(fields["content-length"]))
        if fields.get("connection") == "close":
            self.close()
        if fields["content-type"].startswith("text/event-stream"):
            self._read_stream(payload, answer)
        else:
            self._read_document(json.loads(payload), answer)
        if answer.status == 200 and answer.error:
            # The connection has to end behind an error in the stream.
            answer.proper &= await self._ends()
        return answer

    async def _chunks(self, answer):
        parts = []
        try:
            while size := int(await self.reader.readline() or b"-1", 16):
                if size < 0:
                    raise EOFError
                parts.append((await self.reader.readexactly(size + 2))[:-2])
            answer.proper = await self.reader.readline() == b"\r\n"
        except (EOFError, ConnectionError):
            answer.proper = False
        return b"".join(parts)

    async def _ends(self):
        if self.writer is None:
            return True
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True
        finally:
            self.close()

    @staticmethod
    def _read_document(value, answer):
        if "error" in value:
            answer.error = value["error"]
        else:
            (choice,) = value["choices"]
            answer.text, answer.finish_reasons, answer.done = choice["message"]["content"], [choice["finish_reason"]], True

    @staticmethod
    def _read_stream(payload, answer):
        blocks = payload.decode().split("\n\n")
        answer.proper &= blocks.pop() == ""
        texts = []
        for block in blocks:
            if block.startswith(":"):
                continue
            # Nothing may come behind an error or [DONE].
            answer.proper &= block.startswith("data: ") and not answer.done and answer.error is None
            if block == "data: [DONE]":
                answer.done = True
                continue
            value = json.loads(block[6:])
            if "error" in value:
                answer.error = value["error"]
            for choice in value.get("choices", []):
                texts.append(choice["delta"].get("content") or "")
                if choice["finish_reason"]:
                    answer.finish_reasons.append(choice["finish_reason"])
        answer.text = "".join(texts)

    def close(self):
        if self.writer:
            self.writer.close()
        self.reader = self.writer = None
