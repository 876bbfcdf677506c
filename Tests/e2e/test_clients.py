"""Real clients that hold conversations, each in its own way: their histories have to find their sessions again."""

import asyncio
import base64
import json
import struct
import zlib

import llm
import pytest
from chat import MODEL, OTHER_MODEL, assistant, numbers, user
from conftest import sdk
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from llm.default_plugins.openai_models import Chat


def png(shade):
    """A picture of one pixel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    pixel = zlib.compress(bytes([0, shade, shade, shade]))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def picture(shade):
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(png(shade)).decode()}}


def chain(gateway, **more):
    return ChatOpenAI(model=MODEL, base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0, timeout=60, **more)


def knows(answer, rounds, text="@memory"):
    """The upstream's session has heard so many rounds, and was sent only the new turn."""
    memory = json.loads(answer)
    assert len(memory["rounds"]) == rounds, memory
    assert memory["text"] == text
    return memory


# langchain-openai


def test_langchain_invokes_over_many_turns(gateway):
    model = chain(gateway, temperature=0.5)
    history = [SystemMessage("You are a lighthouse.")]
    for turn in range(6):
        history.append(HumanMessage(f"Turn {turn} @echo answer {turn}\n"))
        history.append(model.invoke(history))
        assert history[-1].content == f"answer {turn}\n"
    memory = knows(model.invoke([*history, HumanMessage("@memory")]).content, 6)
    assert (memory["prompt"], memory["temperature"]) == ("You are a lighthouse.", 0.5)


def test_langchain_streams_over_many_turns(gateway):
    model = chain(gateway, streaming=True, stream_usage=True)
    history = []
    for _ in range(4):
        history.append(HumanMessage("@say 30"))
        whole = None
        for piece in model.stream(history):
            whole = piece if whole is None else whole + piece
        assert numbers(whole.content) == list(range(30))
        assert whole.usage_metadata["output_tokens"] == 30
        history.append(AIMessage(whole.content))
    knows(model.invoke([*history, HumanMessage("@memory")]).content, 4)


def test_langchain_with_images(gateway):
    model = chain(gateway)
    history = [HumanMessage([{"type": "text", "text": "What is this? @images"}, picture(10), picture(20)])]
    history.append(model.invoke(history))
    assert "收到 2 个文件" in history[-1].content
    history.append(HumanMessage([{"type": "text", "text": "And this? @images"}, picture(30)]))
    history.append(model.invoke(history))
    assert "收到 1 个文件" in history[-1].content
    memory = knows(model.invoke([*history, HumanMessage("@memory")]).content, 2)
    assert [turn["files"] for turn in memory["rounds"]] == [2, 1]
    assert memory["files"] == []


def test_langchain_batches_do_not_mix(gateway):
    conversations = [[HumanMessage(f"I am number {number} @echo hello")] for number in range(20)]

    async def ask_all():
        model = chain(gateway)
        answers = await asyncio.gather(*(model.ainvoke(conversation) for conversation in conversations))
        for conversation, answer in zip(conversations, answers):
            conversation += [answer, HumanMessage("@memory")]
        return await asyncio.gather(*(model.ainvoke(conversation) for conversation in conversations))

    for number, answer in enumerate(asyncio.run(ask_all())):
        memory = knows(answer.content, 1)
        assert memory["rounds"][0]["user"].startswith(f"I am number {number} ")


# openai


def test_openai_streams_a_chat_with_images(gateway):
    history = []
    with sdk(gateway) as client:
        for turn in range(4):
            history.append(user([{"type": "text", "text": f"Picture {turn} @images"}, picture(turn)]))
            with client.chat.completions.create(model=MODEL, messages=history, stream=True) as stream:
                text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            assert "收到 1 个文件" in text
            history.append(assistant(text))
        answer = client.chat.completions.create(model=MODEL, messages=[*history, user("@memory")]).choices[0].message.content
    assert [turn["files"] for turn in knows(answer, 4)["rounds"]] == [1] * 4


def test_openai_sends_its_own_message_objects_back(gateway):
    history = [user("First @think")]
    with sdk(gateway) as client:
        for _ in range(3):
            # With all that the SDK puts into it: `refusal`, `annotations`, `reasoning_content`, …
            message = client.chat.completions.create(model=MODEL, messages=history).choices[0].message
            assert message.reasoning_content
            history += [message.model_dump(), user("Next @think")]
        history[-1] = user("@memory")
        knows(client.chat.completions.create(model=MODEL, messages=history).choices[0].message.content, 3)


def test_openai_stream_helper(gateway):
    history = [user("Stream @say 12")]
    with sdk(gateway) as client:
        with client.chat.completions.stream(model=MODEL, messages=history) as stream:
            for _ in stream:
                pass
            message = stream.get_final_completion().choices[0].message
        assert numbers(message.content) == list(range(12))
        history += [message.model_dump(exclude_none=True), user("@memory")]
        knows(client.chat.completions.create(model=MODEL, messages=history).choices[0].message.content, 1)


# llm (https://llm.datasette.io): makes every request's history anew out of its own records


@pytest.fixture
def model(gateway):
    model = Chat(MODEL, key=gateway.key, model_name=MODEL, api_base=f"{gateway.url}/v1", vision=True)
    model.key = gateway.key
    return model


def test_llm_holds_a_conversation(model):
    conversation = model.conversation()
    first = conversation.prompt("My number is 4711 @echo noted ", system="Be terse.", stream=True)
    assert "".join(first) == "noted "
    assert conversation.prompt("And 4712 @echo noted too", system="Be terse.", stream=False).text() == "noted too"
    memory = knows(conversation.prompt("@memory", system="Be terse.", stream=True).text(), 2)
    assert memory["prompt"] == "Be terse."


def test_llm_with_attachments(model):
    conversation = model.conversation()
    first = conversation.prompt("Look @images", attachments=[llm.Attachment(content=png(1), type="image/png")])
    assert "收到 1 个文件" in first.text()
    memory = knows(conversation.prompt("@memory").text(), 1)
    assert memory["rounds"][0]["files"] == 1


def test_llm_rewrites_its_history(model):
    """Turns are taken back: the upstream hears exactly what is left."""
    conversation = model.conversation()
    for number in range(4):
        conversation.prompt(f"Question {number} @echo answer {number}").text()
    session = json.loads(conversation.prompt("@memory").text())["session"]
    del conversation.responses[2:]
    memory = json.loads(conversation.prompt("@memory").text())
    assert memory["session"] != session and memory["rounds"] == []
    position = [memory["text"].index(f"Question {number} @echo") for number in (0, 1)]
    assert position == sorted(position) and "Question 2" not in memory["text"] and memory["text"].endswith("\n@memory")
    # From here it goes on in the new session.
    conversation.prompt("@echo on").text()
    assert len(json.loads(conversation.prompt("@memory").text())["rounds"]) == 2


def test_llm_changes_the_model(gateway, model):
    conversation = model.conversation()
    conversation.prompt("Question @echo answer").text()
    other = Chat(OTHER_MODEL, key=gateway.key, model_name=OTHER_MODEL, api_base=f"{gateway.url}/v1")
    other.key = gateway.key
    conversation.model = other
    memory = knows(conversation.prompt("@memory").text(), 1)
    assert "xstech-" + memory["model"] == OTHER_MODEL
