"""A result as a chart: one panel a question, one bar a peer. SVG by hand, since that is less than any library would need."""
import statistics
from html import escape

# Scenario, metric, title, unit, digits.
PANELS = [
    ("paced", "cpu_us_per_chunk", "CPU per chunk: 1,000 streams, one every 50 ms", "µs", 1),
    ("open-9500", "cpu_us_per_chunk", "CPU per chunk: 9,500 streams, one every 500 ms", "µs", 1),
    ("flood", "cpu_us_per_chunk", "CPU per chunk: 64 streams at full speed", "µs", 2),
    ("bulk", "cpu_us_per_chunk", "the same, 16 chunks a write", "µs", 2),
    ("kept", "cpu_us_per_request", "CPU per short request, conversation goes on", "µs", 1),
    ("new", "cpu_us_per_request", "CPU per short request, new conversation", "µs", 1),
    ("open-9500", "kib_per_stream", "memory per open stream, 9,500 streams", "KiB", 1),
    ("paced", "idle_mib", "resident memory when idle", "MiB", 1),
    ("latency", "latency_p99_ms", "latency of a chunk, 1,000 streams, p99", "ms", 2),
    ("open-9500", "latency_p99_ms", "latency of a chunk, 9,500 streams, p99", "ms", 2),
]
NAMES = {"gateway": "xtgateway", "floor": "C floor", "twin": "Python twin", "direct": "no peer"}
COLOURS = {"gateway": "#0f766e", "nginx": "#64748b", "haproxy": "#94a3b8", "floor": "#cbd5e1", "twin": "#b45309", "direct": "#e2e8f0"}

WIDTH, MARGIN, GAP, HEAD = 1000, 28, 24, 88
PANEL = (WIDTH - 2 * MARGIN - GAP) / 2
LABEL, VALUE, ROW, TITLE, PADDING = 88, 96, 24, 40, 16


def text(x, y, content, *, size=12, colour="#334155", anchor="start", weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}" font-weight="{weight}">'
            f"{escape(content)}</text>")


def scale_of(bars):
    """The longest bar that is drawn to scale: one far beyond the others is cut, so that they can be told apart."""
    longest = sorted((max(values) for _, values in bars), reverse=True)
    return longest[1] * 1.25 if len(longest) > 2 and longest[0] > 2.5 * longest[1] else longest[0]


def bar(x, y, width, peer, values, scale, unit, digits):
    value = statistics.median(values)
    length = min(value / scale, 1.0) * width
    parts = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(length, 1):.1f}" height="15" rx="2" fill="{COLOURS.get(peer, "#94a3b8")}"/>']
    if value > scale:
        cut = x + width * 0.86
        parts.append(f'<path d="M{cut:.1f} {y - 2:.1f} l5 6 l-5 6 l5 7 h6 l-5 -7 l5 -6 l-5 -6 z" fill="#ffffff"/>')
    elif len(values) > 1:
        low, high = x + min(values) / scale * width, x + min(max(values) / scale, 1.0) * width
        middle = y + 7.5
        parts.append(f'<path d="M{low:.1f} {middle:.1f} H{high:.1f} M{low:.1f} {middle - 3:.1f} v6 M{high:.1f} {middle - 3:.1f} v6" '
                     'stroke="#0f172a" stroke-width="1" fill="none"/>')
    own = peer == "gateway"
    parts.append(text(x - 8, y + 12, NAMES.get(peer, peer), anchor="end", weight="bold" if own else "normal",
                      colour="#0f172a" if own else "#475569"))
    parts.append(text(x + width + 8, y + 12, f"{value:,.{digits}f} {unit}", weight="bold" if own else "normal",
                      colour="#0f172a" if own else "#475569"))
    return parts


def panel(x, y, height, title, bars, unit, digits):
    parts = [f'<rect x="{x:.1f}" y="{y:.1f}" width="{PANEL:.1f}" height="{height:.1f}" rx="8" fill="#ffffff" stroke="#e2e8f0"/>',
             text(x + PADDING, y + 25, title, size=13, colour="#0f172a", weight="bold")]
    scale = scale_of(bars) or 1
    left, width = x + PADDING + LABEL, PANEL - 2 * PADDING - LABEL - VALUE
    for index, (peer, values) in enumerate(bars):
        parts += bar(left, y + TITLE + index * ROW, width, peer, values, scale, unit, digits)
    return parts


def svg(result):
    panels = []
    for scenario, metric, title, unit, digits in PANELS:
        bars = [(peer, values) for peer in result.rows.get(scenario, {}) if (values := result.values(scenario, peer, metric))]
        # The tools' own cost is no peer's.
        bars = [each for each in bars if each[0] != "direct" or metric.startswith("latency")]
        if bars:
            panels.append((title, bars, unit, digits))
    y, parts = HEAD, []
    for index in range(0, len(panels), 2):
        pair = panels[index:index + 2]
        height = TITLE + ROW * max(len(bars) for _, bars, _, _ in pair) + 8
        for column, (title, bars, unit, digits) in enumerate(pair):
            parts += panel(MARGIN + column * (PANEL + GAP), y, height, title, bars, unit, digits)
        y += height + GAP
    environment, begun = result.data["environment"], result.data["begun"]
    line = (f"{begun[:4]}-{begun[4:6]}-{begun[6:8]}, {environment['cpus']} × {environment['cpu']}, one core for the peer; medians of {result.repetitions()} "
            "interleaved repetitions, whiskers: smallest and largest. Shorter is better.")
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 4:.0f}" width="{WIDTH}" height="{y + 4:.0f}" '
            'font-family="Inter, Helvetica, Arial, DejaVu Sans, sans-serif">',
            f'<rect width="{WIDTH}" height="{y + 4:.0f}" fill="#f8fafc"/>',
            text(MARGIN, 40, "XTGateway beside its peers", size=22, colour="#0f172a", weight="bold"),
            text(MARGIN, 64, line, size=12, colour="#64748b")]
    return "\n".join(head + parts + ["</svg>"]) + "\n"
