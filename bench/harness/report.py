"""What the rows of a result come to: medians, spread, ratios, goals."""
import statistics

from .scenarios import GOALS, SCENARIOS

# Key, heading, digits; columns without any value are left out.
COLUMNS = [
    ("cpu_us_per_chunk", "CPU, µs a chunk", 2), ("cpu_us_per_request", "CPU, µs a request", 1), ("kib_per_stream", "KiB a stream", 1),
    ("latency_p50_ms", "latency p50, ms", 2), ("latency_p99_ms", "p99, ms", 1), ("ttft_p50_ms", "first chunk p50, ms", 1),
    ("chunks_per_s", "chunks/s", 0), ("requests_per_s", "requests/s", 0), ("idle_mib", "idle MiB", 1),
    ("memory_after_ratio", "memory after ÷ before", 2), ("bytes_per_conversation", "bytes a conversation", 0),
    ("cpu_percent", "CPU %", 0), ("tools_percent", "tools %", 0),
]
# What says something about the answers' cost only where answers are streamed, and the other way round.
NOT_STREAMED = {"cpu_us_per_chunk", "chunks_per_s", "kib_per_stream", "ttft_p50_ms", "latency_p50_ms", "latency_p99_ms"}
STREAMED = {"cpu_us_per_request", "requests_per_s"}


def columns(scenario):
    load = SCENARIOS[scenario].load
    hidden = NOT_STREAMED if "no-stream" in load or "get" in load else STREAMED
    if "pace" in load:
        hidden = hidden | {"chunks_per_s"}
    elif "say" in load:
        # Without a pace a latency is the length of a queue.
        hidden = hidden | {"latency_p50_ms", "latency_p99_ms", "ttft_p50_ms", "kib_per_stream"}
    return [column for column in COLUMNS if column[0] not in hidden]


def number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


class Result:
    """The rows by scenario and peer, in the order in which they ran."""

    def __init__(self, data):
        self.data, self.rows = data, {}
        for row in data["rows"]:
            self.rows.setdefault(row["scenario"], {}).setdefault(row["peer"], []).append(row)
        for by_peer in self.rows.values():
            direct = self._median_rows(by_peer.get("direct", []))
            for row in (row for rows in by_peer.values() for row in rows):
                for quantile in ("p50", "p99"):
                    base = direct.get(f"latency_{quantile}_ms")
                    if base is not None and row.get(f"latency_{quantile}_ms") is not None:
                        row[f"added_{quantile}_ms"] = max(0.0, row[f"latency_{quantile}_ms"] - base)

    @staticmethod
    def _median_rows(rows):
        return {key: statistics.median(row[key] for row in rows) for key in ("latency_p50_ms", "latency_p99_ms")
                if rows and all(row.get(key) is not None for row in rows)}

    def values(self, scenario, peer, metric):
        rows = self.rows.get(scenario, {}).get(peer, [])
        return [row[metric] for row in rows if row.get(metric) is not None]

    def median(self, scenario, peer, metric):
        values = self.values(scenario, peer, metric)
        return statistics.median(values) if values else None

    def ratios(self, scenario, peer, base, metric):
        """By repetition, since what slows the machine down slows both."""
        rows = self.rows.get(scenario, {})
        pairs = zip(rows.get(peer, []), rows.get(base, []))
        return [mine[metric] / theirs[metric] for mine, theirs in pairs if mine.get(metric) is not None and theirs.get(metric)]

    def repetitions(self):
        """"5", or "2 to 5" where the scenarios differ."""
        counts = sorted({len(rows) for by_peer in self.rows.values() for rows in by_peer.values()}) or [0]
        return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"

    def loads(self):
        loads = [row["load_average"] for row in self.data["rows"]]
        return (min(loads), statistics.median(loads), max(loads)) if loads else (0, 0, 0)


def _spread(values, digits):
    if not values:
        return "–"
    text = number(statistics.median(values), digits)
    return text if len(values) == 1 else f"{text} ({number(min(values), digits)} to {number(max(values), digits)})"


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
            cells.append(_spread(result.ratios(scenario, peer, anchor, cost), 2) if peer not in (anchor, "direct") else "–")
        for key, _, digits in shown:
            own = peer == "direct" and key not in ("latency_p50_ms", "latency_p99_ms", "ttft_p50_ms", "chunks_per_s", "requests_per_s")
            cells.append("–" if own else _spread(result.values(scenario, peer, key), digits))
        cells.append(f"{sum(row['report']['ok'] for row in rows):,} / {sum(row['failures'] for row in rows):,}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _judge(result, goal, bound):
    """What was reached against one bound, in words, and whether it holds; None where it was not measured."""
    name, limit = bound
    values = result.values(goal.scenario, goal.peer, goal.metric)
    if name is None:
        if not values:
            return None
        value = max(values) if goal.metric == "failures" else statistics.median(values)
        return f"≤ {limit:g}", f"{value:.{0 if limit == 0 else 2}f}", value <= limit
    ratios = result.ratios(goal.scenario, goal.peer, name, goal.metric)
    if not ratios:
        return None
    ratio = statistics.median(ratios)
    if limit < 0:
        return f"≥ {-limit:g} × {name}", _spread(ratios, 2), ratio >= -limit
    return f"≤ {limit:g} × {name}", _spread(ratios, 3 if limit < 0.5 else 2), ratio <= limit


def goals_table(result):
    lines = ["| goal | xtgateway | at least | reached | | aim | reached | |", "|---|---|---|---|---|---|---|---|"]
    for goal in GOALS:
        values = result.values(goal.scenario, goal.peer, goal.metric)
        if not values:
            continue
        digits = 0 if goal.unit in ("/s", "") and goal.metric != "memory_after_ratio" else 2
        cells = [goal.title, f"{_spread(values, digits)} {goal.unit}".strip()]
        for bound in (goal.least, goal.aim):
            judged = bound and _judge(result, goal, bound)
            cells += [judged[0], judged[1], "yes" if judged[2] else "**no**"] if judged else ["", "", ""]
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
