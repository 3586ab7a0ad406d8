"""Prints a JWT signed by RS256, as an identity provider gives it: KEY SECONDS [AUDIENCE]. What it is started for is noted beside the key."""

import base64
import json
import subprocess
import sys
import time
from pathlib import Path


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwks(key):
    """The public half of the key as a set of JSON Web Keys (RFC 7517)."""
    modulus = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-modulus"], check=True, capture_output=True, text=True).stdout
    number = bytes.fromhex(modulus.strip().partition("=")[2])
    return json.dumps({"keys": [{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": encode(number), "e": "AQAB"}]})


def make(key, seconds, audience="kafka"):
    now = int(time.time())
    head = {"alg": "RS256", "kid": "1", "typ": "JWT"}
    claims = {"sub": "gateway", "aud": audience, "iss": "test", "iat": now, "exp": now + seconds}
    text = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text.encode(), check=True, capture_output=True).stdout
    return f"{text}.{encode(signature)}"


if __name__ == "__main__":
    with open(Path(sys.argv[1]).with_suffix(".runs"), "a", encoding="ascii") as runs:
        runs.write("run\n")
    print(make(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
