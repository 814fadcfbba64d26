import hashlib
import http.server
import socket
import subprocess
import sys
import threading
import time

import pytest

from mtframework.data import download
from mtframework.data.download import (
    SourceError,
    check_sha256,
    download_url,
    download_wheel,
)

CONTENT = b"one two three"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/stalls":
            time.sleep(0.6)
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/trickles":
            self.wfile.flush()
            time.sleep(0.6)
        self.wfile.write(CONTENT)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    """The address of a web server on this machine."""
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", 0.3)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class TestURL:
    def test_reads(self, server):
        assert download_url(f"{server}/file", SHA256) == CONTENT

    def test_wrong_checksum(self, server):
        with pytest.raises(SourceError) as raised:
            download_url(f"{server}/file", "0" * 64)
        assert str(raised.value) == (
            f"{server}/file (13 bytes) has the sha256 {SHA256}, not {'0' * 64}"
        )

    def test_refused(self, server):
        with pytest.raises(SourceError, match=r"/missing cannot be read \(HTTP Error 404"):
            download_url(f"{server}/missing", SHA256)

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("stalls", r"(did not answer within 0\.3 seconds|cannot be read \(timed out\))"),
            ("trickles", r"(did not send within 0\.3 seconds|cannot be read \(.*timed out.*\))"),
        ],
    )
    def test_slow(self, server, path, text):
        started = time.monotonic()
        with pytest.raises(SourceError, match=f"{server}/{path} {text}"):
            download_url(f"{server}/{path}", SHA256)
        assert time.monotonic() - started < 2

    def test_name_server_that_does_not_answer(self, monkeypatch, server):
        # The socket's own timeout does not cover the look-up of a name.
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: time.sleep(1) or [])
        with pytest.raises(SourceError, match=r"did not answer within 0\.3 seconds"):
            download_url("http://nowhere.invalid/file", SHA256)

    def test_nobody_listens(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with pytest.raises(SourceError, match=r"cannot be read .*refused"):
            download_url(f"http://127.0.0.1:{port}/file", SHA256)


class TestWheel:
    def test_downloads_and_installs_nothing(self, local_index, write_wheel, tmp_path):
        wheel = write_wheel("two-words", "1.2.3", {"two_words/data": b"1"})
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        found = download_wheel("two-words==1.2.3", sha256, tmp_path)
        assert found == tmp_path / "two_words-1.2.3-py3-none-any.whl"
        assert found.read_bytes() == wheel.read_bytes()

    def test_wrong_checksum(self, local_index, write_wheel, tmp_path):
        write_wheel("two-words", "1.2.3", {})
        with pytest.raises(SourceError, match=r"two_words-1\.2\.3-py3-none-any\.whl .* not 0000"):
            download_wheel("two-words==1.2.3", "0" * 64, tmp_path)

    def test_not_in_the_index(self, local_index, tmp_path):
        with pytest.raises(SourceError) as raised:
            download_wheel("two-words==1.2.3", SHA256, tmp_path)
        assert str(raised.value) == (
            "pip download failed (ERROR: No matching distribution found for two-words==1.2.3)"
        )

    def test_no_pip(self, tmp_path, monkeypatch):
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True
        )
        monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
        with pytest.raises(SourceError) as raised:
            download_wheel("two-words==1.2.3", SHA256, tmp_path)
        assert str(raised.value) == "pip is not installed (python -m ensurepip installs it)"

    def test_slow(self, local_index, tmp_path, monkeypatch):
        monkeypatch.setattr(download, "PIP_SECONDS", 0.01)
        with pytest.raises(SourceError, match=r"pip download took more than 0\.01 seconds"):
            download_wheel("two-words==1.2.3", SHA256, tmp_path)

    def test_full_disk(self, tmp_path, monkeypatch):
        # What pip prints last when the disk is full.
        script = tmp_path / "python"
        script.write_text(
            "#!/bin/sh\necho 'ERROR: Could not install packages due to an OSError: "
            "[Errno 28] No space left on device' >&2\nexit 1\n"
        )
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))
        with pytest.raises(OSError, match="No space left on device") as raised:
            download_wheel("two-words==1.2.3", SHA256, tmp_path)
        assert raised.value.errno == 28


def test_check_sha256_accepts():
    check_sha256(CONTENT, SHA256, "file")
