"""A certificate authority for one test run, made by the openssl command."""

import pathlib
import ssl
import subprocess


class Authority:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"index.txt": "", "serial": "01\n", "ca.cnf": self._settings()}.items():
            (self.folder / name).write_text(text)
        self.file = self.folder / "ca.pem"
        self._run("req", "-x509", *self._key("ca"), "-out", self.file, "-subj", "/CN=Authority of the tests", "-days", "2")

    def _settings(self):
        return (
            "[ca]\ndefault_ca=own\n[own]\n"
            f"database={self.folder}/index.txt\nserial={self.folder}/serial\nnew_certs_dir={self.folder}\n"
            f"certificate={self.folder}/ca.pem\nprivate_key={self.folder}/ca.key\n"
            "default_md=sha256\npolicy=any\ncopy_extensions=copy\nunique_subject=no\n[any]\ncommonName=supplied\n"
        )

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.folder / f"{name}.key"]

    def _run(self, *arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    def issue(self, name, host="IP:127.0.0.1", dates=("20200101000000Z", "20991231235959Z"), signed=True):
        """(certificate's file, key's file)."""
        certificate, request = self.folder / f"{name}.pem", self.folder / f"{name}.csr"
        subject = ["-subj", f"/CN={name}", "-addext", f"subjectAltName={host}"]
        if signed:
            self._run("req", "-new", *self._key(name), "-out", request, *subject)
            times = ["-startdate", dates[0], "-enddate", dates[1]]
            self._run("ca", "-batch", "-config", self.folder / "ca.cnf", "-in", request, "-out", certificate, "-notext", *times)
        else:
            self._run("req", "-x509", *self._key(name), "-out", certificate, *subject, "-days", "2")
        return certificate, self.folder / f"{name}.key"

    def context(self, *arguments, **more):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*arguments, **more))
        return context
