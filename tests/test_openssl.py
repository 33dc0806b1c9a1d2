# SPDX-License-Identifier: MIT
"""OpenSSL 3 and the names of OpenSSL 1.1: each call with its arguments, result and error.

Debian has no libssl 1.1 any more: targets/plugins/ssl11.c stands in for it, with its names,
versions and results. Real clients and servers, several libssl in one process: test_net_calls.py.
"""

import json
import subprocess

import pytest

import conftest
import fr
import test_truth

PLUGINS = fr.TOP / "tests/targets/plugins"
ADDRESSES = {"ssl"}
FLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-g", "-O2", "-fno-optimize-sibling-calls", "-pthread"]


@pytest.fixture
def keys(tmp_path):
    openssl = conftest.needs("openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-keyout", key, "-out", cert, "-subj", "/CN=truth.example"],
                   check=True, capture_output=True)
    return cert, key


def build(path, family):
    """tls_truth against that libssl."""
    libs = ["-l:libssl.so.3", "-l:libcrypto.so.3"]
    if family == "1.1":
        lib = path / "libssl.so.1.1"
        subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", "-Wl,-soname,libssl.so.1.1",
                        f"-Wl,--version-script={PLUGINS / 'ssl11.map'}", "-o", lib,
                        PLUGINS / "ssl11.c"], check=True)
        libs = [lib, f"-Wl,-rpath,{path}"]
    program = path / "tls_truth"
    subprocess.run(["gcc", *FLAGS, "-o", program, PLUGINS / "tls_truth.c", *libs], check=True)
    return program


def same_but_addresses(lines):
    return [{k: v for k, v in json.loads(line).items() if k not in ("tid", "ssl", "fd")}
            for line in lines]


@pytest.mark.parametrize("family", ["3", "1.1"])
def test_every_call_is_recorded(full, keys, family, monkeypatch):
    monkeypatch.setattr(test_truth, "ADDRESSES", test_truth.ADDRESSES | ADDRESSES)
    program = build(full.path, family)
    bare = full.run(program, *keys, recorded=False)
    p = full.run(program, *keys)
    # two threads take turns: each says its own lines in order
    key = lambda s: json.dumps(s, sort_keys=True)
    assert sorted(same_but_addresses(p.lines), key=key) == sorted(same_but_addresses(bare.lines),
                                                                  key=key)
    said = [json.loads(line) for line in p.lines]
    recording = full.snapshots(p.pid)[0]
    events = fr.read("events", recording)
    pairs = list(test_truth.match_all(said, events))
    assert len(pairs) == len(said) == 24
    for call, event in pairs:
        leaf = next(f for f in event["stack"] if not f["inl"])
        assert (leaf["fn"], leaf["line"]) == (call["fn"], call["line"]), (call, event)
    tls = [e for e in events if e["event"].startswith("tls.")]
    assert len(tls) == len(said), "SSL_connect is one handshake, whatever it calls inside"
    hooks = fr.fr("info", "--all", recording).out
    assert f"libssl.so.{family}" in hooks


@pytest.mark.parametrize("events", ["slow", "off"])
@pytest.mark.parametrize("family", ["3", "1.1"])
def test_same_results_at_other_levels(host, keys, family, events):
    program = build(host.path, family)
    key = lambda s: json.dumps(s, sort_keys=True)
    bare, p = host.run(program, *keys, recorded=False), host.run(program, *keys, FR_EVENTS=events)
    assert sorted(same_but_addresses(p.lines), key=key) == sorted(same_but_addresses(bare.lines),
                                                                  key=key)
