"""What a gateway of this kind costs when it is written the quick way: FastAPI and aiohttp under uvicorn with uvloop and httptools.

It does what is needed and no more: for a new conversation a session is made and set up, the message is sent, and the events are
translated into OpenAI's chunks; a conversation that goes on is found by a digest of its history. No keys, no pool, no limits, no errors.

    twin.py LISTEN_PORT UPSTREAM_PORT
"""
import contextlib
import hashlib
import json
import sys
import time
import uuid

import aiohttp
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

LISTEN, UPSTREAM = int(sys.argv[1]), f"http://127.0.0.1:{sys.argv[2]}"
HEADERS = {"authorization": "token-1", "x-app-version": "2.1.1", "accept": "application/json, text/plain, */*"}
PREFIX = "xstech-"

sessions = {}
upstream = None


@contextlib.asynccontextmanager
async def lifespan(_):
    global upstream
    async with aiohttp.ClientSession(UPSTREAM, headers=HEADERS, connector=aiohttp.TCPConnector(limit=0)) as upstream:
        yield


app = FastAPI(lifespan=lifespan)


def digest(messages):
    return hashlib.sha256(json.dumps(messages).encode()).digest()


async def call(method, path, body):
    async with upstream.request(method, path, json=body) as answer:
        result = await answer.json()
    if result["code"] != 0:
        raise RuntimeError(result["msg"])
    return result["data"]


async def session_for(messages, model):
    """Of a conversation that goes on, else a new one."""
    if len(messages) > 1 and (known := sessions.pop(digest(messages[:-1]), None)):
        return known
    session = await call("POST", "/api/chat/session", {})
    session["model"] = model
    await call("PUT", f"/api/chat/session/{session['id']}", session)
    return session["id"]


async def pieces(session, text):
    body = {"text": text, "sessionId": session, "files": []}
    async with upstream.post("/api/chat/completions", json=body, headers={"accept": "text/event-stream"}) as answer:
        rest = b""
        async for received in answer.content.iter_any():
            *lines, rest = (rest + received).split(b"\n")
            for line in lines:
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    return
                event = json.loads(data)
                if event.get("code", 0) != 0:
                    raise RuntimeError(event.get("msg"))
                if event["type"] == "string":
                    yield event["data"]


def chunk(base, delta, reason=None):
    value = {**base, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


async def stream(session, messages, base):
    yield chunk({**base, "object": "chat.completion.chunk"}, {"role": "assistant", "content": ""})
    answer = []
    async for piece in pieces(session, messages[-1]["content"]):
        answer.append(piece)
        yield chunk({**base, "object": "chat.completion.chunk"}, {"content": piece})
    remember(messages, "".join(answer), session)
    yield chunk({**base, "object": "chat.completion.chunk"}, {}, "stop")
    yield "data: [DONE]\n\n"


def remember(messages, answer, session):
    sessions[digest(messages + [{"role": "assistant", "content": answer}])] = session


class Message(BaseModel):
    role: str
    content: str


class ChatRequest(BaseModel):
    model: str
    messages: list[Message]
    stream: bool = False


@app.post("/v1/chat/completions")
async def chat(request: ChatRequest):
    messages = [message.model_dump() for message in request.messages]
    session = await session_for(messages, request.model.removeprefix(PREFIX))
    base = {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "created": int(time.time()), "model": request.model}
    if request.stream:
        return StreamingResponse(stream(session, messages, base), media_type="text/event-stream")
    answer = "".join([piece async for piece in pieces(session, messages[-1]["content"])])
    remember(messages, answer, session)
    message = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
    return JSONResponse({**base, "object": "chat.completion", "choices": [message]})


@app.get("/health")
async def health():
    return {"status": "healthy"}


uvicorn.run(app, host="127.0.0.1", port=LISTEN, loop="uvloop", http="httptools", log_level="error", access_log=False, backlog=4096)
