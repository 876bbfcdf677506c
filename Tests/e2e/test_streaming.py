"""Streams on the wire: headers, keep-alive, nothing held back, nothing piled up, nothing left running."""

import statistics
import time

import openai_schemas
from chat import PATH, PIECE, body, numbers, post, stream
from programs import wait_until
from rawhttp import Connection, Stream


def test_head_and_chunks(gateway):
    response, parsed, _ = stream(gateway, "@say 10", stream_options={"include_usage": True})
    assert response.status == 200
    assert response.header("content-type") == "text/event-stream; charset=utf-8"
    assert response.header("cache-control") == "no-cache"
    assert response.header("x-accel-buffering") == "no"
    assert response.header("access-control-allow-origin") == "*"
    assert response.header("x-request-id")
    assert response.header("content-length") is None
    assert response.complete and parsed.done
    for chunk in parsed.chunks:
        openai_schemas.check_chunk(chunk)
    *chunks, usage = parsed.chunks
    assert usage["choices"] == [] and usage["usage"]["total_tokens"] > 0
    assert all("usage" in chunk and chunk["usage"] is None for chunk in chunks)
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert len({chunk["id"] for chunk in parsed.chunks}) == 1 and chunks[0]["id"].startswith("chatcmpl-")
    assert numbers(parsed.text()) == list(range(10))


def test_without_include_usage_no_chunk_names_it(gateway):
    _, parsed, _ = stream(gateway, "@say 2")
    assert all("usage" not in chunk for chunk in parsed.chunks)


def test_reasoning_on_the_wire(gateway):
    _, parsed, _ = stream(gateway, "@fault split=2 @think")
    for chunk in parsed.chunks:
        openai_schemas.check_chunk(chunk)
    plain = post(gateway, "@fault split=2 @think").json()
    openai_schemas.check_completion(plain)
    message = plain["choices"][0]["message"]
    assert (parsed.text("reasoning_content"), parsed.text()) == (message["reasoning_content"], message["content"])
    assert parsed.text("reasoning_content") and parsed.text()


def paced(gateway, count, pace):
    """(delays in ms, pieces in each read) of a paced stream."""
    delays, per_read, received = [], [], ""
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body(f"@pace {pace} @say {count}", stream=True))
        response = connection.head()
        assert response.status == 200
        for read in connection.reads(response):
            chunks = [choice["delta"].get("content") or "" for c in Stream.parse(read.payload).chunks for choice in c["choices"]]
            pieces = [piece for piece in chunks if piece]
            received += "".join(pieces)
            if pieces:
                per_read.append(len(pieces))
            for piece in pieces:
                sent = int(PIECE.fullmatch(piece).group(1))
                delays.append((read.nanoseconds % 10**16 - sent) / 1e6)
    assert numbers(received) == list(range(count))
    return delays, per_read


def test_pieces_are_not_held_back(gateway, capsys):
    """A piece every 50 ms: each arrives by itself. Where the machine itself stands still for 50 ms, some may meet."""
    for _ in range(3):
        delays, per_read = paced(gateway, 40, 50)
        ordered = sorted(delays)
        with capsys.disabled():
            print(
                f"\n  piece to client, 40 pieces 50 ms apart: min {ordered[0]:.2f} ms, median {statistics.median(ordered):.2f} ms, "
                f"p90 {ordered[35]:.2f} ms, max {ordered[-1]:.2f} ms; pieces a read: {sorted(set(per_read))}")
        if per_read.count(1) >= 20:
            return
    raise AssertionError(f"pieces arrived together: {per_read}")


def test_keep_alive_comments_while_the_upstream_is_silent(start_gateway):
    gateway = start_gateway(stream={"keep_alive_seconds": 2})
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@fault slow-first=5000 @say 3", stream=True))
        response = connection.head()
        reads = list(connection.reads(response))
    parsed = Stream.parse(b"".join(read.payload for read in reads))
    assert response.status == 200
    assert reads[0].payload.startswith(b": keep-alive\n\n")
    assert parsed.comments == [": keep-alive"] * 2
    assert numbers(parsed.text()) == [0, 1, 2] and parsed.done


def test_keep_alive_comments_in_the_middle(start_gateway):
    gateway = start_gateway(stream={"keep_alive_seconds": 2})
    # Two gaps between the pieces, and one in front of the end.
    _, parsed, _ = stream(gateway, "@pace 3000 @say 3")
    assert parsed.comments == [": keep-alive"] * 3
    assert numbers(parsed.text()) == [0, 1, 2] and parsed.done


def test_an_error_after_a_comment_is_in_the_stream(start_gateway):
    gateway = start_gateway(stream={"keep_alive_seconds": 2})
    response, parsed, closed = stream(gateway, "@fault slow-first=3000,http=500 @say 3")
    assert response.status == 200 and parsed.comments == [": keep-alive"]
    (error,) = parsed.errors
    assert error["type"] == "upstream_error"
    assert not parsed.done and not parsed.finish_reasons and closed


def test_a_client_that_leaves_cancels_the_upstream(start_gateway, simulator):
    gateway = start_gateway()
    for stream_it in [True, False]:
        before = simulator.counts(gateway.token)
        with Connection(gateway.port) as connection:
            connection.post(PATH, gateway.key, body("@pace 20 @say 100000", stream=stream_it))
            wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 1, "the upstream's stream")
            if stream_it:
                response = connection.head()
                next(connection.reads(response))
        wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 0, "the end of the upstream's stream")
        assert simulator.counts(gateway.token)["cancelled"] == before["cancelled"] + 1


def test_a_client_that_leaves_in_the_silence_cancels_too(start_gateway, simulator):
    gateway = start_gateway()
    with Connection(gateway.port) as connection:
        connection.post(PATH, gateway.key, body("@fault slow-first=60000 @say 1", stream=True))
        wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 1, "the upstream's request")
    wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 0, "the end of the upstream's request")


def test_a_stop_string_cancels_the_upstream(start_gateway, simulator):
    gateway = start_gateway()
    _, parsed, _ = stream(gateway, "@pace 20 @say 100000", stop=["n=000003"])
    assert parsed.finish_reasons == ["stop"] and parsed.done
    assert "n=000002" in parsed.text() and "n=000003" not in parsed.text()
    wait_until(lambda: simulator.counts(gateway.token)["in_flight"] == 0, "the end of the upstream's stream")
    assert simulator.counts(gateway.token)["cancelled"] == 1


def test_a_slow_reader_pauses_the_upstream(start_gateway, simulator, capsys):
    """Some 30 MB are on offer; while the client reads nothing, the gateway may hold only its own marks' worth."""
    gateway = start_gateway()
    count = 100_000
    before = gateway.memory()
    with Connection(gateway.port, receive_buffer=65536) as connection:
        connection.post(PATH, gateway.key, body(f"@fault no-object @say {count}", stream=True))
        response = connection.head()
        stands_still(simulator)
        grown = gateway.memory() - before
        # Another client is served meanwhile.
        assert numbers(stream(gateway, "@say 100")[1].text()) == list(range(100))
        text, total = [], 0
        for read in connection.reads(response):
            text.append(read.payload)
            total += len(read.payload)
        parsed = Stream.parse(b"".join(text))
    with capsys.disabled():
        print(f"\n  slow reader: {total / 1e6:.0f} MB offered, the gateway grew by {grown / 1e6:.1f} MB while nothing was read")
    assert grown < 24e6
    assert numbers(parsed.text()) == list(range(count)) and parsed.done


def stands_still(simulator):
    """Waits until the simulator has sent nothing for a while, and has not sent everything either."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 0.7:
        pieces = simulator.get("/_stats")["pieces"]
        if pieces != last:
            last, since = pieces, time.monotonic()
        time.sleep(0.05)


def test_many_streams_at_once(gateway):
    connections = [Connection(gateway.port) for _ in range(50)]
    for connection in connections:
        connection.post(PATH, gateway.key, body("@pace 5 @say 40", stream=True))
    for connection in connections:
        with connection:
            parsed = Stream.parse(connection.response().body)
            assert numbers(parsed.text()) == list(range(40)) and parsed.done
