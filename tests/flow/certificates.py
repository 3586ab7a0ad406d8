"""Certificates for tests, made by openssl as needed. They live as long as their folder."""

import subprocess


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]


class Authority:
    """A certificate authority of its own: the certificate in .certificate, what it issues in its folder."""

    def __init__(self, folder, name):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        openssl("req", "-x509", *NEW_KEY, "-nodes", "-days", 2, "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def issue(self, name, hosts="", expired=False, passphrase=None):
        """Makes a key and a certificate for NAME; returns their paths. hosts: as in 'DNS:localhost,IP:127.0.0.1'. A passphrase
        encrypts the key."""
        certificate, key, request = (self.folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        cipher = ["-passout", f"pass:{passphrase}"] if passphrase else ["-nodes"]
        openssl("req", *NEW_KEY, *cipher, "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts or 'DNS:' + name}\n")
        # OpenSSL 3.5 makes no certificate that ends in the past; the last second counts as expired (X509_cmp_time(3)).
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                "-days", 0 if expired else 2, "-extfile", extensions, "-out", certificate)
        key.chmod(0o600)
        return certificate, key
