"""The rule, checked from outside: what the upstream's session remembers and what is sent now is what the client said.

The upstream's log of requests tells what every session was told, in order; the clients tell what they sent and got. The form in
which the gateway writes a history out is parsed here on its own, by nothing but its description in docs/architecture.md.
"""

import json
import re
from dataclasses import dataclass, field

NONCE = re.compile(r"⟦[^⟦⟧]*⟧")
SPACE = " \t\n\v\f\r"
REASONING = re.compile(r"[ \t-\r]*<think>.*?</think>", re.DOTALL)
LARGEST_CONTEXT = 65
MAX_FILES = 8
TEXT_ONLY = {"qwen::qwen3-text"}


class Violation(AssertionError):
    def __init__(self, words, requests=()):
        super().__init__(words)
        self.requests = list(requests)


@dataclass(frozen=True)
class Turn:
    role: str
    text: str
    images: tuple = ()

    @property
    def bare(self):
        """As far as it matters: clients trim answers and drop or keep the reasoning in front of them."""
        return Turn("assistant", bare(self.text)) if self.role == "assistant" else self


def bare(answer):
    if found := REASONING.match(answer):
        answer = answer[found.end() :]
    return answer.rstrip(SPACE)


def last_nonce(text):
    found = NONCE.findall(text)
    return found[-1] if found else None


@dataclass
class Request:
    """What a client sent, in the terms of the rule, and what became of it."""

    who: str
    identity: str
    body: dict
    note: str
    turns: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    answer: object = None
    # What the client got is not what the upstream remembers.
    is_cut: bool = False
    # The session of the turn before must be at hand.
    expects_hit: bool = False
    completions: list = field(default_factory=list)

    def __post_init__(self):
        self.turns, prompt = read_messages(self.body["messages"])
        get = lambda name, default: default if self.body.get(name) is None else self.body[name]
        self.settings = {
            "model": self.body["model"].removeprefix("xstech-"),
            "prompt": prompt,
            "temperature": min(1, get("temperature", 0)),
            "presencePenalty": get("presence_penalty", 0),
            "frequencyPenalty": get("frequency_penalty", 0),
            "maxToken": get("max_completion_tokens", get("max_tokens", 0)),
            "contextCount": LARGEST_CONTEXT,
        }

    @property
    def history(self):
        """Number of turns up to and including the last answer."""
        return max((index + 1 for index, turn in enumerate(self.turns) if turn.role == "assistant"), default=0)

    @property
    def nonce(self):
        return last_nonce("".join(turn.text for turn in self.turns))

    @property
    def is_whole(self):
        return self.answer is not None and self.answer.outcome == "ok" and not self.is_cut


ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool", "function": "tool"}


def read_messages(messages):
    """(turns, system prompt)"""
    turns = []
    for message in messages:
        content, images = message.get("content") or "", []
        if isinstance(content, list):
            images = [part["image_url"]["url"].split(",", 1)[1] for part in content if part["type"] == "image_url"]
            content = "\n".join(part["text"] for part in content if part["type"] == "text")
        turns.append(Turn(ROLES[message["role"]], content, tuple(images)))
    lead = 0
    while lead < len(turns) and turns[lead].role == "system":
        lead += 1
    prompt = "\n\n".join(turn.text for turn in turns[:lead] if turn.text)
    return (turns[lead:], prompt) if lead < len(turns) else ([Turn("user", "\n\n".join(turn.text for turn in turns))], "")


# How a history is written out.


@dataclass
class Replay:
    tag: str
    turns: list  # (role, text, [file name, or None for one that is not sent])
    rest: str


def parse_replay(text):
    """None if `text` is no written-out history."""
    opening = re.match(r"Below is our conversation so far[^\n]* stands between <(message-\d+)> tags [^\n]*\n\n", text)
    if not opening:
        return None
    tag, position, turns = opening.group(1), opening.end(), []
    begin = re.compile(rf'<{tag} from="(system|user|assistant|tool)"(?: images="([^"\n]*)")?>\n')
    while found := begin.match(text, position):
        end = text.index(f"\n</{tag}>\n", found.end())
        images = [None if name == "no longer attached" else name for name in found.group(2).split(", ")] if found.group(2) else []
        turns.append((found.group(1), text[found.end() : end], images))
        position = end + len(f"\n</{tag}>\n")
    rest = text[position:]
    if rest:
        if not rest.startswith("\n"):
            raise Violation(f"a written-out history goes on strangely: {rest[:80]!r}")
        rest = rest[1:]
    return Replay(tag, turns, rest)


def is_spoken(text, turns):
    """Whether `text` says `turns` in the form of new turns: users as they are, others between tags."""
    if [turn.role for turn in turns] == ["user"] and turns[0].text:
        return text == turns[0].text
    parts = []
    tag = re.search(r"<(message-\d+) from=", text)
    for turn in turns:
        plain = turn.role == "user" and any(each.text for each in turns if each.role == "user")
        if not plain and (not tag or tag.group(1) in "".join(each.text for each in turns)):
            return False
        parts.append(turn.text if plain else f'<{tag.group(1)} from="{turn.role}">\n{turn.text}\n</{tag.group(1)}>\n')
    return text == "\n\n".join(parts)


@dataclass
class Round:
    text: str
    requests: list  # all that may have asked it: their messages are the same
    turns: list  # the part of the conversation that it brought
    files: int


@dataclass
class Session:
    number: int
    token: str | None = None
    settings: dict | None = None
    rounds: list = field(default_factory=list)
    identities: set | None = None
    deleted: bool = False
    events: list = field(default_factory=list)


class Oracle:
    def __init__(self):
        self.requests = []
        self.by_nonce = {}
        self.sessions = {}
        self.completions = self.hits = self.replays = self.fresh = self.probes = 0

    def sent(self, request):
        """To be called before it is sent."""
        self.requests.append(request)
        self.by_nonce.setdefault(request.nonce, []).append(request)

    def session(self, number):
        return self.sessions.setdefault(number, Session(number))

    # The upstream's log

    def read(self, entries):
        for entry in entries:
            path, _, query = entry["target"].partition("?")
            parts = path.split("/")[3:]
            token = next((value for name, value in entry["headers"] if name.lower() == "authorization"), None)
            match [entry["method"], *parts]:
                case ["PUT", "session", number]:
                    session = self.session(int(number))
                    session.token, session.settings = token, json.loads(entry["body"])
                    session.events.append("PUT " + entry["body"][:300])
                case ["DELETE", "session", "batch"]:
                    for number in re.findall(r"=(\d+)", query):
                        self._deleted(int(number))
                case ["DELETE", "session", number]:
                    self._deleted(int(number))
                case ["POST", "context-clear", number]:
                    session = self.session(int(number))
                    session.rounds, session.identities = [], None
                    session.events.append("context-clear")
                case ["POST", "completions"]:
                    self._completion(json.loads(entry["body"]), token)

    def _deleted(self, number):
        self.session(number).deleted = True
        self.session(number).events.append("DELETE")

    def _completion(self, body, token):
        session = self.session(body["sessionId"])
        text, files = body["text"], [file["data"].split(",", 1)[1] for file in body["files"]]
        names = [file["name"] for file in body["files"]]
        session.events.append(f"completion {text[:200]!r}{'…' + repr(text[-200:]) if len(text) > 400 else text[200:]!r} {names}")
        candidates = self.by_nonce.get(last_nonce(text), [])
        reasons, matched = {}, []
        for request in candidates:
            try:
                part = self._match(session, request, text, files, names, token)
                matched.append((request, part))
            except Violation as violation:
                reasons[id(request)] = (request, str(violation))
        if not matched:
            suspects = [*candidates, *(each for round in session.rounds for each in round.requests)]
            raise Violation(self._story(session, text, list(reasons.values())), suspects)
        identities = {request.identity for request, _ in matched}
        if session.identities is not None:
            if not session.identities & identities:
                raise Violation(f"a session of {session.identities} went to {identities}\n{self._story(session, text, [])}", candidates)
            identities &= session.identities
        session.identities = identities
        self.completions += 1
        requests = [request for request, _ in matched]
        history = max(request.history for request in requests)
        if session.rounds:
            self.hits += 1
        elif history:
            self.replays += 1
        else:
            self.fresh += 1
        for request in requests:
            request.completions.append((session.number, len(session.rounds)))
            self._check_probe(session, request)
        if not session.deleted:
            session.rounds.append(Round(text, requests, matched[0][1], len(files)))

    def _match(self, session, request, text, files, names, token):
        """The turns that this completion brought; raises if the request is not what the session heard."""
        for name, value in request.settings.items():
            told = (session.settings or {}).get(name)
            if told != value:
                raise Violation(f"the session's {name} is {told!r}, the request's {value!r}")
        if not session.settings["name"].startswith("xtgateway/"):
            raise Violation(f"the session is called {session.settings['name']!r}")
        if session.token != token:
            raise Violation(f"the session is {session.token}'s, but {token} asks")
        if len(session.rounds) > LARGEST_CONTEXT:
            raise Violation(f"the session has {len(session.rounds)} rounds: more than the model is shown")
        known = self._remembered(session, request)
        new = request.turns[known:]
        if known:
            if known != request.history:
                raise Violation(f"the session knows {known} turns, but the last answer is number {request.history}")
            if not is_spoken(text, new):
                raise Violation(f"it was sent {text[:300]!r}, and not the new turns {new}")
        elif request.history:
            self._match_replay(request, text, files, names)
            return new
        elif not is_spoken(text, new):
            raise Violation(f"it was sent {text[:300]!r}, and not {new}")
        images = [image for turn in new for image in turn.images]
        if files != images or any(not name.startswith(f"image_{index}.") for index, name in enumerate(names)):
            raise Violation(f"{len(files)} files were sent ({names}), not the turn's {len(images)} images")
        return new

    def _remembered(self, session, request):
        """How many of the request's turns the session knows; raises if it knows anything else."""
        position = 0
        for number, round in enumerate(session.rounds):
            end = position + len(round.turns)
            for ours, theirs in zip(request.turns[position:end], round.turns):
                if ours.bare != theirs.bare:
                    raise Violation(f"round {number} told the session {theirs}, but the client says {ours}")
            if end >= len(request.turns):
                raise Violation(f"the session knows more than the {len(request.turns)} turns of the client")
            answer = request.turns[end]
            answers = {bare(each.answer.text) for each in round.requests if each.is_whole}
            (only,) = round.requests if len(round.requests) == 1 else (None,)
            if only and only.completions[-1][0] != session.number:
                raise Violation(f"round {number} failed here, and was answered in session {only.completions[-1][0]}")
            if answer.role != "assistant" or answer.bare.text not in answers:
                outcomes = [(each.who, each.answer and each.answer.outcome, each.is_cut) for each in round.requests]
                raise Violation(f"round {number} was answered {answers} ({outcomes}), but the client says {answer}")
            position = end + 1
        return position

    def _match_replay(self, request, text, files, names):
        replay = parse_replay(text)
        if not replay:
            raise Violation(f"a session that knows nothing was sent {text[:300]!r} without the history")
        history, new = request.turns[: request.history], request.turns[request.history :]
        if any(replay.tag in turn.text for turn in request.turns):
            raise Violation(f"the tag {replay.tag} occurs in a text")
        if [(role, text) for role, text, _ in replay.turns] != [(turn.role, turn.text) for turn in history]:
            raise Violation(f"the written-out history has {[t[:2] for t in replay.turns]}, the client {history}")
        if bool(new) != bool(replay.rest) or new and not is_spoken(replay.rest, new):
            raise Violation(f"the written-out history ends with {replay.rest[:300]!r}, the client says {new}")
        current = [image for turn in new for image in turn.images]
        earlier = [image for turn in history for image in turn.images]
        room = 0 if request.settings["model"] in TEXT_ONLY else max(0, MAX_FILES - len(current))
        kept = earlier[max(0, len(earlier) - room) :] if room else []
        if files != kept + current:
            raise Violation(f"{len(files)} files came, but {len(kept)} earlier and {len(current)} current ones were due")
        said = [name for _, _, images in replay.turns for name in images]
        if said != [None] * (len(earlier) - len(kept)) + names[: len(kept)]:
            raise Violation(f"the images are called {said}, the files {names}")
        for turn, (_, _, images) in zip(history, replay.turns):
            if len(turn.images) != len(images):
                raise Violation(f"a turn of {len(turn.images)} images is said to have {len(images)}")

    def _check_probe(self, session, request):
        """An answer of @memory: the upstream's own word for all of it."""
        if not request.is_whole or not request.answer.text.startswith('{"session":'):
            return
        memory = json.loads(request.answer.text)
        if memory["session"] != session.number:
            return
        self.probes += 1
        for name, value in request.settings.items():
            if memory[name] != value:
                raise Violation(f"@memory: {name} is {memory[name]!r}, the request's {value!r}\n{self._story(session, '', [])}")
        self._check_rounds(session, [(round["user"], round["assistant"]) for round in memory["rounds"]])

    def _check_rounds(self, session, remembered):
        suspects = [each for round in session.rounds for each in round.requests]
        if [user for user, _ in remembered] != [round.text for round in session.rounds]:
            raise Violation(f"the upstream remembers {remembered}\n{self._story(session, '', [])}", suspects)
        for (_, answer), round in zip(remembered, session.rounds):
            if bare(answer) not in {bare(each.answer.text) for each in round.requests if each.is_whole}:
                raise Violation(f"the upstream remembers {answer!r} as an answer\n{self._story(session, '', [])}", suspects)

    def check_hits(self):
        """Nothing failed: whoever goes on where he was finds his session, unless it has grown too long."""
        latest = {}
        for request in self.requests:
            before, latest[request.who] = latest.get(request.who), request
            if not request.expects_hit or not request.completions or request.completions[0][1]:
                continue
            if before.completions[-1][1] < LARGEST_CONTEXT:
                raise Violation("\n".join(["a plain follow-up did not find its session:", *conversation(self.requests, request)[-25:]]), [request])

    # The upstream's memory

    def check_memory(self, dump, later):
        """`/_sessions`: what idle sessions of the gateway remember is what their clients got. How many were looked at.

        `later`: what the upstream was asked meanwhile.
        """
        asked = " ".join(entry["target"] + entry["body"][-40:] for entry in later)
        count = 0
        for value in dump:
            session = self.sessions.get(value["id"])
            if not value["name"].startswith("xtgateway/") or value["busy"] or session is None:
                continue
            certain = all(each.is_whole and len(each.completions) == 1 for round in session.rounds for each in round.requests)
            if str(value["id"]) in asked:
                continue
            if session.deleted or not certain or "context-clear" in session.events[-1:]:
                continue  # it failed, or may have: then it will be deleted
            records = value["records"]
            clear = max((index + 1 for index, record in enumerate(records) if record["type"] == "context_clear"), default=0)
            self._check_rounds(session, [(record["userText"], record["aiText"]) for record in records[clear:]])
            count += 1
        return count

    # Words for a failure

    def _story(self, session, text, reasons):
        lines = [f"session {session.number}, asked {text[:400]!r}", "what the session was told:", *(f"  {event}" for event in session.events)]
        for request, reason in reasons[:4]:
            lines += [f"not {request.who}'s request ({request.note}): {reason}"]
        if not reasons and text:
            lines.append("no client asked this")
        for request, _ in reasons[:1]:
            lines += ["the conversation of that client:"] + conversation(self.requests, request)
        return "\n".join(lines)


def conversation(requests, last):
    """The trace of a client up to a request."""
    lines = []
    for request in requests:
        if request.who != last.who:
            continue
        settings = {key: value for key, value in request.body.items() if key != "messages"}
        outcome = f"{request.answer.outcome} {request.answer.status} {request.answer.text[:60]!r}" if request.answer else "running"
        lines.append(f"  {request.note}: {settings} → {outcome} in {request.completions}")
        lines += [f"      {turn.role}: {turn.text[:100]!r}{' +' + str(len(turn.images)) + ' images' if turn.images else ''}" for turn in request.turns]
        if request is last:
            break
    return lines[-80:]
