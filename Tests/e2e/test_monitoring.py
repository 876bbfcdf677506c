"""What is built on the metrics, with the real Prometheus: it scrapes, the alerts' rules run, and neither they nor the dashboard name
a metric, a label or a label's value that the gateway does not have."""

import json
import re
import shutil
import subprocess

import httpx
import programs
import pytest
from chat import stream
from programs import PROJECT

FOLDER = PROJECT / "config/prometheus"
DASHBOARD = PROJECT / "config/grafana/xtgateway.json"

pytestmark = pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian's package) is not installed")

# A metric with its labels' conditions, if there are any; the words of PromQL have no such prefix.
SELECTOR = re.compile(r"\b((?:xtgateway|process)_[a-z_]+|up)\b(?:\{([^}]*)\})?")
CONDITION = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
GROUPING = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
# What Prometheus and Grafana put there.
OTHERS = {"instance", "job", "le"}
# Statuses and calls appear when they happen, and accounts and reasons are the operator's.
OPEN_LABELS = {"status", "account", "call", "outcome", "worker"}


def promtool(*arguments):
    return subprocess.run(["promtool", *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=60)


def rules():
    text = (FOLDER / "alerts.yml").read_text()
    found = re.findall(r"- alert: (\S+)\n\s+expr: (?:\|\n((?:\s{10,}.*\n)+)|(.*)\n)", text)
    assert len(found) == text.count("- alert:")
    return {name: " ".join((block or line).split()) for name, block, line in found}


def queries():
    """Every expression of the dashboard: panels', annotations' and variables'."""
    board = json.loads(DASHBOARD.read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel.get("targets", [])]
    found += [annotation["expr"] for annotation in board["annotations"]["list"] if "expr" in annotation]
    variables = [variable["query"]["query"] for variable in board["templating"]["list"] if variable["type"] == "query"]
    return found + [re.fullmatch(r"label_values\((\w+), \w+\)", query).group(1) for query in variables]


class Prometheus(programs.Program):
    def __init__(self, folder, targets):
        folder.mkdir()
        self.port = programs.free_port()
        text = (FOLDER / "prometheus.yml").read_text()
        for old, new in [('["127.0.0.1:18000", "127.0.0.1:18001"]', json.dumps(targets)), ("interval: 15s", "interval: 1s")]:
            assert old in text
            text = text.replace(old, new)
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(FOLDER / "alerts.yml", folder)
        super().__init__(folder, "prometheus", [
            "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"])
        programs.wait_until(self._ready, "Prometheus", 60)

    def _ready(self):
        assert self.running, self.err
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def api(self, path, **parameters):
        answer = httpx.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=parameters, timeout=20).json()
        assert answer["status"] == "success", f"{parameters}: {answer}"
        return answer["data"]

    def query(self, expression):
        return self.api("query", query=expression)["result"]


@pytest.fixture(scope="module")
def scraped(simulator, tmp_path_factory):
    """Prometheus after it has seen a gateway that did and suffered what there is to count."""
    folder = tmp_path_factory.mktemp("monitoring")
    port = programs.free_port()
    config = {
        "cookies": [{"name": "first", "authorization": simulator.web_token()}], "upstream": {"base_url": simulator.url},
        "metrics": {"listen": f"127.0.0.1:{port}"},
    }
    gateway = programs.Gateway(folder / "gateway", config).await_health().await_models()
    stream(gateway, "@say 20")
    stream(gateway, "@fault error-after=2 @say 5")
    prometheus = Prometheus(folder / "prometheus", [f"127.0.0.1:{port}"])

    def targets():
        return [target["health"] for target in prometheus.api("targets")["activeTargets"]]

    programs.wait_until(lambda: targets() == ["up"], "a scrape", 30)
    programs.wait_until(lambda: prometheus.query("xtgateway_pieces_total"), "a sample", 30)
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    yield prometheus, page
    prometheus.stop()
    gateway.end()


def test_the_configuration_is_valid():
    assert (done := promtool("check", "config", "prometheus.yml")).returncode == 0, done.stderr
    assert (done := promtool("check", "rules", "alerts.yml")).returncode == 0, done.stderr


def test_every_alert_fires_when_it_should_and_only_then():
    assert (done := promtool("test", "rules", "alerts.test.yml")).returncode == 0, done.stdout + done.stderr
    tested = set(re.findall(r"alertname: (\w+)", (FOLDER / "alerts.test.yml").read_text()))
    assert tested == set(rules())


def test_the_rules_run(scraped):
    prometheus, _ = scraped

    def ran():
        found = [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
        return found if all(rule["health"] != "unknown" for rule in found) else None

    found = programs.wait_until(ran, "the rules' first run", 30)
    assert {rule["name"] for rule in found} == set(rules())
    assert [(rule["name"], rule["lastError"]) for rule in found if rule["health"] != "ok"] == []


def families(page):
    """Names of samples by their family's declaration: a histogram has three."""
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", page, re.MULTILINE):
        names |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return names


def mistakes(prometheus, page, expression):
    """What an expression asks for that is not there."""
    known = families(page) | {"up"}
    for name, conditions in SELECTOR.findall(expression):
        if name not in known:
            yield f"{name} is no metric"
            continue
        for label, operator, value in CONDITION.findall(conditions):
            wanted = f'{label}{operator}"{value}"' if label not in OTHERS | OPEN_LABELS and "$" not in value else f'{label}=~".+"'
            # What failed through the gateway's own fault never happened here, but its row is there.
            if not prometheus.query(f"{name}{{{wanted}}}"):
                yield f"{name} has no {wanted}"
    names = {name for name, _ in SELECTOR.findall(expression)} & known
    for label in {label.strip() for group in GROUPING.findall(expression) for label in group.split(",")} - {""} - OTHERS:
        if not any(prometheus.query(f'{name}{{{label}=~".+"}}') for name in names):
            yield f"none of {sorted(names)} has the label {label}"


def test_alerts_name_what_there_is(scraped):
    assert {name: found for name, expression in rules().items() if (found := list(mistakes(*scraped, expression)))} == {}


def test_the_dashboard_names_what_there_is(scraped):
    prometheus, page = scraped
    expressions = queries()
    assert len(expressions) > 30
    assert {expression: found for expression in expressions if (found := list(mistakes(prometheus, page, expression)))} == {}
    for expression in expressions:
        # With Grafana's variables filled in, Prometheus understands it.
        prometheus.query(expression.replace("$__rate_interval", "1m").replace("$instance", ".*"))


def test_the_dashboard_shows_every_metric():
    """Whatever is worth counting is worth showing."""
    shown = {re.sub(r"_(bucket|sum|count)$", "", name) for expression in queries() for name, _ in SELECTOR.findall(expression)}
    from test_metrics import FAMILIES, PROCESS

    assert {f"xtgateway_{name}" for name in FAMILIES} | set(PROCESS) <= shown


@pytest.mark.parametrize("expression", [
    "xtgateway_requests", 'xtgateway_account_state{state="reddy"}', "sum by (modell) (xtgateway_pieces_total)",
    'xtgateway_failures_total{why="upstream"}'])
def test_a_wrong_name_would_be_found(scraped, expression):
    assert list(mistakes(*scraped, expression))
