"""Everything the tests saw of gateways (logs, error answers, operators' pages, command lines), and every secret that they used. The last
test looks for the one in the other."""

import json
import pathlib
import re
import subprocess
import tempfile

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="xtgateway-evidence-"))
# Files to look through, and what may stand in each although it is a secret elsewhere: an account's name is no secret.
FILES = {}
SECRETS = set()
TEXTS = set()

# A message's text is looked for where it is long enough to be nobody else's, and plain enough to look the same in every log format.
PLAIN = re.compile(r"[A-Za-z0-9 .:@=_-]{20,}")
# In configuration objects.
SECRET_MEMBERS = {"authorization", "password", "key", "admin_key"}


def record(name, data):
    """Keeps bytes that a gateway has written."""
    path = FOLDER / name
    with open(path, "ab") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
        file.write(b"\n")
    FILES.setdefault(path, set())


def answer(status, path, body):
    """Keeps an answer of which no part is a model's."""
    if status >= 400 or path.startswith(("/metrics", "/admin", "/health")):
        record("answers", body)


def text(value):
    if isinstance(value, str):
        TEXTS.update(PLAIN.findall(value))
    return value


def configuration(config, environment=None):
    """Notes the secrets of a configuration; returns its accounts' names."""
    names = set()

    def look(value):
        if isinstance(value, dict):
            SECRETS.update(secret for name, secret in value.items() if name in SECRET_MEMBERS and isinstance(secret, str) and secret)
            SECRETS.update(key for key in value.get("api_keys") or [] if isinstance(key, str))
            names.update(cookie.get("name") for cookie in value.get("cookies") or [] if isinstance(cookie, dict))
            for part in value.values():
                look(part)
        elif isinstance(value, list):
            for part in value:
                look(part)

    look(config)
    for name, value in (environment or {}).items():
        member = name.removeprefix("XTGATEWAY_").lower()
        try:
            look({member: json.loads(value)})
        except ValueError:
            look({member.replace("metrics_key", "key"): value})
    return names - {None}


def found(files=None, secrets=None):
    """[(file, secret)] of all that stands where it must not."""
    files = FILES if files is None else files
    wanted = sorted(SECRETS | TEXTS if secrets is None else secrets)
    patterns = FOLDER / "patterns"
    patterns.write_text("".join(f"{value}\n" for value in wanted))
    present = [path for path in files if path.exists()]
    # The longest at each place: "token-1" is not seen in "token-17".
    result = subprocess.run(["grep", "-aoHF", "-f", patterns, "--", *present], capture_output=True, env={"LC_ALL": "C"})
    assert result.returncode in (0, 1), result.stderr
    hits = set()
    for line in set(result.stdout.splitlines()):
        path, _, secret = line.decode(errors="replace").partition(":")
        if secret not in files[pathlib.Path(path)]:
            hits.add((path, secret))
    return sorted(hits)
