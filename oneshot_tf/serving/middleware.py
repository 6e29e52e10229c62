"""What stands around every request: a line with its milliseconds, headers, and who may ask."""

import datetime
import time

from starlette.responses import JSONResponse


class AccessLines:
    """Logs a line a request.

    Args:
      app: the application.
      log: (line) -> None.
    """

    def __init__(self, app, log):
        self.app, self.log = app, log

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = {"status": 500, "bytes": 0}  # what stands if the application fails

        async def counting(message):
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
            seen["bytes"] += len(message.get("body", b""))
            await send(message)

        start = time.perf_counter()
        try:
            await self.app(scope, receive, counting)
        finally:
            self.log(line(scope, seen["status"], seen["bytes"], time.perf_counter() - start))


def line(scope, status, size, seconds):
    """`time client "method path" status bytes milliseconds signature`.

    The path is as it came, escaped, so that no request can write lines of its own.
    """
    when = datetime.datetime.now().isoformat(" ", "milliseconds")
    client = (scope.get("client") or ("-",))[0]
    path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
    words = f'{when} {client} "{scope["method"]} {path}" {status} {size} {1000 * seconds:.1f} ms'
    return f"{words} {scope['asked']}" if "asked" in scope else words


class Origins:
    """Refuses requests of pages from elsewhere, which a browser sends even where it hides the answer."""

    def __init__(self, app, allowed):
        self.app, self.allowed = app, allowed

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            origin = headers.get(b"origin", b"").decode("latin-1")
            host = headers.get(b"host", b"").decode("latin-1")
            own = origin.partition("://")[2] == host
            if origin and not own and not {"*", origin} & set(self.allowed):
                words = (
                    f"Pages of {origin} may not ask this server; --allow_origin={origin} lets them"
                )
                await JSONResponse({"error": words}, 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class Headers:
    """The page loads nothing from elsewhere, and no page may frame it."""

    def __init__(self, app, rest):
        self.app = app
        there = f" {rest}" if rest else ""
        policy = (
            "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; "
            f"connect-src 'self'{there}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
        )
        self.headers = [
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cache-control", b"no-cache"),
        ]

    async def __call__(self, scope, receive, send):
        async def with_headers(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *self.headers]}
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)
