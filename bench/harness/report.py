"""A result as Markdown."""
from .goals import goals_table
from .result import number, spread
from .scenarios import SCENARIOS

# Key, heading, digits; columns without any value are left out.
COLUMNS = [
    ("cpu_us_per_chunk", "CPU, µs a chunk", 2), ("cpu_us_per_request", "CPU, µs a request", 1), ("kib_per_stream", "KiB a stream", 1),
    ("latency_p50_ms", "latency p50, ms", 3), ("latency_p99_ms", "p99, ms", 3), ("added_p50_us", "added p50, µs", 1),
    ("added_p95_us", "added p95, µs", 1), ("added_p99_us", "added p99, µs", 1), ("ttft_p50_ms", "first chunk p50, ms", 2),
    ("chunks_per_s", "chunks/s", 0), ("requests_per_s", "requests/s", 0), ("idle_mib", "idle MiB", 1),
    ("memory_after_ratio", "memory after ÷ before", 2), ("bytes_per_conversation", "bytes a conversation", 0),
    ("cpu_percent", "CPU %", 0), ("tools_percent", "tools %", 0),
]
# What says something about the answers' cost only where answers are streamed, and the other way round.
LATENCIES = {"latency_p50_ms", "latency_p99_ms", "added_p50_us", "added_p95_us", "added_p99_us", "ttft_p50_ms"}
NOT_STREAMED = {"cpu_us_per_chunk", "chunks_per_s", "kib_per_stream"} | LATENCIES
STREAMED = {"cpu_us_per_request", "requests_per_s"}


def columns(scenario):
    load = SCENARIOS[scenario].load
    hidden = NOT_STREAMED if "no-stream" in load or "get" in load else STREAMED
    if "pace" in load:
        hidden = hidden | {"chunks_per_s"}
    elif "say" in load:
        # Without a pace a latency is the length of a queue.
        hidden = hidden | LATENCIES | {"kib_per_stream"}
    return [column for column in COLUMNS if column[0] not in hidden]


def scenario_table(result, scenario):
    """Markdown: a row a peer. Medians, in brackets the smallest and the largest; the ratio is that of the first column's cost to nginx."""
    by_peer = result.rows[scenario]
    shown = [column for column in columns(scenario) if any(result.values(scenario, peer, column[0]) for peer in by_peer)]
    cost = next((column[0] for column in shown if column[0].startswith("cpu_us")), None)
    anchor = next((peer for peer in ("nginx", "nginx return", "gateway") if peer in by_peer), None)
    with_ratio = cost and anchor and len(by_peer) > 1
    lines = ["| | " + (f"ratio to {anchor} | " if with_ratio else "") + " | ".join(title for _, title, _ in shown) + " | ok / failed |",
             "|---|" + "---|" * (len(shown) + 1 + bool(with_ratio))]
    for peer, rows in by_peer.items():
        cells = [peer]
        if with_ratio:
            cells.append(spread(result.ratios(scenario, peer, anchor, cost), 2) if peer not in (anchor, "direct") else "–")
        for key, _, digits in shown:
            own = peer == "direct" and key not in ("latency_p50_ms", "latency_p99_ms", "ttft_p50_ms", "chunks_per_s", "requests_per_s")
            cells.append("–" if own else spread(result.values(scenario, peer, key), digits))
        cells.append(f"{sum(row['report']['ok'] for row in rows):,} / {sum(row['failures'] for row in rows):,}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown(result):
    environment = result.data["environment"]
    low, middle, high = result.loads()
    parts = [
        f"{result.data['begun'][:4]}-{result.data['begun'][4:6]}-{result.data['begun'][6:8]}, revision {environment['revision']}, "
        f"{environment['cpus']} × {environment['cpu']}, Linux {environment['kernel']}, {', '.join(environment['versions'])}; "
        f"{result.repetitions()} interleaved repetitions, load average of the machine {low:.1f} to {high:.1f} (median {middle:.1f}).",
        goals_table(result),
    ]
    for scenario in result.rows:
        parts += [f"**{SCENARIOS[scenario].title}** (`{scenario}`)", scenario_table(result, scenario)]
    skipped = result.data.get("skipped", {})
    parts += [f"`{name}` was left out: {why}." for name, why in skipped.items()]
    return "\n\n".join(parts) + "\n"
