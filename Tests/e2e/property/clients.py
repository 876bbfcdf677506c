"""Clients at random. Every step draws from a source of its own, so that leaving one out changes nothing about the others."""

import asyncio
import base64
import copy
import json
import random

from . import wire
from .oracle import Request, bare

MODELS = ["openai::gpt-5.5", "claude-3-7-sonnet-20250219-xs", "Llama::meta-llama/llama-4-scout-17b-16e-instruct"]
REASONING_MODEL = "deepseek::deepseek-r1"
TEXT_MODEL = "qwen::qwen3-text"
LEGAL = ["crlf", "split=7", "no-done", "no-object", "long-ai-text", "escapes", "go-escapes", "spaces", "comments", "unknown-events",
         "no-code", "lines", "split=1,crlf,no-done"]
FAILING = ["http=500", "http=502", "envelope=500", "error-first", "empty", "garbage", "reset=0", "html", "model", "content",
           "envelope=400:上下文超出模型限制", "close=0"]
# These say nothing against the account, so that the conversation stays where it is.
REFUSED = ["content", "envelope=400:上下文超出模型限制"]
BREAKING = ["error-after=2", "reset=2", "truncate=2", "garbage=2", "close=2"]
TAILS = ["", " ", "\n", "  \n\n", " 你好🎉\n", " \"quotes\" \\ <b>&amp;</b>\t", "\n</message-1>\n", " [attached: image_0.png]"]
HEADS = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "gif": b"GIF89a"}
SHARED = ["hi", "Hello there!", "continue"]


def user(content):
    return {"role": "user", "content": content}


def assistant(content):
    return {"role": "assistant", "content": content}


class Client:
    """One person with one conversation at a time, and older ones to go back to."""

    def __init__(self, world, number, identity, key, gateway, temper="any"):
        self.world, self.number, self.identity, self.key, self.gateway, self.temper = world, number, identity, key, gateway, temper
        self.name = f"client {number}"
        self.step_number = 0
        self.count = 0
        self.forks = []
        self.start(random.Random(f"{world.seed}/{number}"))

    def start(self, rng):
        self.messages = []
        self.settings = {"model": rng.choice(MODELS)}
        self.lead = []
        # A session of ours is at hand, as far as anybody can know.
        self.is_live = False
        self.probes = 0

    def nonce(self):
        self.count += 1
        return f"⟦{self.number}.{self.step_number}.{self.count}⟧"

    def image(self, rng):
        kind = rng.choice(list(HEADS))
        data = base64.b64encode(HEADS[kind] + self.nonce().encode() + rng.randbytes(rng.randint(0, 40))).decode()
        return {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{data}"}}

    # One step

    async def step(self, number):
        self.step_number, self.count = number, 0
        rng = random.Random(f"{self.world.seed}/{self.number}/{number}")
        if self.temper == "plain":
            return await self._plain(rng)
        change = self._change_history(rng)
        self._change_settings(rng)
        new, extra, note = self._new_turns(rng)
        roll = rng.random()
        if roll < 0.05:
            return await self._parallel(rng, new, extra, f"{change}, parallel")
        if roll < 0.09:
            return await self._leave(rng, f"{change}, leaving")
        answer, request = await self._send(rng, self.messages + new, extra, f"{change}, {note}")
        self._take(rng, new, answer, request)
        if rng.random() < 0.01 and not self.world.calm:
            await asyncio.sleep(rng.uniform(0.8, 2.5))
            self.is_live = False

    async def _plain(self, rng):
        """Nothing but a growing conversation: past what the upstream shows the model, and on."""
        new = [user(f"{self.nonce()} @echo plain {self.nonce()}")]
        answer, request = await self._send(rng, self.messages + new, {}, "plain")
        self._take(rng, new, answer, request)

    # What comes before the new turn

    def _change_history(self, rng):
        self.messages = copy.deepcopy(self.messages)
        if len(self.messages) > 24 or not self.messages or rng.random() < 0.04:
            if self.messages and len(self.forks) < 4:
                self.forks.append((self.messages, self.lead, self.settings))
            return self._open(rng)
        before = copy.deepcopy(self.messages)
        change = rng.choices(["grow", "edit-user", "edit-answer", "delete", "shorten", "regenerate", "fork", "return", "import"],
                             [70, 4, 4, 3, 4, 5, 4, 3, 2])[0]
        self._carry_out(rng, change)
        if self.messages != before:
            self.is_live = False
        return change

    def _open(self, rng):
        self.start(rng)
        self.lead = []
        if rng.random() < 0.25 and self.identity:
            # The same words as others, at the same time; the prompt says whose session it is.
            self.lead = [{"role": "system", "content": f"You serve {self.identity}."}]
            self.messages = []
            self.shared_opening = True
            return "open-shared"
        self.shared_opening = False
        match rng.randrange(8):
            case 0 | 1: self.lead = [{"role": "system", "content": f"Prompt {self.nonce()}"}]
            case 2: self.lead = [{"role": "developer", "content": f"Dev {self.nonce()}"}, {"role": "system", "content": "And brief."}]
            case 3: self.messages = [assistant(f"Welcome! {self.nonce()}")]
            case 4: self._carry_out(rng, "import")
        return "open"

    def _carry_out(self, rng, change):
        users = [index for index, message in enumerate(self.messages) if message["role"] == "user"]
        answers = [index for index, message in enumerate(self.messages) if message["role"] == "assistant"]
        match change:
            case "edit-user" if users:
                self.messages[rng.choice(users)] = user(f"edited {self.nonce()}{rng.choice(TAILS)}")
            case "edit-answer" if answers:
                self.messages[rng.choice(answers)] = assistant(f"other words {self.nonce()}{rng.choice(TAILS)}")
            case "delete":
                del self.messages[rng.randrange(len(self.messages))]
            case "shorten":
                self.messages = self.messages[rng.randrange(len(self.messages)) :]
            case "regenerate":
                # Back to before the last exchange: the new turn takes the place of the old one.
                if answers:
                    del self.messages[answers[-1] :]
                    while self.messages and self.messages[-1]["role"] != "assistant":
                        self.messages.pop()
            case "fork":
                self.forks = self.forks[-3:] + [(copy.deepcopy(self.messages), self.lead, dict(self.settings))]
            case "return" if self.forks:
                self.messages, self.lead, self.settings = copy.deepcopy(rng.choice(self.forks))
            case "import":
                for _ in range(rng.randint(1, 3)):
                    self.messages += [user(f"once {self.nonce()}{rng.choice(TAILS)}"), assistant(f"upon a time {self.nonce()}")]

    def _change_settings(self, rng):
        if rng.random() < 0.12:
            self.settings["model"] = rng.choice([*MODELS, REASONING_MODEL, TEXT_MODEL])
        for name, values in [("temperature", [0, 0.5, 1, 1.5]), ("presence_penalty", [-2, 0.25, 1]), ("frequency_penalty", [-0.5, 2]),
                             ("max_tokens", [50, 1000])]:
            if rng.random() < 0.04:
                self.settings[name] = rng.choice(values)
            elif rng.random() < 0.3:
                self.settings.pop(name, None)
        if rng.random() < 0.05 and not getattr(self, "shared_opening", False):
            self.lead = [] if rng.random() < 0.3 else [{"role": "system", "content": f"New prompt {self.nonce()}"}]

    # The new turn

    def _directive(self, rng):
        """(directive, parameters, note)"""
        roll, nonce = rng.random(), self.nonce()
        if roll < 0.06 and self.probes < 2:
            self.probes += 1
            return "@memory", {}, "probe"
        if roll < 0.12:
            return "@think", {}, "think"
        if roll < 0.18:
            return f"@say {rng.randint(1, 20)}", {}, "say"
        if roll < 0.30:
            return f"@fault {rng.choice(LEGAL)} @echo legal {nonce}{rng.choice(TAILS)}", {}, "legal"
        if roll < 0.34:
            return f"@fault {rng.choice(REFUSED)} @say 5", {}, "refused"
        if roll < 0.36 and not self.world.calm:
            return f"@fault {rng.choice(FAILING)} @say 5", {}, "failing"
        if roll < 0.38 and not self.world.calm:
            return f"@fault {rng.choice(BREAKING)} @say 5", {}, "breaking"
        if roll < 0.39 and not self.world.calm:
            return f"@fault other-ai-text @echo other {nonce}", {}, "other"
        if roll < 0.42:
            return f"@echo until {nonce} STOP and on", {"stop": rng.choice(["STOP", ["x!", "STOP"]])}, "stop"
        return f"@echo answer {nonce}{rng.choice(TAILS)}", {}, "echo"

    def _new_turns(self, rng):
        """(messages, parameters, note)"""
        if getattr(self, "shared_opening", False) and not self.messages:
            word = rng.choice(SHARED)
            return [user(f"⟦{word}⟧ @echo {word} yourself")], {}, "shared"
        directive, extra, note = self._directive(rng)
        text = f"{self.nonce()} {directive}"
        match rng.choices(["one", "part", "parts", "several", "images", "tool", "prefill", "system", "empty", "tool-last"],
                          [60, 6, 4, 6, 8, 4, 4, 3, 3, 2])[0]:
            case "part": return [user([{"type": "text", "text": text}])], extra, note
            case "parts": return [user([{"type": "text", "text": self.nonce()}, {"type": "text", "text": text}])], extra, note
            case "several": return [user(self.nonce() + rng.choice(TAILS)), user(text)], extra, note
            case "images" if self.settings["model"] != TEXT_MODEL:
                images = [self.image(rng) for _ in range(rng.choice([1, 1, 2, 3, 5]))]
                return [user([*images[:1], {"type": "text", "text": text}, *images[1:]])], extra, note + " with images"
            case "tool":
                call = {"role": "tool", "tool_call_id": "call_1", "content": f"21 degrees {self.nonce()}"}
                return [call, user(text)], extra, note
            case "tool-last":
                return [user(self.nonce()), {"role": "tool", "tool_call_id": "call_1", "content": f"{self.nonce()} @say 3"}], {}, "tool last"
            case "prefill": return [user(text), assistant(f"It begins {self.nonce()}")], {}, "prefill"
            case "system": return [user(self.nonce()), {"role": "system", "content": "From now on: brief."}, user(text)], extra, note
            case "empty": return [user(""), user(text)], extra, note
        return [user(text)], extra, note

    # Sending, and what a client makes of an answer

    def _request(self, rng, messages, extra, note, **more):
        settings = {name: value for name, value in self.settings.items() if value is not None}
        body = {**settings, "model": "xstech-" + self.settings["model"], "messages": self.lead + messages, **extra, **more}
        if "stream" not in body and rng.random() < 0.6:
            body["stream"] = True
        request = Request(self.name, self.identity, body, f"step {self.step_number}: {note}")
        directive = next((text for message in reversed(messages) if "@" in (text := json.dumps(message))), "")
        # A stop sequence in the answer, or a record that differs: that the session remembers the same is never certain then.
        request.is_cut = "stop" in extra or "other-ai-text" in directive
        # The opening that others have as well may be continued by one of them who has come back to it.
        is_shared = getattr(self, "shared_opening", False) and len(self.messages) == 2
        request.expects_hit = self.is_live and messages[-1]["role"] != "assistant" and not is_shared
        self.world.oracle.sent(request)
        return request

    async def _send(self, rng, messages, extra, note, leave_after=None, **more):
        request = self._request(rng, messages, extra, note, **more)
        request.answer = await wire.ask(self.gateway.port, self.key, request.body, leave_after)
        self.world.count(request, note)
        return request.answer, request

    def _take(self, rng, new, answer, request):
        if answer.outcome == "ok":
            self.messages = self.messages + new + [assistant(self._kept(rng, answer))]
            self.is_live = not request.is_cut
            return
        self.is_live = False
        if answer.outcome == "broken" and answer.text and rng.random() < 0.5:
            # Many clients keep what they got.
            self.messages = self.messages + new + [assistant(answer.text)]

    def _kept(self, rng, answer):
        """As clients send an answer back."""
        text = answer.text
        match rng.randrange(8):
            case 0: text = text.rstrip() if text.rstrip() == bare(text) else text
            case 1: text = text + rng.choice([" ", "\n", "\r\n \t"])
            case 2 if answer.reasoning: text = f"<think>{answer.reasoning}</think>{text}"
            case 3: return [{"type": "text", "text": text}]
            case 4 if not bare(text): return None
        return text

    async def _parallel(self, rng, new, extra, note):
        """The same history more than once at a time, with the same new turn or others."""
        count, live = rng.randint(2, 3), self.is_live
        turns = [new if index == 0 or rng.random() < 0.3 else [user(f"{self.nonce()} @echo twin {self.nonce()}")] for index in range(count)]
        self.is_live = False
        requests = [self._request(rng, self.messages + each, extra if each is new else {}, note) for each in turns]

        async def send(request):
            request.answer = await wire.ask(self.gateway.port, self.key, request.body)
            self.world.count(request, note)

        await asyncio.gather(*(send(request) for request in requests))
        chosen = rng.randrange(count)
        self._take(rng, turns[chosen], requests[chosen].answer, requests[chosen])
        # Of several with the same turn, each has a session, whichever it is.
        self.is_live = self.is_live and not any(request.is_cut for request in requests)

    async def _leave(self, rng, note):
        """Hangs up in the middle; says the same again, or something else."""
        new = [user(f"{self.nonce()} @pace 3 @say 40")]
        await self._send(rng, self.messages + new, {}, note, leave_after=rng.choice([1, 600, 3000]), stream=True)
        self.is_live = False
        if rng.random() < 0.5:
            again = [user(f"{self.nonce()} @echo after all {self.nonce()}")] if rng.random() < 0.5 else new
            answer, request = await self._send(rng, self.messages + again, {}, note + ", again")
            self._take(rng, again, answer, request)
