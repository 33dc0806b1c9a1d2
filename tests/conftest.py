# SPDX-License-Identifier: MIT
"""What all integration tests share: the built programs, a directory to run in, verdicts."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "lib"))

import fr  # noqa: E402  (found through the path above)


# A shell's background job ignores these, and so would what it starts.
for number in (signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)

# Taken out of the environment: programs under test see no FR_ variables but their own.
RESULTS = os.environ.pop("FR_TEST_RESULTS", None)


def pytest_addoption(parser):
    parser.addoption("--long", action="store_true", help="the long forms: thousands, not tens")


def pytest_sessionstart(session):
    """Tests run against what the sources say now."""
    make = ["make", "-s", "-C", fr.TOP, f"O={fr.O}", "all", "targets", "examples"]
    done = subprocess.run(make, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.exit(f"the build failed:\n{done.stdout}{done.stderr}", returncode=2)


def pytest_runtest_logreport(report):
    """One line per verdict into FR_TEST_RESULTS, which scripts/test counts."""
    final = report.when == "call" or (report.when == "setup" and report.outcome != "passed")
    broken_end = report.when == "teardown" and report.failed
    if not RESULTS or not (final or broken_end):
        return
    with open(RESULTS, "a", encoding="utf-8") as f:
        print(report.outcome, report.nodeid, file=f)


@pytest.fixture
def long(request):
    return request.config.getoption("--long")


@pytest.fixture
def host(tmp_path):
    """A Host with default settings; what it started is killed at the end."""
    h = fr.Host(tmp_path)
    yield h
    h.stop()


@pytest.fixture
def full(tmp_path):
    """A Host that records everything and keeps a recording at exit."""
    h = fr.Host(tmp_path, FR_EVENTS="full", FR_TRIGGER="exit")
    yield h
    h.stop()


@pytest.fixture
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def mounts(root):
    """For tests that mount in a namespace of their own."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs mount namespaces")


def needs(program):
    found = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
    return found or pytest.skip(f"needs {program}")


@pytest.fixture(scope="session")
def packages():
    """(package, archive), as scripts/package makes them."""
    needs("dpkg-shlibdeps")
    r = subprocess.run([fr.TOP / "scripts/package"], capture_output=True, text=True, check=False,
                       timeout=600, env={**os.environ, "O": str(fr.O)})
    assert r.returncode == 0, r.stdout + r.stderr
    deb, archive = r.stdout.split()
    return pathlib.Path(deb), pathlib.Path(archive)


@pytest.fixture(scope="session")
def unpacked(packages):
    """The archive where every user can reach it, under another name than it was packed with."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="fr-package-"))
    fr.sh("tar -C $1 -xzf $2 && mv $1/fr-* $1/moved && chmod 755 $1", top, packages[1])
    yield top / "moved"
    shutil.rmtree(top)
