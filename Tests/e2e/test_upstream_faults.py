"""What an upstream, or something in between that poses as one, can do wrong below its protocol; and what the client hears of it."""

import asyncio
import itertools

import httpx
import programs
import pytest
import scripted_upstream as script
from async_client import Client
from certificates import Authority
from programs import API_KEY, wait_until
from scripted_upstream import DONE, END, HALF_CLOSE, PIECES, RESET, SILENCE, TEXT, Fault, Peer, Thread, Upstream

ADMIN = "adm-faults-9e02"
MAX_EVENT_BYTES = 65_536
BAD, FAILED, EMPTY = "upstream_bad_response", "upstream_failed", "upstream_empty"
AGAIN = Peer.listen_again


class Place:
    """A gateway with one account before a scripted upstream."""

    def __init__(self, folder, origin, **more):
        self.upstream, self.thread = origin, Thread(origin)
        self.numbers = itertools.count()
        upstream_config = {"base_url": origin.url, "max_event_bytes": MAX_EVENT_BYTES, "first_byte_timeout_ms": 15_000, "idle_timeout_ms": 15_000}
        config = {
            "cookies": [{"authorization": f"token-of-faults-{number}"} for number in range(more.pop("accounts", 1))],
            "api_keys": [API_KEY],
            "admin_key": ADMIN,
            "models": {"prefix": ""},
            "upstream": {**upstream_config, **more.pop("upstream", {})},
            "sessions": {"prepared_per_cookie": 0},
            "log": {"level": "debug"},
            # Each loop has connections of its own; here they are counted.
            "workers": 1,
            **more,
        }
        self.gateway = programs.Gateway(folder, config, secrets=[API_KEY, ADMIN, "token-of-faults-0"]).await_health()

    def ask(self, text=None, streamed=True, **more):
        return asyncio.run(self._ask(text or f"message {next(self.numbers)}", streamed, **more))

    async def _ask(self, text, streamed, **more):
        client = Client(self.gateway.port, API_KEY)
        try:
            return await asyncio.wait_for(client.ask("m0", text, streamed, **more), 30)
        finally:
            client.close()

    def plan(self, *faults):
        self.thread.call(self.upstream.plan, "m0", *faults)

    def with_fault(self, call, steps, streamed=True):
        """(the answer, how often the message was sent)."""
        text = f"message {next(self.numbers)}"
        self.plan(Fault(call, steps))
        answer = self.ask(text, streamed)
        assert not self.upstream.faults["m0"], "the fault was never met"
        return answer, self.upstream.sent[text]

    def works(self):
        answer = self.ask()
        assert answer.is_whole(TEXT), answer

    def admin(self, path):
        return httpx.get(f"{self.gateway.url}/admin/{path}", headers={"Authorization": f"Bearer {ADMIN}"}).raise_for_status().json()

    def end(self):
        try:
            self.gateway.await_rest()
            assert self.admin("sessions")["leased"] == 0
            assert all(account["in_flight"] == 0 for account in self.admin("accounts")["accounts"])
            self.gateway.end()
        finally:
            if self.gateway.running:
                self.gateway.process.kill()
                self.gateway.process.wait()
            self.thread.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("faults"), Upstream())
    place.gateway.await_models()
    yield place
    place.end()
    assert not place.upstream.sessions, "sessions were left over"


@pytest.fixture
def start_place(tmp_path):
    places = []

    def start(origin=None, ready=True, **more):
        place = Place(tmp_path / f"place-{len(places)}", origin or Upstream(), **more)
        places.append(place)
        if ready:
            place.gateway.await_models()
        return place

    yield start
    for place in places:
        place.end()


def status(line, *fields, body=b""):
    return "\r\n".join([line, *fields, "", ""]).encode() + body


def fields(*more):
    """Puts fields into the head of the usual answer."""
    return lambda answer: [answer.replace(b"\r\n", b"\r\n" + "".join(f"{line}\r\n" for line in more).encode("latin-1"), 1), AGAIN]


def replaced(old, new):
    def steps(answer):
        assert old in answer, answer
        return [answer.replace(old, new, 1), END]

    return steps


def plain(body, *more):
    """An event stream in whatever framing `more` says, and the end of the connection behind it."""
    return lambda answer: [status("HTTP/1.1 200 OK", "Content-Type: text/event-stream", *more, body=body), END]


def events(count=len(PIECES)):
    return b"".join(script.piece(text) for text in PIECES[:count])


def whole_events():
    return events() + script.record(1, TEXT) + DONE


def chunk(size_line, data=None):
    data = events(2) if data is None else data
    return lambda answer: [script.STREAM_HEAD + size_line + b"\r\n" + data + b"\r\n0\r\n\r\n", END]


HEX = b"%x" % len(events(2))

# Before a word was said. (name, steps, codes; the first is the usual one)
REFUSALS = [
    ("redirect", lambda answer: [status("HTTP/1.1 302 Found", "Location: http://127.0.0.1:9/", "Content-Length: 0"), AGAIN], BAD),
    ("compressed", fields("Content-Encoding: gzip"), BAD),
    ("web-page", lambda answer: [script.headed(b"<html>hello</html>", content_type="text/html"), AGAIN], BAD),
    ("no-type", lambda answer: [script.headed(whole_events(), "200 OK", "").replace(b"Content-Type: \r\n", b""), AGAIN], BAD),
    ("document", lambda answer: [script.headed(script.envelope({})), AGAIN], BAD),
    ("no-json", lambda answer: [script.headed(b"{"), AGAIN], BAD),
    ("no-content", lambda answer: [status("HTTP/1.1 204 No Content"), AGAIN], EMPTY),
    ("another-success", lambda answer: [script.headed(b"{}", "202 Accepted"), AGAIN], BAD),
    ("partial-content", lambda answer: [script.headed(whole_events(), "206 Partial Content", "text/event-stream"), AGAIN], BAD),
    ("broken-proxy", lambda answer: [script.headed(b"<h1>Bad gateway</h1>", "502 Bad Gateway", "text/html"), AGAIN], FAILED),
    ("cdn", lambda answer: [script.headed(b"error code: 520", "520 x", "text/plain"), AGAIN], FAILED),
    ("no-http", lambda answer: [b"SSH-2.0-OpenSSH_9.2p1\r\n", END], BAD),
    ("http-0.9", lambda answer: [whole_events(), END], BAD),
    ("icecast", replaced(b"HTTP/1.1 200", b"ICY 200"), BAD),
    ("status-of-four-digits", replaced(b"200", b"2000"), BAD),
    ("no-status", replaced(b" 200", b""), BAD),
    ("switching", lambda answer: [status("HTTP/1.1 101 Switching Protocols", "Upgrade: x"), whole_events(), END], BAD),
    ("flood-of-1xx", lambda answer: [status("HTTP/1.1 103 Early Hints", "Link: </a>; rel=preload") * 20_000, answer, END], BAD),
    ("endless-head", lambda answer: [answer[: answer.index(b"\r\n") + 2] + b"X-Filler: 0123456789\r\n" * 100_000, SILENCE], BAD),
    ("endless-field", lambda answer: [answer[: answer.index(b"\r\n") + 2] + b"X-Filler: " + b"x" * 2_000_000, SILENCE], BAD),
    ("endless-status-line", lambda answer: [b"HTTP/1.1 200 " + b"x" * 2_000_000, SILENCE], BAD),
    ("length-and-coding", fields("Content-Length: 5"), BAD),
    ("another-coding", replaced(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"), BAD),
    ("two-lengths", lambda answer: [status("HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Content-Length: 9", "Content-Length: 12", body=whole_events()), END], BAD),
    ("a-length-that-is-none", plain(whole_events(), "Content-Length: 0x20"), BAD),
    ("a-negative-length", plain(whole_events(), "Content-Length: -1"), BAD),
    ("a-length-beyond-numbers", plain(whole_events(), "Content-Length: 99999999999999999999999"), BAD),
    ("nul-in-a-field", fields("X-Odd: a\x00b"), BAD),
    ("space-before-the-colon", fields("X-Odd : b"), BAD),
    ("no-colon", fields("X-Odd"), BAD),
    ("chunk-size-that-is-none", chunk(b"zz"), BAD),
    ("chunk-size-with-sign", chunk(b"+" + HEX), BAD),
    ("chunk-size-with-prefix", chunk(b"0x" + HEX), BAD),
    ("chunk-size-missing", chunk(b""), BAD),
    ("chunk-size-beyond-numbers", chunk(b"f" * 17), BAD),
    ("chunk-size-endless", chunk(HEX + b";x=" + b"y" * 2_000_000), BAD),
    ("an-endless-event", lambda answer: [script.STREAM_HEAD + b"30000\r\n" + b"data: " + b"x" * (3 << 16), SILENCE], BAD),
    ("no-event", plain(b"", "Content-Length: 0"), EMPTY),
    ("comments-alone", plain(b": nothing\n\n" * 3), EMPTY),
    ("end-at-once", lambda answer: [END], FAILED),
    ("half-close-at-once", lambda answer: [HALF_CLOSE], FAILED),
    ("reset-at-once", lambda answer: [RESET], FAILED),
]  # fmt: skip

# What is legal, if unusual: the whole answer.
ACCEPTED = [
    ("http-1.0", lambda answer: [status("HTTP/1.0 200 OK", "Content-Type: text/event-stream", body=whole_events()), END]),
    ("without-length", plain(whole_events())),
    ("with-length", plain(whole_events(), f"Content-Length: {len(whole_events())}")),
    ("said-to-close", lambda answer: [fields("Connection: close")(answer)[0], END]),
    ("said-to-close-and-silent", lambda answer: [fields("Connection: close")(answer)[0], SILENCE]),
    ("continue", lambda answer: [status("HTTP/1.1 100 Continue") + answer, AGAIN]),
    ("hints", lambda answer: [status("HTTP/1.1 103 Early Hints", "Link: </a>") * 3 + answer, AGAIN]),
    ("no-reason", replaced(b"200 OK", b"200")),
    ("identity", fields("Content-Encoding: identity")),
    ("lower-case", lambda answer: [answer.replace(b"Transfer-Encoding: chunked", b"transfer-encoding:CHUNKED"), AGAIN]),
    ("trailers", lambda answer: [answer[:-2] + b"X-Checksum: 1\r\n\r\n", AGAIN]),
    ("chunk-extension", chunk(b"%x;name=value" % len(whole_events()), whole_events())),
    ("chunk-size-with-zeros", chunk(b"000%X" % len(whole_events()), whole_events())),
    ("half-close-behind-it", lambda answer: [answer, HALF_CLOSE]),
    ("no-record-no-end-mark", plain(events(), f"Content-Length: {len(events())}")),
]

# Two pieces were said. (name, steps, codes)
BROKEN = [
    ("a-length-not-reached", plain(events(2), "Content-Length: 100000"), FAILED),
    ("a-length-within-an-event", plain(events(3), f"Content-Length: {len(events(2)) + 12}"), BAD),
    ("chunks-that-end-in-nothing", lambda answer: [script.STREAM_HEAD + HEX + b"\r\n" + events(2) + b"\r\n", END], FAILED),
    ("chunk-longer-than-it-says", lambda answer: [script.STREAM_HEAD + HEX + b"\r\n" + events(3) + b"\r\n0\r\n\r\n", END], BAD),
    ("an-event-that-is-no-json", lambda answer: [script.STREAM_HEAD + script.chunked([events(2), b"data: {]\n\n"]), END], BAD),
    ("invalid-utf-8", lambda answer: [script.STREAM_HEAD + script.chunked([events(2), b'data: {"type":"string","data":"\xff"}\n\n']), END], BAD),
    ("an-event-cut-short", plain(events(2) + script.piece(PIECES[2])[:-9]), BAD),
    ("an-endless-event", lambda answer: [script.STREAM_HEAD + script.chunked([events(2)])[:-5] + b"30000\r\ndata: " + b"x" * (3 << 16), SILENCE], BAD),
    ("half-close", lambda answer: [script.STREAM_HEAD + script.chunked([events(2)])[:-5], HALF_CLOSE], FAILED),
    ("the-connections-end-alone", plain(events(2)), FAILED),
]  # fmt: skip


def named(cases):
    return [pytest.param(*case[1:], id=case[0]) for case in cases]


def is_error(answer, status, codes):
    assert (answer.status, answer.text, answer.finish_reasons) == (status, "", []), answer
    assert answer.code in codes, answer
    assert answer.error["type"] == "upstream_error"


@pytest.mark.parametrize(("steps", "code"), named(REFUSALS))
def test_nothing_was_said(place, steps, code):
    for streamed in (True, False):
        answer, sent = place.with_fault("completion", steps, streamed)
        is_error(answer, 502, [code])
        assert sent == 1
    place.works()


@pytest.mark.parametrize("steps", named(ACCEPTED))
def test_what_is_legal_is_understood(place, steps):
    for streamed in (True, False):
        answer, sent = place.with_fault("completion", steps, streamed)
        assert answer.is_whole(TEXT), answer
        assert sent == 1
    place.works()


@pytest.mark.parametrize(("steps", "code"), named(BROKEN))
def test_two_pieces_were_said(place, steps, code):
    answer, sent = place.with_fault("completion", steps)
    assert (answer.status, answer.text, answer.finish_reasons, answer.done, answer.proper) == (200, "".join(PIECES[:2]), [], False, True), answer
    assert answer.code == code and sent == 1, answer
    answer, sent = place.with_fault("completion", steps, streamed=False)
    is_error(answer, 502, [code])
    place.works()


def test_the_longest_event_is_named(place):
    answer, _ = place.with_fault("completion", dict(zip([case[0] for case in REFUSALS], [case[1] for case in REFUSALS]))["an-endless-event"])
    assert "upstream.max_event_bytes" in answer.error["message"] and str(MAX_EVENT_BYTES) in answer.error["message"]


PREPARING = {"redirect", "compressed", "web-page", "no-json", "no-http", "flood-of-1xx", "endless-head", "endless-field", "nul-in-a-field", "end-at-once"}


@pytest.mark.parametrize("call", ["create", "update"])
@pytest.mark.parametrize(("steps", "code"), named([case for case in REFUSALS if case[0] in PREPARING]))
def test_while_the_session_is_prepared(place, steps, code, call):
    # A connection that just dies may be a kept one's end, so that such a call is sent again.
    place.plan(*[Fault(call, steps)] * 2)
    sent = sum(place.upstream.sent.values())
    answer = place.ask()
    is_error(answer, 502, [code])
    assert sum(place.upstream.sent.values()) == sent
    place.plan()
    place.works()


# MARK: Where there are other accounts


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """Enough accounts that those which rest are not missed, and no breaker."""
    place = Place(tmp_path_factory.mktemp("pool"), Upstream(), accounts=100, pool={"breaker_accounts": 10_000})
    place.gateway.await_models()
    yield place
    place.end()
    assert not place.upstream.sessions, "sessions were left over"


# What says that the message was not worked on: an error's status, or somebody else's page.
SENT_AGAIN = {"redirect", "web-page", "broken-proxy", "cdn"}


@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
def test_only_what_was_refused_is_sent_to_another_account(pool, case):
    name, steps, code = case
    answer, sent = pool.with_fault("completion", steps)
    if name in SENT_AGAIN:
        assert answer.is_whole(TEXT) and sent == 2, (answer, sent)
    else:
        is_error(answer, 502, [code])
        assert sent == 1


@pytest.mark.parametrize("call", ["create", "update"])
@pytest.mark.parametrize("case", REFUSALS, ids=[case[0] for case in REFUSALS])
def test_what_prepares_the_message_is_tried_elsewhere(pool, case, call):
    answer, sent = pool.with_fault(call, case[1])
    assert answer.is_whole(TEXT) and sent == 1, (answer, sent)


# MARK: Bytes that nobody asked for


def other_answer():
    """A whole answer that must never reach anybody."""
    events = script.piece("not yours") + script.record(1, "not yours") + DONE
    return script.STREAM_HEAD + script.chunked([events])


MORE = {
    "answer": other_answer(),
    "line-end": b"\r\n",
    "byte": b"x",
    "time-out": status("HTTP/1.1 408 Request Timeout", "Connection: close"),
}


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
@pytest.mark.parametrize("call", ["create", "update", "completion"])
def test_bytes_together_with_an_answer_are_nobodys(place, call, more):
    for _ in range(3):
        answer, sent = place.with_fault(call, lambda answer: [answer + more, AGAIN])
        assert answer.is_whole(TEXT) and sent == 1, answer
        place.works()


@pytest.mark.parametrize("more", MORE.values(), ids=MORE)
def test_bytes_on_an_idle_connection_are_nobodys(place, more):
    for _ in range(3):
        answer, sent = place.with_fault("completion", lambda answer: [answer, AGAIN, 0.02, more])
        assert answer.is_whole(TEXT) and sent == 1, answer
        wait_until(lambda: place.thread.call(place.upstream.is_quiet), "the other bytes")
        place.works()


@pytest.mark.parametrize("size", [1024, 4096, 8192, 16384, 32768])
def test_another_answer_right_behind_a_full_buffer(place, size):
    """The first one ends where a read may end."""

    def steps(answer):
        filler = size - len(answer) - len(b"\r\nX-Filler: ")
        return [answer.replace(b"\r\n", b"\r\nX-Filler: " + b"x" * filler + b"\r\n", 1) + other_answer(), AGAIN]

    for call in ("create", "completion"):
        answer, sent = place.with_fault(call, steps)
        assert answer.is_whole(TEXT) and sent == 1, answer
        place.works()


# MARK: Kept connections


def test_a_connection_is_kept_unless_the_upstream_says_otherwise(start_place):
    place = start_place()
    place.works()
    accepted = place.upstream.accepted
    for _ in range(5):
        place.works()
    assert place.upstream.accepted == accepted
    for call in ("create", "update", "completion"):
        # It stays open at the upstream's end: not to be used again is the gateway's part.
        answer, _ = place.with_fault(call, lambda answer: [fields("Connection: close")(answer)[0], SILENCE])
        assert answer.is_whole(TEXT), answer
        place.works()
        accepted += 1
        assert place.upstream.accepted == accepted
        wait_until(lambda: len(place.upstream.connections) == 1, "the other connection's end")


@pytest.mark.parametrize("how", [END, RESET])
@pytest.mark.parametrize("call", ["create", "update"])
def test_a_kept_connection_dies_under_a_call(place, call, how):
    """The upstream closes what was idle just as the next request is on its way: what may happen twice is sent again."""
    place.works()
    for _ in range(3):
        answer, sent = place.with_fault(call, lambda answer: [how])
        assert answer.is_whole(TEXT) and sent == 1, answer


@pytest.mark.parametrize("how", [END, RESET])
def test_a_kept_connection_dies_under_a_message(place, how):
    """It may have arrived, and messages cost credits."""
    place.works()
    answer, sent = place.with_fault("completion", lambda answer: [how])
    is_error(answer, 502, [FAILED])
    assert sent == 1
    place.works()


def test_a_kept_connection_dies_under_a_message_that_may_be_sent_again(start_place):
    place = start_place(pool={"retry_ambiguous": True})
    place.works()
    for how in (END, RESET):
        answer, sent = place.with_fault("completion", lambda answer: [how])
        assert answer.is_whole(TEXT) and sent == 2, answer


@pytest.mark.parametrize("how", [END, RESET])
def test_connections_that_died_while_idle_are_not_used(place, how):
    for _ in range(5):
        place.works()
        place.thread.call(place.upstream.drop_connections, how)
        place.works()


# MARK: No connection


def test_nobody_listens(start_place):
    place = start_place()
    place.works()
    place.thread.run(place.upstream.stop())
    for streamed in (True, False):
        answer = place.ask(streamed=streamed)
        is_error(answer, 502, ["upstream_unreachable"])
        assert "127.0.0.1" in answer.error["message"] and "refuse" in answer.error["message"].lower() + "refuse"
    place.thread.run(place.upstream.start())
    place.works()


@pytest.mark.parametrize("call", ["create", "completion"])
def test_a_connection_is_reset_as_soon_as_it_is_made(start_place, call):
    place = start_place()
    place.works()
    place.thread.call(place.upstream.drop_connections)
    place.upstream.on_connect = lambda peer: peer.do(RESET)
    answer = place.ask()
    # Whether the request was on its way already nobody knows.
    is_error(answer, 502, ["upstream_unreachable", FAILED])
    place.upstream.on_connect = None
    place.works()


def test_a_name_that_does_not_resolve(start_place):
    place = start_place(ready=False, upstream={"base_url": "http://upstream.invalid"})
    answer = place.ask()
    assert (answer.status, answer.code) == (503, "models_not_loaded"), answer
    assert "upstream.invalid" in answer.error["message"] or "resolve" in answer.error["message"].lower(), answer
    assert httpx.get(place.gateway.url + "/health").status_code in (200, 503)


# MARK: TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def contexts(authority):
    return {
        "good": authority.context("good"),
        "self-signed": authority.context("self-signed", signed=False),
        "wrong-host": authority.context("wrong-host", host="DNS:somebody.example"),
        "expired": authority.context("expired", dates=("20200101000000Z", "20200102000000Z")),
        "not-yet-valid": authority.context("not-yet-valid", dates=("20900101000000Z", "20910102000000Z")),
        "no-tls": None,
    }


@pytest.fixture
def start_tls(start_place, authority, contexts):
    def start(**more):
        place = start_place(Upstream(ssl=contexts["good"]), upstream={"ca_file": str(authority.file)}, **more)
        place.works()
        return place

    return start


def restart(place, context):
    place.thread.run(place.upstream.stop())
    place.upstream.ssl = context
    place.thread.run(place.upstream.start())


@pytest.mark.parametrize("bad", ["self-signed", "wrong-host", "expired", "not-yet-valid", "no-tls"])
def test_an_upstream_that_proves_nothing_gets_nothing(start_tls, contexts, bad):
    place = start_tls()
    restart(place, contexts[bad])
    messages, calls = sum(place.upstream.sent.values()), sum(place.upstream.calls.values())
    answer = place.ask()
    is_error(answer, 502, ["upstream_unreachable"])
    assert (sum(place.upstream.sent.values()), sum(place.upstream.calls.values())) == (messages, calls)
    restart(place, contexts["good"])
    place.works()


def test_an_authority_that_the_gateway_does_not_know(start_place, contexts):
    place = start_place(Upstream(ssl=contexts["good"]), ready=False)
    answer = place.ask()
    assert (answer.status, answer.code) == (503, "models_not_loaded"), answer
    assert "certificate" in answer.error["message"].lower(), answer
    assert not place.upstream.calls


def test_tls_towards_an_upstream_that_speaks_none(start_place):
    other = Thread(Upstream())
    place = start_place(ready=False, upstream={"base_url": f"https://127.0.0.1:{other.upstream.port}"})
    answer = place.ask()
    other.close()
    assert (answer.status, answer.code) == (503, "models_not_loaded"), answer


@pytest.mark.parametrize("size", [None, 8192, 16384, 32768])
def test_another_answer_in_the_same_record(start_tls, size):
    place = start_tls()

    def steps(answer):
        if size:
            answer = answer.replace(b"\r\n", b"\r\nX-Filler: " + b"x" * (size - len(answer) - len(b"\r\nX-Filler: ")) + b"\r\n", 1)
        return [answer + other_answer(), AGAIN]

    for call in ("create", "completion"):
        answer, sent = place.with_fault(call, steps)
        assert answer.is_whole(TEXT) and sent == 1, answer
        place.works()


@pytest.mark.parametrize("how", [END, RESET])
def test_cut_off_under_tls(start_tls, how):
    place = start_tls()
    begun = script.STREAM_HEAD + script.chunked([events(2)])[:-5]
    answer, sent = place.with_fault("completion", lambda answer: [begun, 0.05, how])
    assert (answer.status, answer.text, answer.code, answer.proper, sent) == (200, "".join(PIECES[:2]), FAILED, True, 1), answer
    answer, sent = place.with_fault("completion", lambda answer: [how])
    is_error(answer, 502, [FAILED])
    place.works()
