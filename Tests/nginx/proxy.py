"""Debian's nginx with the project's own configuration file, whose addresses and paths alone are replaced."""

import getpass
import pathlib
import signal
import ssl
import subprocess

import httpx
import programs

CONFIGURATION = programs.PROJECT / "config/nginx/xtgateway.conf"

# What is around it: Debian's nginx.conf as far as it matters, with gzip and sendfile as there.
MAIN = """daemon off;
user {user};
worker_processes 2;
worker_rlimit_nofile 8192;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 4096; }}
http {{
    sendfile on;
    tcp_nopush on;
    default_type application/octet-stream;
    types {{ text/event-stream sse; application/json json; }}
    gzip on;
    gzip_types text/plain application/json text/event-stream;
    {temporary}
    include {folder}/xtgateway.conf;
}}
"""


def temporary(folder):
    """Directives that keep what nginx puts down out of the system's folders, which need not exist."""
    return " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))


def make_certificate(folder):
    """A folder with a certificate for 127.0.0.1 under the names that the configuration has."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"],
        check=True, capture_output=True, timeout=20)
    return folder


def substituted(text, replacements):
    for old, new in replacements:
        assert old in text, f"the configuration does not hold {old!r} any more"
        text = text.replace(old, new)
    return text


class Nginx(programs.Program):
    def __init__(self, folder, certificate, gateways):
        folder.mkdir(parents=True)
        self.port, self.certificate, self.folder = programs.free_port(), certificate, folder
        self.url = f"https://127.0.0.1:{self.port}"
        # One gateway stands for both addresses; nginx counts them apart.
        first, second = gateways if len(gateways) == 2 else (gateways[0], gateways[0])
        text = substituted(CONFIGURATION.read_text(), [
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("127.0.0.1:8001", f"127.0.0.1:{second}"),
            ("127.0.0.1:8000", f"127.0.0.1:{first}"),
            ("/etc/ssl/xtgateway", str(certificate)),
            ("/var/log/nginx", str(folder)),
        ])
        (folder / "xtgateway.conf").write_text(text)
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder, temporary=temporary(folder), user=getpass.getuser()))
        super().__init__(folder, "nginx", ["nginx", "-e", folder / "error.log", "-p", folder, "-c", folder / "nginx.conf"])
        programs.wait_until(self._listens, "nginx")

    def _listens(self):
        assert self.running, f"nginx ended at once\n{self.err}{self.errors}"
        try:
            with self.client() as client:
                client.get("/health")
            return True
        except httpx.ConnectError:
            return False

    @property
    def errors(self):
        return (self.folder / "error.log").read_text(errors="replace")

    @property
    def access_log(self):
        return (self.folder / "xtgateway.log").read_text()

    def workers(self):
        pid = self.process.pid
        return set(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def reload(self):
        """As `nginx -s reload`: new workers, the old ones end when their requests have ended."""
        old = self.workers()
        self.process.send_signal(signal.SIGHUP)
        programs.wait_until(lambda: self.workers() - old, "nginx's new workers")

    def stop(self, number=signal.SIGTERM):
        return super().stop(number)

    @property
    def trust(self):
        return ssl.create_default_context(cafile=str(self.certificate / "fullchain.pem"))

    def options(self, **more):
        headers = {"Authorization": f"Bearer {programs.API_KEY}"}
        return {"base_url": self.url, "verify": self.trust, "headers": headers, "timeout": 60, **more}

    def client(self, http2=True, **more):
        return httpx.Client(http2=http2, **self.options(**more))

    def async_client(self, http2=True, **more):
        return httpx.AsyncClient(http2=http2, **self.options(**more))
