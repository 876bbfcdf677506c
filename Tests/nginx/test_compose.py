"""docker/compose.yaml, as far as it can be told without Docker: what its nginx is given, and the files' form."""

import json
import os
import re
import shutil
import subprocess

import programs
import pytest
from proxy import temporary

DOCKER = programs.PROJECT / "docker"


def compose():
    """The command that checks a file, if there is one: `docker compose`, or its predecessor, which knows no `name` yet."""
    if shutil.which("docker") and subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


@pytest.mark.skipif(compose() is None, reason="docker compose is not installed")
@pytest.mark.parametrize("arguments", [[], ["--env-file", "demo.env", "--profile", "demo"]], ids=["alone", "demo"])
def test_the_file_is_valid(tmp_path, arguments):
    text = (DOCKER / "compose.yaml").read_text()
    (tmp_path / "compose.yaml").write_text(text.replace("name: xtgateway\n", "", 1) if compose() == ["docker-compose"] else text)
    for name in ("demo.env",):
        shutil.copy(DOCKER / name, tmp_path)
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run([*compose(), *arguments[:2], "-f", "compose.yaml", *arguments[2:], "config"], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ("http://simulator:8090" in done.stdout) == bool(arguments)


def test_the_demonstrations_values_are_configuration(tmp_path):
    environment = {}
    for line in (DOCKER / "demo.env").read_text().splitlines():
        if line.startswith("XTGATEWAY_"):
            key, value = line.split("=", 1)
            environment[key] = value.strip("'")
    done = subprocess.run([programs.GATEWAY, "check-config"], cwd=tmp_path, env={"XTGATEWAY_HOST": "0.0.0.0", **environment},
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["upstream"]["base_url"] == "http://simulator:8090"


def test_a_container_may_drain(tmp_path):
    shown = subprocess.run([programs.GATEWAY, "check-config"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=20)
    grace = int(re.search(r"stop_grace_period: (\d+)s", (DOCKER / "compose.yaml").read_text()).group(1))
    assert grace >= json.loads(shown.stdout)["shutdown_timeout_seconds"] + 5


def test_nginx_takes_what_its_image_makes_of_the_projects_file(tmp_path):
    """Of the names alone something has to be replaced here: nobody resolves `gateway`, and Debian's nginx does so at the start only."""
    made, tls = tmp_path / "xtgateway.conf", tmp_path / "tls"
    subprocess.run([DOCKER / "nginx/40-xtgateway.sh"], check=True, capture_output=True, timeout=30, env={
        "PATH": os.environ["PATH"], "XTGATEWAY_FROM": str(programs.PROJECT / "config/nginx/xtgateway.conf"), "XTGATEWAY_TO": str(made),
        "XTGATEWAY_TLS": str(tmp_path / "none"), "XTGATEWAY_OWN_TLS": str(tls)})
    text = made.read_text()
    assert text.startswith("resolver 127.0.0.11") and text.count("server gateway:8000 resolve max_fails") == 1 and "127.0.0.1:80" not in text
    assert "access_log /dev/stdout" in text and (tls / "fullchain.pem").exists()
    made.write_text(text.replace("server gateway:8000 resolve", "server 127.0.0.1:8000"))
    main = (DOCKER / "nginx/nginx.conf").read_text()
    for old, new in [("user nginx;", ""), ("/run/nginx.pid", f"{tmp_path}/pid"), ("/etc/nginx/conf.d", str(tmp_path)),
                     ("include /etc/nginx/mime.types;", ""), ("http {", f"http {{ {temporary(tmp_path)}")]:
        assert old in main
        main = main.replace(old, new)
    (tmp_path / "nginx.conf").write_text(main)
    done = subprocess.run(["nginx", "-t", "-e", "/dev/stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
