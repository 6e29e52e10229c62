"""Serves exports over HTTP by TensorFlow Serving's REST API, with a page to draw on.

`python -m oneshot_tf.serve --export=pretrained/matching_omniglot`
"""

import urllib.parse

from oneshot_tf.commands import flags
from oneshot_tf.errors import UserError

OWN = {
    "export": (str, "exports, with commas between: DIR or NAME=DIR; the newest <n>/ of each"),
    "host": (str, "address to listen on (default: 127.0.0.1, this machine alone)"),
    "port": (int, "port (default: 8501; 0: any free one)"),
    "threads": (int, "requests that are answered at once (default: one a core)"),
    "queue": (int, "requests that may wait; more get 503 (default: 64)"),
    "max_request_mb": (float, "largest body of a request, in MB (default: 16)"),
    "timeout": (
        float,
        "seconds for a body to arrive, and for an answer to be made (default: 60)",
    ),
    "poll_seconds": (float, "seconds between looks for new versions (default: 2)"),
    "allow_origin": (str, "other pages that may ask: https://a.example,... or * (default: none)"),
    "rest": (str, "URL of a TensorFlow Serving that the page asks instead of this server"),
}
_POSITIVE = ("threads", "max_request_mb", "timeout", "poll_seconds")


def main(argv):
    """Serves until it is stopped. Returns the exit code."""
    parsed = flags.parse(["-m oneshot_tf.serve", *argv[1:]], OWN, [])
    check(parsed)
    try:
        from oneshot_tf.serving import web, web_server
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is missing; install it: pip install 'oneshot_tf[serve]', or pip install "
            "-r requirements.txt"
        ) from None
    from oneshot_tf.serving import repository, workers

    log = web_server.logger()
    host, port = parsed.get("host", "127.0.0.1"), parsed.get("port", 8501)
    bound = web_server.listen(host, port)
    folders = repository.named(flags.listed(parsed.get("export")))
    kind = repository.Described if parsed.get("rest") else repository.Served
    models = {name: kind(name, folder) for name, folder in folders.items()}
    settings = web.Settings(
        most_bytes=int(parsed.get("max_request_mb", 16.0) * 2**20),
        timeout=parsed.get("timeout", 60.0),
        origins=tuple(flags.listed(parsed.get("allow_origin"))),
        poll=parsed.get("poll_seconds", 2.0),
        rest=parsed.get("rest", "").rstrip("/"),
    )
    pool = workers.Workers(parsed.get("threads"), parsed.get("queue", 64))
    server = web.Server(models, pool, settings, log)
    for name, model in models.items():
        log(f"{name}: {model.path}")
    host = f"[{host}]" if ":" in host else host
    said = f"Serving on http://{host}:{bound.getsockname()[1]} (Ctrl-C stops it)"
    app = web.make_app(server)
    code = web_server.serve(app, bound, settings.timeout, lambda: log(said))
    server.close()
    log("Stopped")
    return code


def check(parsed):
    """Refuses flags that make no sense.

    Raises:
      UserError: which.
    """
    if not flags.listed(parsed.get("export")):
        raise UserError(f"--export is missing: {OWN['export'][1]}")
    for name in _POSITIVE:
        if parsed.get(name) is not None and not parsed.get(name) > 0:
            raise UserError(f"--{name} must be above 0. Received: {parsed.get(name)}")
    if parsed.get("queue", 0) < 0:
        raise UserError(f"--queue must be 0 or more. Received: {parsed.get('queue')}")
    for name in ("rest", "allow_origin"):
        for word in flags.listed(parsed.get(name)):
            url = urllib.parse.urlsplit(word)
            whole = url.scheme in ("http", "https") and url.netloc and not url.path.strip("/")
            if not whole and (name, word) != ("allow_origin", "*"):
                raise UserError(f"--{name} must be like https://host:port. Received: {word}")
