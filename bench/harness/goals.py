"""What was reached of what was aimed at."""
import statistics

from .result import number, spread
from .scenarios import GOALS


def _judge_added(result, goal, name, limit):
    """Latency that was added is held against another peer's by the difference, which is defined where the other's is nothing or less; the ratio
    is shown, and both sides, since the ratio of two values within the noise says nothing."""
    pairs = result.pairs(goal.scenario, goal.peer, name, goal.metric)
    if not pairs:
        return None
    mine, theirs = zip(*pairs)
    ratios = result.ratios(goal.scenario, goal.peer, name, goal.metric)
    text = f"{spread(ratios, 2)}: {spread(mine, 1)} against {spread(theirs, 1)} µs"
    noise = result.noise(goal.scenario, goal.metric.split("_")[1])
    if noise is not None and abs(statistics.median(theirs)) <= noise:
        text += f"; {name}'s own is within the {number(noise)} µs by which `direct` differs from itself"
    return f"≤ {limit:g} × {name}", text, statistics.median(each - limit * other for each, other in pairs) <= 0


def _judge(result, goal, bound):
    """What was reached against one bound, in words, and whether it holds; None where it was not measured."""
    name, limit = bound
    values = result.values(goal.scenario, goal.peer, goal.metric)
    if name is None:
        if not values:
            return None
        value = max(values) if goal.metric == "failures" else statistics.median(values)
        return f"≤ {limit:g}", f"{value:.{0 if limit == 0 else 2}f}", value <= limit
    if goal.metric.startswith("added_"):
        return _judge_added(result, goal, name, limit)
    ratios = result.ratios(goal.scenario, goal.peer, name, goal.metric)
    if not ratios:
        return None
    ratio = statistics.median(ratios)
    if limit < 0:
        return f"≥ {-limit:g} × {name}", spread(ratios, 2), ratio >= -limit
    return f"≤ {limit:g} × {name}", spread(ratios, 3 if limit < 0.5 else 2), ratio <= limit


def goals_table(result):
    lines = ["| goal | xtgateway | at least | reached | | aim | reached | |", "|---|---|---|---|---|---|---|---|"]
    for goal in GOALS:
        values = result.values(goal.scenario, goal.peer, goal.metric)
        if not values:
            continue
        digits = 0 if goal.unit in ("/s", "") and goal.metric != "memory_after_ratio" else 3 if goal.unit == "ms" else 2
        cells = [goal.title, f"{spread(values, digits)} {goal.unit}".strip()]
        for bound in (goal.least, goal.aim):
            judged = bound and _judge(result, goal, bound)
            cells += [judged[0], judged[1], "yes" if judged[2] else "**no**"] if judged else ["", "", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
