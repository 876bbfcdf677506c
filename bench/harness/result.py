"""The rows of a result, and what they come to: medians, spread, ratios, added latency."""
import statistics


def number(value, digits=1):
    return "–" if value is None else f"{value:,.{digits}f}"


class Result:
    """The rows by scenario and peer, in the order in which they ran."""

    def __init__(self, data):
        self.data, self.rows = data, {}
        for row in data["rows"]:
            self.rows.setdefault(row["scenario"], {}).setdefault(row["peer"], []).append(row)
        for by_peer in self.rows.values():
            for peer, rows in by_peer.items():
                # Without the same repetition's `direct`: what slows the machine down slows both.
                for row, direct in zip(rows, by_peer.get("direct", [])) if peer != "direct" else ():
                    self._add_latency(row, direct)

    @staticmethod
    def _add_latency(row, direct):
        for quantile in ("p50", "p95", "p99"):
            mine, base = row.get(f"latency_{quantile}_ms"), direct.get(f"latency_{quantile}_ms")
            if mine is not None and base is not None:
                row[f"added_{quantile}_us"] = (mine - base) * 1000

    def values(self, scenario, peer, metric):
        rows = self.rows.get(scenario, {}).get(peer, [])
        return [row[metric] for row in rows if row.get(metric) is not None]

    def median(self, scenario, peer, metric):
        values = self.values(scenario, peer, metric)
        return statistics.median(values) if values else None

    def ratios(self, scenario, peer, base, metric):
        """By repetition, since what slows the machine down slows both."""
        return [mine / theirs for mine, theirs in self.pairs(scenario, peer, base, metric) if theirs > 0]

    def pairs(self, scenario, peer, base, metric):
        """Both peers' values of the same repetition, where both have one."""
        rows = self.rows.get(scenario, {})
        pairs = [(mine.get(metric), theirs.get(metric)) for mine, theirs in zip(rows.get(peer, []), rows.get(base, []))]
        return [pair for pair in pairs if None not in pair]

    def noise(self, scenario, quantile):
        """How far `direct` itself is apart in the repetitions, in µs: a difference to it that is smaller says nothing."""
        values = self.values(scenario, "direct", f"latency_{quantile}_ms")
        return (max(values) - min(values)) * 1000 if len(values) > 1 else None

    def repetitions(self):
        """"5", or "2 to 5" where the scenarios differ."""
        counts = sorted({len(rows) for by_peer in self.rows.values() for rows in by_peer.values()}) or [0]
        return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"

    def loads(self):
        loads = [row["load_average"] for row in self.data["rows"]]
        return (min(loads), statistics.median(loads), max(loads)) if loads else (0, 0, 0)


def spread(values, digits):
    if not values:
        return "–"
    text = number(statistics.median(values), digits)
    return text if len(values) == 1 else f"{text} ({number(min(values), digits)} to {number(max(values), digits)})"
