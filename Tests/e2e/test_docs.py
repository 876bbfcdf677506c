"""What the documents promise: links lead somewhere, examples are valid, the table of keys is the program's own."""

import json
import re
import subprocess
import sys

import programs
import pytest
from programs import PROJECT
from test_metrics import FAMILIES, PROCESS

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
READMES = ["README.md", "README.zh-CN.md"]
OPERATIONS = "docs/operations.md"


def check_config(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    return subprocess.run([programs.GATEWAY, "check-config"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_example_configuration_is_valid(tmp_path):
    result = check_config(tmp_path, (PROJECT / "config/config.example.json").read_text())
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_configuration_is_valid(tmp_path, name):
    examples = re.findall(r"```json\n(.*?)```", (PROJECT / name).read_text(), re.DOTALL)
    assert examples
    for example in examples:
        result = check_config(tmp_path, example)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_keys_exist_with_these_defaults(tmp_path, name):
    shown = json.loads(check_config(tmp_path, "{}").stdout)
    # One key a row, and a default that is a number or a list.
    rows = re.findall(r"^\| `([a-z_.]+)` \| `?(\d+|\[[^|`]*\])`? \|", (PROJECT / name).read_text(), re.MULTILINE)
    assert len(rows) >= 5
    for key, default in rows:
        value = shown
        for part in key.split("."):
            value = value[part]
        assert value == json.loads(default), key


def test_the_table_of_keys_is_the_programs_own():
    documented = subprocess.run([programs.GATEWAY, "config-docs"], env={}, capture_output=True, text=True, timeout=20)
    assert documented.returncode == 0
    assert documented.stdout.strip() in (PROJECT / "docs/configuration.md").read_text()


def blocks(name, language):
    return re.findall(rf"^```{language}\n(.*?)^```", (PROJECT / name).read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", [*READMES, OPERATIONS])
def test_settings_within_the_text_are_valid(tmp_path, name):
    found = re.findall(r'`(\{?"[a-z_]+": [^`]+)`', (PROJECT / name).read_text())
    assert found
    for setting in found:
        result = check_config(tmp_path, setting if setting.startswith("{") else f"{{{setting}}}")
        assert result.returncode == 0, f"{setting}\n{result.stderr}"


# ---- commands ----
@pytest.mark.parametrize("name", [*READMES, OPERATIONS, "CONTRIBUTING.md"])
def test_commands_can_be_pasted(name):
    """What no test runs is at least a command, and the targets, scripts and files that it names exist."""
    commands = "\n".join(blocks(name, "sh"))
    assert commands
    parsed = subprocess.run(["bash", "-n"], input=commands, capture_output=True, text=True, timeout=20)
    assert parsed.returncode == 0, parsed.stderr
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)
    assert [target for target in re.findall(r"\bmake ([a-z-]+)", commands) if target not in targets] == []
    files = set(re.findall(r"(?<![\w./-])((?:config|docker|scripts|docs|Tests)/[\w./@-]+)", commands)) - {"config/config.json"}
    assert [file for file in files if not (PROJECT / file).exists()] == []


@pytest.mark.parametrize("name", [*READMES, OPERATIONS])
def test_subcommands_exist(name):
    known = subprocess.run([programs.GATEWAY, "--help"], capture_output=True, text=True, timeout=20).stdout
    named = set(re.findall(r"\bxtgateway ((?:[a-z]+-)?[a-z]+)`", (PROJECT / name).read_text()))
    assert named and [command for command in named if f" {command} " not in known] == []


@pytest.fixture
def demonstration(start_gateway):
    """A gateway as `make run` starts it, but for its port."""
    return start_gateway(api_keys=["sk-local-demo"], ready=False)


def at_the_port_of(gateway, text):
    assert "http://127.0.0.1:8000" in text
    return text.replace("http://127.0.0.1:8000", gateway.url)


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_first_request(demonstration, name):
    demonstration.key = "sk-local-demo"
    demonstration.await_models()
    [command] = [block for block in blocks(name, "sh") if block.startswith("curl -N")]
    done = subprocess.run(["bash", "-c", at_the_port_of(demonstration, command)], capture_output=True, text=True, timeout=30)
    assert done.stdout.rstrip().endswith("data: [DONE]"), done.stdout + done.stderr


@pytest.mark.parametrize("name", READMES)
def test_the_readmes_programs(demonstration, name):
    demonstration.key = "sk-local-demo"
    demonstration.await_models()
    found = blocks(name, "python")
    assert len(found) == 2
    for program in found:
        done = subprocess.run([sys.executable, "-c", at_the_port_of(demonstration, program)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stdout.strip(), done.stderr


# ---- the documents among themselves ----
def test_the_readmes_are_in_step():
    """The same headings, tables, links and commands; only the language differs."""

    def shape(name):
        text = (PROJECT / name).read_text()
        rows = re.findall(r"^\|.*\|$", text, re.MULTILINE)
        return {
            "headings": [len(marks) for marks in re.findall(r"^(#+) ", text, re.MULTILINE)],
            "rows": [row.count(" | ") for row in rows],
            "links": sorted(link for link in re.findall(r"\]\(([^)#]+)", text) if not link.startswith("README")),
            "sh": [block for block in blocks(name, "sh") if "#" not in block and "curl -N" not in block],
            "names": sorted(set(re.findall(r"`([A-Za-z0-9_./:=-]{4,})`", text))),
        }

    english, chinese = shape(READMES[0]), shape(READMES[1])
    for part in english:
        assert english[part] == chinese[part], part


def test_every_alert_has_its_remedy():
    alerts = re.findall(r"- alert: (\w+)", (PROJECT / "config/prometheus/alerts.yml").read_text())
    remedies = re.findall(r"^\| `(XTGateway\w+)` \|", (PROJECT / OPERATIONS).read_text(), re.MULTILINE)
    assert alerts == remedies


def test_metrics_in_the_documents_exist():
    known = {f"xtgateway_{name}" for name in FAMILIES} | set(PROCESS)
    for document in DOCUMENTS:
        named = set(re.findall(r"`(xtgateway_[a-z_]+|process_[a-z_]+)", document.read_text()))
        assert named <= known, f"{document.name}: {named - known}"


def test_the_templates_drop_in_is_the_one_that_is_tested():
    [line] = re.findall(r"printf '(.*)' \| sudo tee", (PROJECT / OPERATIONS).read_text())
    tested = (PROJECT / "Tests/nginx/test_service.py").read_text()
    assert line.replace("%%", "%") in tested


@pytest.mark.parametrize("name", ["testing.md", "threat-model.md"])
def test_the_tests_that_documents_name_exist(name):
    text = (PROJECT / "docs" / name).read_text()
    files = {path.name: path.read_text() for path in (PROJECT / "Tests").rglob("test_*.py")}
    swift = {path.stem: path.read_text() for path in (PROJECT / "Tests").rglob("*.swift")}
    suites = {suite: source for source in swift.values() for suite in re.findall(r"struct (\w+Tests)\b", source)}
    named = re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", text)
    assert named
    for file, test in named:
        assert file in files and (not test or f"def {test}(" in files[file]), f"{file}::{test}"
    for suite, test in re.findall(r"`(\w+Tests)(?:/(\w+))?`", text):
        assert suite in suites and (not test or f"func {test}(" in suites[suite]), f"{suite}/{test}"
