"""What the documents promise: links lead somewhere, examples are valid, the table of keys is the program's own."""

import json
import re
import subprocess

import programs
import pytest
from programs import PROJECT

DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])


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


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readmes_configuration_is_valid(tmp_path, name):
    examples = re.findall(r"```json\n(.*?)```", (PROJECT / name).read_text(), re.DOTALL)
    assert examples
    for example in examples:
        result = check_config(tmp_path, example)
        assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
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
