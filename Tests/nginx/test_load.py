"""Many streams at once, through TLS and HTTP/2."""

import asyncio

import programs
from chat import body, numbers
from rawhttp import Stream

STREAMS, CONNECTIONS, PIECES = 500, 5, 6


def test_five_hundred_streams_at_once(start_gateway, start_nginx, simulator):
    gateways = [start_gateway(), start_gateway()]
    nginx = start_nginx(*gateways)
    peak = 0

    async def watch():
        nonlocal peak
        while peak < STREAMS:
            flying = await asyncio.to_thread(lambda: sum(account["in_flight"] for account in simulator.get("/_stats")["accounts"]))
            peak = max(peak, flying)
            await asyncio.sleep(0.05)

    async def run():
        clients = [nginx.async_client() for _ in range(CONNECTIONS)]
        watching = asyncio.create_task(watch())
        ask = body(f"@pace 2000 @say {PIECES}", stream=True)
        answers = await asyncio.gather(*(clients[number % CONNECTIONS].post("/v1/chat/completions", json=ask) for number in range(STREAMS)))
        watching.cancel()
        for client in clients:
            await client.aclose()
        return answers

    answers = asyncio.run(run())
    for answer in answers:
        assert answer.status_code == 200 and answer.http_version == "HTTP/2"
        stream = Stream.parse(answer.content)
        assert stream.done and stream.finish_reasons == ["stop"] and numbers(stream.text()) == list(range(PIECES))
    assert peak >= STREAMS * 0.9, f"only {peak} at a time"
    # least_conn: each gateway had its part.
    shares = [sum('"msg":"request"' in line for line in gateway.err.splitlines()) for gateway in gateways]
    print(f"{peak} streams at a time, {shares} requests by gateway")
    assert min(shares) >= STREAMS * 0.3
