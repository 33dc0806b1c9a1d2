# SPDX-License-Identifier: MIT
"""The rest of the network calls: connections, waits, names, TLS. See also test_truth.py."""

import glob
import json
import pathlib
import socket
import ssl
import subprocess
import urllib.request

import pytest

import conftest
import fr
from test_truth import check_place, in_shapes, match_all, recorded

PYTHON = "/usr/bin/python3"


@pytest.mark.parametrize("shape", in_shapes("net_calls"))
def test_every_call_is_recorded(full, shape):
    said, events, _ = recorded(full, shape)
    assert len(said) > 50
    for call, event in match_all(said, events):
        check_place(call, event, shape)


def test_connect_that_goes_on_is_recorded_once(full):
    """One net.connected for each EINPROGRESS, no more, with the whole time."""
    _, events, _ = recorded(full, "net_calls")
    began = [e for e in events if e["event"] == "net.connect" and e.get("err") == 115]
    ended = [e for e in events if e["event"] == "net.connected"]
    assert len(began) == len(ended) >= 8
    for b in ended:
        a = next(e for e in reversed(began) if e["fd"] == b["fd"] and e["t_ns"] < b["t_ns"])
        assert a["peer"] == b["peer"]
        since = a["t_ns"] - a["dur_ns"]
        assert abs(b["t_ns"] - b["dur_ns"] - since) < 5000, (a, b)


def test_both_ends_have_one_link(full):
    """A connect, its completion and the accept of the other end; other connections have others."""
    _, events, _ = recorded(full, "net_calls")
    tcp = {e["peer"]: e["link"] for e in events if e["event"] == "net.accept" and e["fd"] >= 0}
    found = set()
    for e in events:
        if e["event"] in ("net.connect", "net.connected") and e["peer"].startswith("127.") \
                and e.get("err", 0) in (0, 115):
            link = tcp.get(f"127.0.0.1:{e['local_port']}")
            found |= {link} - {None}
            assert link in (e["link"], None) and e["link"] != "0x0" and e["local_port"], e
    assert found == set(tcp.values()) and len(found) == len(tcp) == 7


OTHERS = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind("s")
s.listen()
if not os.fork():
    socket.socket(socket.AF_UNIX).connect("s")
    os._exit(0)
os.wait()
mine = socket.socket(socket.AF_UNIX)
mine.connect("./s")
s.accept()
s.accept()
"""


def test_clients_of_other_processes_have_no_link(net):
    """A client of a UNIX socket has no name, but it is known whether it is ourselves."""
    p = net.run(PYTHON, "-c", OTHERS)
    other, mine = [e["link"] for e in events_of(net, p, "net.accept")]
    client, = [e["link"] for e in events_of(net, p, "net.connect")]
    assert other == "0x0" and mine == client != "0x0"


def test_listener_is_told_from_a_connection(full):
    """fds table: a socket that listens ends as one."""
    _, events, _ = recorded(full, "net_calls")
    listeners = {e["fd"] for e in events if e["event"] == "net.listen" and not e.get("err")}
    kinds = {e["kind"] for e in events if e["event"] == "net.close" and e["fd"] in listeners}
    assert "listener" in kinds


@pytest.mark.parametrize("call,result,low,high,left", [
    ("select", 0, 795, 1300, (0, 0)), ("pselect", 0, 795, 1300, (0, 0)),
    ("epoll_pwait2", 0, 795, 1300, (0, 0)), ("select_early", 1, 395, 780, (5, 405))])
def test_our_signal_never_ends_a_wait(host, call, result, low, high, left):
    """A snapshot is made, the wait lasts as long as it should, select says what is left."""
    p = host.target("net_eintr", call, 8)
    tid = p.truth("tid")["tid"]
    for n in range(1, 3):
        fr.wait_for(lambda: (fr.task_syscall(p.pid, tid) or -1) not in (-1, 1), "the wait")
        fr.tgkill(p.pid, tid, 10)
        host.snapshot(p, n)
    end = p.truth("result")
    assert p.code() == 0
    assert end["result"] == result and end["errno"] == 0, end
    assert low <= end["took_ms"] < high, end
    assert left[0] <= end["left_ms"] <= left[1], end


def test_recvmmsg_goes_on_with_what_is_left(host):
    """Our signal comes in the middle: the second message is over the time, as without it."""
    p = host.run(fr.TARGETS / "net_eintr", "recvmmsg", 16)
    host.snapshot(p)
    end = [json.loads(line) for line in p.lines if "result" in line][0]
    assert (end["result"], end["errno"], end["left_ms"]) == (2, 0, 0), end
    assert 1600 < end["took_ms"] < 2500, end


# ---- clients nobody here wrote ------------------------------------------------------------------

ASYNC_CLIENT = """
import asyncio, socket, sys
async def main(port):
    r, w = await asyncio.open_connection("127.0.0.1", port)
    w.write(b"GET / HTTP/1.0\\r\\n\\r\\n")
    print(len(await r.read()) > 0)
    try:
        await asyncio.open_connection("127.0.0.1", 1)
    except ConnectionRefusedError:
        print("refused")
asyncio.run(main(int(sys.argv[1])))
"""

TLS_SERVER = """
import http.server, ssl, sys
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
if len(sys.argv) > 1:
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_cert_chain(sys.argv[1], sys.argv[2])
    s.socket = c.wrap_socket(s.socket, server_side=True)
print(s.server_address[1], flush=True)
s.serve_forever()
"""


@pytest.fixture
def net(tmp_path):
    """A Host that records all of the network, and of the rest what it does by default."""
    h = fr.Host(tmp_path, FR_EVENTS="net=full", FR_TRIGGER="exit")
    yield h
    h.stop()


@pytest.fixture
def keys(tmp_path):
    openssl = conftest.needs("openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    return cert, key


def serve(host, *keys, **how):
    """A web server of Python's: its process and its port."""
    p = host.start(PYTHON, "-c", TLS_SERVER, *keys, **how)
    return p, int(p.line())


def events_of(host, p, *kinds):
    found = fr.read("events", host.snapshot(p))
    return [e for e in found if e["event"] in kinds]


def waits_of(host, p):
    """What the report says was waited for: (kind, what) to its row."""
    rows = fr.read("report", host.snapshot(p))["waits"]
    return {(r["kind"], r["what"]): r for r in rows}


def test_asyncio_client(net):
    """Python's event loop connects without waiting: when it came about is known all the same."""
    _, port = serve(net, recorded=False)
    p = net.run(PYTHON, "-c", ASYNC_CLIENT, port)
    assert p.lines == ["True", "refused"]
    done = events_of(net, p, "net.connected")
    assert [(e["peer"], e.get("err", 0)) for e in done] == [(f"127.0.0.1:{port}", 0),
                                                            ("127.0.0.1:1", 111)]
    assert all(e["via"] == "getsockopt" and e["dur_ns"] > 0 for e in done)
    row = waits_of(net, p)["connecting", f"127.0.0.1:{port}"]
    assert row["count"] == 1 and row["total_ns"] == done[0]["dur_ns"]


def test_curl(net, keys):
    """curl: name, connect, handshake with the server's name, request, answer."""
    curl = conftest.needs("curl")
    _, port = serve(net, *keys, recorded=False)
    p = net.run(curl, "-s", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", keys[0],
                 f"https://localhost:{port}/")
    assert p.lines == ["200"]
    done = events_of(net, p, "net.connected")
    assert [e["peer"].endswith(f":{port}") for e in done if not e.get("err")] == [True]
    shakes = events_of(net, p, "tls.handshake")
    assert {e["name"] for e in shakes} == {"localhost"}
    assert {e["via"] for e in shakes} == {"SSL_connect"}
    assert [e["result"] for e in shakes][-1] == 1
    assert len({e["ssl"] for e in shakes}) == 1
    assert events_of(net, p, "tls.write")[0]["result"] > 50
    assert any(e["result"] > 100 for e in events_of(net, p, "tls.read"))
    # curl gives OpenSSL no descriptor: the peer is known from what moved meanwhile
    waits = waits_of(net, p)
    assert any(kind == "tls" and what.endswith(f":{port}") for kind, what in waits), list(waits)


def test_curl_plain(net):
    curl = conftest.needs("curl")
    _, port = serve(net, recorded=False)
    p = net.run(curl, "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}/")
    assert p.lines == ["200"]
    done = events_of(net, p, "net.connected")
    assert [e["peer"] for e in done] == [f"127.0.0.1:{port}"]
    assert not events_of(net, p, "tls.handshake", "tls.read", "tls.write")


def test_python_tls_server(net, keys):
    """libssl comes with a module that only the interpreter sees (RTLD_LOCAL)."""
    p, port = serve(net, *keys)
    context = ssl.create_default_context(cafile=keys[0])
    with urllib.request.urlopen(f"https://localhost:{port}/", context=context) as r:
        assert r.status == 200
    found = fr.read("events", net.ask(p))
    shake, = [e for e in found if e["event"] == "tls.handshake"]
    assert shake["result"] == 1 and shake["name"] == "localhost" and shake["dur_ns"] > 0
    accepted = [e["fd"] for e in found if e["event"] == "net.accept" and not e.get("err")]
    assert shake["fd"] in accepted
    assert "_ssl" in fr.modules(shake["stack"])[0]
    rows = fr.read("info", net.snapshots(p.pid)[0])["hooks"]
    assert "SSL_connect" not in str(rows.get("missing", rows)), rows
    written = [e for e in found if e["event"] == "tls.write"]
    assert written and all(e["via"] == "SSL_write_ex" and e["result"] == e["size"] for e in written)


def test_failed_handshake(net, keys):
    """A client that does not trust the server: the handshake fails, at both ends and the same."""
    _, port = serve(net, *keys, recorded=False)
    script = ("import ssl, socket, sys\n"
              "try:\n"
              "    ssl.create_default_context().wrap_socket(socket.create_connection(\n"
              "        ('localhost', int(sys.argv[1]))), server_hostname='localhost')\n"
              "except ssl.SSLCertVerificationError as e:\n"
              "    print(e.verify_code)\n")
    bare = net.run(PYTHON, "-c", script, port, recorded=False).lines
    p = net.run(PYTHON, "-c", script, port)
    assert p.lines == bare and bare
    shake = events_of(net, p, "tls.handshake")[-1]
    assert shake["result"] <= 0 and shake["ssl_error"] == 1


def test_openssl_server(host, keys):
    """s_server and curl, both recorded: an OpenSSL that the program itself is linked with."""
    openssl, port = conftest.needs("openssl"), fr.free_port()
    p = fr.Process([openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-cert", keys[0], "-key",
                    keys[1]], host.env(FR_EVENTS="net=full"), host.cwd, stdin=subprocess.PIPE)
    host.started.append(p)
    p.line("ACCEPT")
    context = ssl.create_default_context(cafile=keys[0])
    with socket.create_connection(("127.0.0.1", port)) as s, \
            context.wrap_socket(s, server_hostname="localhost") as t:
        t.sendall(b"a line\n")
        p.line("a line")
        found = fr.read("events", host.ask(p))
    shakes = [e for e in found if e["event"] == "tls.handshake"]
    assert shakes[-1]["result"] == 1 and {e["via"] for e in shakes} == {"SSL_accept"}
    assert {e["name"] for e in shakes} == {"localhost"}
    assert any(e["event"] == "tls.read" and e["result"] == 7 for e in found)


# ---- OpenSSL of whom ----------------------------------------------------------------------------

def libssl():
    found = glob.glob("/usr/lib/*/libssl.so.3") + glob.glob("/usr/lib64/libssl.so.3")
    return pathlib.Path(found[0]) if found else pytest.skip("needs libssl.so.3")


def plugin(path, lib, *flags):
    source = fr.TOP / "tests/targets/plugins/tls_user.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", path, source, lib,
                    "-l:libcrypto.so.3", f"-Wl,-rpath,{lib.parent}", *flags], check=True)
    return path


def test_no_openssl_is_pretended(host):
    """A program without OpenSSL that asks for its functions by weak name or dlsym finds none."""
    bare = host.run(fr.TARGETS / "tls_host", recorded=False).lines
    assert host.run(fr.TARGETS / "tls_host").lines == bare
    assert "yes" not in bare[0] and "weak 0 0" in bare[0]


@pytest.mark.parametrize("events", ["full", "off"])
def test_each_plugin_keeps_its_own_openssl(host, events):
    """Two libssl that only their plugins see, as Python wheels bring them: no call goes astray."""
    other = host.path / "libssX.so.3"
    other.write_bytes(libssl().read_bytes().replace(b"libssl.so.3\0", b"libssX.so.3\0"))
    one, two = (plugin(host.path / "one.so", libssl()), plugin(host.path / "two.so", other))
    bare = host.run(fr.TARGETS / "tls_host", one, two, recorded=False).lines
    assert bare[1].startswith("libssl.so.3: ") and bare[4].startswith("libssX.so.3: ")
    assert host.run(fr.TARGETS / "tls_host", one, two, FR_EVENTS=events).lines == bare
    assert host.run(fr.TARGETS / "tls_host", two, one, FR_EVENTS=events).lines == [
        bare[0], *bare[4:6], bare[3], *bare[1:3], bare[6]]


@pytest.mark.parametrize("what", ["dup", "again"])
def test_peer_of_a_number(host, what):
    """A copy of a socket has its peer; what gets the number of a closed one has not."""
    script = ("import json, os, socket, sys\n"
              "listener = socket.create_server(('127.0.0.1', 0))\n"
              "c = socket.create_connection(listener.getsockname())\n"
              "peer, number = '%s:%d' % listener.getsockname(), c.fileno()\n"
              "if sys.argv[1] == 'dup':\n"
              "    waits = socket.socket(fileno=os.dup(number))\n"
              "else:\n"
              "    c.close()\n"
              "    waits, other = socket.socketpair()\n"
              "    assert waits.fileno() == number, (waits, number)\n"
              "print(json.dumps({'peer': peer}), flush=True)\n"
              "waits.recv(1)\n")
    p = host.start("/usr/bin/python3", "-c", script, what)
    peer = p.truth("peer")["peer"]
    fr.wait_for(lambda: fr.task_syscall(p.pid, p.pid) == fr.SYS_RECVFROM, "the recv")
    row, = [t for t in fr.read("threads", host.ask(p)) if t["tid"] == p.pid]
    assert row["on"].get("peer") == (peer if what == "dup" else None), row["on"]
