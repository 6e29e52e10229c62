"""Fetching one file: mirrors, resume, checksum, and a quick answer where there is no network."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import os
import pathlib
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import filelock
import tqdm

from oneshot_tf.errors import UserError

MAX_BYTES = 2 << 30
REACH_SECONDS = 4.0  # for all mirrors together to answer a connection
STALL_SECONDS = 30.0  # without a byte
TOTAL_SECONDS = 3600.0  # a mirror; a server that drips would otherwise hold us for days
ATTEMPTS = 4  # connections to one mirror; a cut one is resumed
RETRY_SECONDS = 1.0  # before the third attempt, twice that before the fourth
_BLOCK = 1 << 16


class DownloadError(UserError):
    """The file is missing and could not be fetched; training may go on with other data."""


# What a connection dies of. A plain OSError is not among them: that is the disk.
_CUT = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


class _Failed(Exception):
    """One mirror did not deliver; the text says why."""


def fetch(urls, target, md5):
    """Downloads a file, unless it is there already.

    Args:
      urls: mirrors of the same file, tried in order.
      target: where the file shall be; it appears there whole or not at all.
      md5: its checksum, as hex.

    Returns:
      `target`, a `Path`.

    Raises:
      DownloadError: no mirror delivered the file.
      UserError: the target's folder cannot be written.
    """
    target = pathlib.Path(target)
    if target.is_file():
        return target
    failures = ["no network: no mirror could be reached"]
    if reachable := _reachable(urls):
        with _alone(target):
            if not target.is_file():  # else another process was faster
                failures = _from_mirrors(reachable, target, md5)
        if target.is_file():
            return target
    raise DownloadError(
        f"{target.name} is not in {target.parent} and could not be downloaded "
        f"({'; '.join(failures)}); put the file there, or name its folder with --data_dir=DIR "
        "or ONESHOT_TF_DATA"
    )


def _from_mirrors(urls, target, md5):
    """Makes the file from the first mirror that delivers it; what went wrong with those before."""
    part, failures = target.with_name(target.name + ".part"), []
    for url in urls:
        try:
            with _writing(target):
                part.touch()
                _from_mirror(url, part, md5)
                os.replace(part, target)
            return failures
        except _Failed as failure:
            failures.append(f"{urllib.parse.urlsplit(url).netloc}: {failure}")
    if part.stat().st_size == 0:
        part.unlink()
    return failures


@contextlib.contextmanager
def _alone(target):
    """One process at a time fetches a file; others wait. The folder is made."""
    with _writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(target.with_name(f".{target.name}.lock"))
        try:
            lock.acquire(blocking=False)
        except filelock.Timeout:
            print(f"Another process fetches {target.name}; waiting for it.", file=sys.stderr)
            lock.acquire()
    try:
        yield
    finally:
        lock.release()
        with contextlib.suppress(OSError):  # Windows keeps it while another waits for it
            pathlib.Path(lock.lock_file).unlink(missing_ok=True)


@contextlib.contextmanager
def _writing(target):
    """Turns an error of the disk into one line; the network's errors are caught further in."""
    try:
        yield
    except OSError as error:
        raise UserError(
            f"Downloading {target.name} needs a folder that can be written, and {target.parent} "
            f"cannot ({error.strerror or error}); choose another with --data_dir=DIR"
        ) from None


def _reachable(urls):
    """The mirrors whose host takes a connection, in order, within `REACH_SECONDS` in all.

    Threads, because looking up a name cannot be given a time limit; one that hangs is left behind.
    """
    deadline = time.monotonic() + REACH_SECONDS
    checks = {}
    for url in urls:
        address = _address(url)
        if address not in checks:
            checks[address] = concurrent.futures.Future()
            threading.Thread(target=_connect, args=(address, checks[address]), daemon=True).start()
    concurrent.futures.wait(checks.values(), timeout=max(0.0, deadline - time.monotonic()))
    return [url for url in urls if checks[_address(url)].done() and checks[_address(url)].result()]


def _address(url):
    """The (host, port) that a request for `url` would speak to: a proxy, where one is set."""
    parts = urllib.parse.urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if proxy and not urllib.request.proxy_bypass(parts.hostname):
        parts = urllib.parse.urlsplit(proxy if "//" in proxy else f"//{proxy}")
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _connect(address, future):
    try:
        socket.create_connection(address, timeout=REACH_SECONDS).close()
        future.set_result(True)
    except OSError:
        future.set_result(False)


def _from_mirror(url, part, md5):
    """Fills `part` from one mirror and checks it; a cut connection is resumed."""
    deadline = time.monotonic() + TOTAL_SECONDS
    for attempt in range(ATTEMPTS):
        resumed = part.stat().st_size > 0
        try:
            _transfer(url, part, deadline)
        except urllib.error.HTTPError as error:
            if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _Failed(f"the server answered {error.code}") from None
        except _CUT as error:
            if attempt + 1 == ATTEMPTS:
                raise _Failed(f"cut off {ATTEMPTS} times, last: {error}") from None
            time.sleep(RETRY_SECONDS * attempt)
            continue
        if _md5(part) == md5:
            return
        part.unlink()
        part.touch()
        if not resumed:
            raise _Failed("the file has a wrong checksum")
        # What was resumed may have been begun from another file: once more from the start.
    raise _Failed("the file has a wrong checksum")


def _transfer(url, part, deadline):
    """One connection: appends to `part` what it lacks."""
    have = part.stat().st_size
    headers = {"User-Agent": "oneshot-tf", **({"Range": f"bytes={have}-"} if have else {})}
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=STALL_SECONDS) as response:
        if have and response.status != http.client.PARTIAL_CONTENT:
            have = 0  # the server does not know ranges
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        if total is not None and total > MAX_BYTES:
            raise _Failed(f"{total} bytes are more than the allowed {MAX_BYTES}")
        with (
            part.open("ab" if have else "wb") as file,
            tqdm.tqdm(
                desc=part.stem,
                initial=have,
                total=total,
                unit="B",
                unit_scale=True,
                disable=not sys.stderr.isatty(),
            ) as bar,
        ):
            while block := response.read1(_BLOCK):
                have += len(block)
                if have > MAX_BYTES:
                    raise _Failed(f"more than the allowed {MAX_BYTES} bytes")
                if time.monotonic() > deadline:
                    raise _Failed(f"not done after {TOTAL_SECONDS:.0f} s")
                file.write(block)
                bar.update(len(block))
    if total is not None and have < total:  # `read1` ends quietly where the connection does
        raise http.client.IncompleteRead(b"", total - have)


def _md5(path):
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
