"""Fetching MNIST through a proxy that drops connections: right bytes, or one message and nothing left."""

import gc
import gzip
import re
import ssl
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from chapter6.data import fetching, mirrors
from chapter6.data.sets import MNIST, DataError
from chapter6.data.storage import sha256
from data.conftest import checksums, extract, hasty, originals, server, wanted
from data.test_fetching import contents, damaged

from .proxies import Proxy, always, at_first, at_first_of_each, at_random, running

__all__ = ["checksums", "extract", "hasty", "originals", "server", "wanted"]

MIRROR = "http://mirror.invalid"  # no name server knows it: what comes, comes through the proxy
FIRST = MNIST.files["train-images"]


@pytest.fixture
def behind(server, monkeypatch):
    """Returns a context: the server can only be reached through a proxy that drops connections as told."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)

    def proxied(drops):
        proxy = Proxy(("127.0.0.1", server.server_port), drops)
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        return running(proxy)

    return proxied


@pytest.fixture
def fetch(wanted, hasty):
    return partial(fetching.fetch, wanted=wanted, patience=hasty)


@pytest.mark.parametrize("rest", [-1, 0, 10, 60, 5000], ids=lambda rest: f"after {rest} bytes")
@pytest.mark.parametrize("times", [1, 2])
def test_a_dropped_connection_is_not_the_end(tmp_path, server, extract, fetch, behind, rest, times):
    """The same mirror is asked again, whether an answer had begun or not."""
    server.serve(extract)
    with behind(at_first(rest, times)) as proxy:
        fetch(tmp_path / "mnist", [MIRROR])
    assert proxy.dropped == times
    assert (tmp_path / "mnist" / "digest.json").exists()


@pytest.mark.parametrize("rest", [-1, 0, 10, 60, 5000], ids=lambda rest: f"after {rest} bytes")
def test_a_proxy_that_drops_every_connection_is_one_message(tmp_path, server, extract, fetch, behind, rest):
    server.serve(extract)
    reason = f"{MIRROR}: {FIRST}: .*(cannot be reached|lost|broke off)"
    with behind(always(rest)) as proxy, pytest.raises(DataError, match=reason):
        fetch(tmp_path / "mnist", [MIRROR], cache=tmp_path / "cache")
    assert 1 <= proxy.dropped <= 3
    assert not list(tmp_path.iterdir())


def test_every_failure_of_a_mirror_is_named_behind_the_proxy_too(tmp_path, server, extract, fetch, behind):
    """Those of data/test_fetching.py; the first connection for each file is dropped, and each mirror named twice."""
    bad = {
        mirror.replace(server.url, MIRROR): reason
        for mirror, reason in damaged(server, extract).items()
        if mirror.startswith(server.url)
    }
    assert len(bad) >= 9
    with behind(at_first_of_each(60)) as proxy, pytest.raises(DataError) as caught:
        fetch(tmp_path / "mnist", [*bad, *bad], cache=tmp_path / "cache")
    assert proxy.dropped >= len(bad)
    for mirror, reason in bad.items():
        assert re.search(f"  - {re.escape(mirror)}: {FIRST}: .*{reason}", str(caught.value)), caught.value
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_what_comes_through_is_whole_wherever_connections_drop(tmp_path, server, extract, fetch, behind, share):
    """A failed attempt leaves its whole files in the cache, so that attempts add up."""
    server.serve(extract)
    cache = tmp_path / "cache"
    outcomes = []
    for seed in range(15):
        target = tmp_path / f"mnist-{seed}"
        with behind(at_random(seed, share, longest=40_000)):
            try:
                fetch(target, [MIRROR, MIRROR], cache=cache)
            except DataError as error:
                assert str(error).count(f"  - {MIRROR}") == 2  # noqa: PT017  # the message of one of many attempts
                assert not target.exists()
        outcomes.append(target.exists())
        for file in cache.glob("*") if cache.exists() else ():
            assert file.stem == sha256(file.read_bytes())
        if outcomes[-1]:
            for file in cache.iterdir():
                file.unlink()
    whole = [contents(tmp_path / f"mnist-{seed}") for seed, done in enumerate(outcomes) if done]
    assert all(content == whole[0] for content in whole)
    assert len(whole) > 5


@pytest.mark.parametrize("layers", [1, 2])
def test_a_body_that_unpacks_on_the_way_is_cut(tmp_path, server, fetch, monkeypatch, layers):
    """Compressed by its header: an honest mirror has no reason to, and nothing is asked for that way."""
    monkeypatch.setattr(mirrors, "LARGEST", 2**20)
    body = bytes(2**26)
    for _ in range(layers):
        body = gzip.compress(body)

    def behave(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", ", ".join(["gzip"] * layers))
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.on(f"/{FIRST}.gz", behave)
    with pytest.raises(DataError, match="larger than 1048576 bytes"):
        fetch(tmp_path / "mnist", [server.url])


@pytest.fixture
def secure(server, extract, tmp_path, monkeypatch):
    """The address of the same server behind TLS, for a certificate that we sign ourselves."""
    server.serve(extract)
    names = certificate(tmp_path / "tls.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "tls.pem"))
    return f"https://{names}"


# Python's ssl leaves a socket open that is reset before its handshake begins.
@pytest.mark.filterwarnings("ignore:.*SSLSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("rest", [-1, 0, 100, 5000], ids=lambda rest: f"after {rest} bytes")
def test_a_tunnel_that_drops_is_not_the_end_of_the_study(tmp_path, secure, fetch, behind, rest):
    """The same mirror is asked again, wherever the connection broke."""
    with behind(at_first(rest)) as proxy:
        fetch(tmp_path / "mnist", [secure])
    assert proxy.dropped == 1
    assert (tmp_path / "mnist" / "digest.json").exists()
    gc.collect()  # such a socket is complained of here and not in a later test


def certificate(path):
    """Write a key and its certificate for a name; return the name."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, host = ec.generate_private_key(ec.SECP256R1()), "mirror.invalid"
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return host
