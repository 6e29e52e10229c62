"""The server's application: TensorFlow Serving's REST API, `/healthz`, and the page."""

import asyncio
import contextlib
import dataclasses
import pathlib
import re

import anyio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from oneshot_tf.serving import predicting, repository
from oneshot_tf.serving.middleware import AccessLines, Headers, Origins
from oneshot_tf.serving.rest_values import RequestError
from oneshot_tf.serving.workers import Workers

PAGE = pathlib.Path(__file__).with_name("page")
_MODEL = r"/v1/models/([^/:]+)(?:/versions/(\d+))?"
_STATUS = re.compile(_MODEL + r"(/metadata)?")
_ASKED = re.compile(_MODEL + r":(classify|regress|predict)")
_NOT_OURS = "Expected {0} signature method_name to be tensorflow/serving/{0}. Was: tensorflow/serving/predict"
_LINGER = 2.0  # seconds for a client to read why its body is not


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the server allows.

    Attributes:
      most_bytes: of a request's body.
      timeout: seconds for a body to arrive, and for an answer to be made.
      origins: of other pages that may ask, or ("*",).
      poll: seconds between looks for new versions.
      rest: where the page asks, if not here.
    """

    most_bytes: int = 16 * 2**20
    timeout: float = 60.0
    origins: tuple = ()
    poll: float = 2.0
    rest: str = ""


class Server:
    """The state of an application.

    Args:
      models: {name: `repository.Served`}.
      workers: `Workers`.
      settings: `Settings`.
      log: (line) -> None.
    """

    def __init__(self, models, workers, settings, log):
        self.models, self.workers, self.settings, self.log = models, workers, settings, log
        self.large = Workers(1, workers.queue, "large")  # two at once might not fit into memory
        self._held = 0  # bytes of bodies that are being read, or wait for their answer
        self._most_held = 16 * settings.most_bytes

    def model(self, name):
        """The `Served` of a name."""
        if name not in self.models:
            raise RequestError(f"Servable not found for request: Latest({name})", 404)
        return self.models[name]

    def close(self):
        """Waits for what is running; what was not begun is dropped."""
        self.workers.close()
        self.large.close()

    # --- requests ---------------------------------------------------------------------------

    async def api(self, request):
        """Everything below /v1/."""
        path = request.url.path
        if request.method in ("GET", "HEAD") and (found := _STATUS.fullmatch(path)):
            name, number, metadata = found.groups()
            return self._status(name, _number(number), metadata)
        if request.method == "POST" and (found := _ASKED.fullmatch(path)):
            name, number, method = found.groups()
            try:
                body = await self._body(request)
                if method != "predict":
                    raise RequestError(_NOT_OURS.format(method))
                return await self._predict(request, name, _number(number), body)
            finally:
                self._held -= request.scope.get("held", 0)
        raise RequestError(f"Malformed request: {request.method} {path}")

    def _status(self, name, number, metadata):
        if name not in self.models:
            raise RequestError(f"Could not find any versions of model {name}", 404)
        model = self.models[name]
        if metadata:
            return JSONResponse(predicting.metadata(name, model.version(number)))
        return JSONResponse({"model_version_status": model.status(number)})

    async def _predict(self, request, name, number, body):
        version = self.model(name).version(number)
        try:
            with anyio.fail_after(self.settings.timeout):
                work = self.workers.submit(predicting.predict, version, body)
                asked, text = await asyncio.wrap_future(work)
                if text is None:
                    work = self.large.submit(predicting.answer, version, asked)
                    text = await asyncio.wrap_future(work)
        except TimeoutError:
            raise RequestError(
                f"No answer within {self.settings.timeout:g} seconds; ask for less at once", 504
            ) from None
        request.scope["asked"] = asked.signature
        return Response(text, media_type="application/json")

    async def _body(self, request):
        """The body, of at most so many bytes, within the time limit."""
        most, parts, size = self.settings.most_bytes, [], 0
        declared = request.headers.get("content-length", "")
        too_large = RequestError(
            f"A request's body must have at most {most} bytes (--max_request_mb). Received: "
            f"{declared or 'more'}",
            413,
        )
        if declared.isdecimal() and int(declared) > most:
            raise too_large
        try:
            with anyio.fail_after(self.settings.timeout):
                async for part in request.stream():
                    size += len(part)
                    request.scope["held"] = size
                    self._held += len(part)
                    if size > most:
                        raise too_large
                    if self._held > self._most_held:
                        raise RequestError("Too many bytes at once; try again later", 503, 1)
                    parts.append(part)
        except TimeoutError:
            raise RequestError(
                f"The request's body must arrive within {self.settings.timeout:g} seconds. "
                f"Received: {size} bytes of {declared or 'it'}",
                408,
            ) from None
        return b"".join(parts)

    async def health(self, request):
        """200 while it can answer."""
        del request
        inside = self.workers.inside + self.large.inside
        return JSONResponse({"status": "ok", "models": sorted(self.models), "requests": inside})

    async def page_settings(self, request):
        """What the page needs to know and the REST API does not say."""
        del request
        about = [
            {"name": name, "fields": predicting.public(model.fields)}
            for name, model in self.models.items()
        ]
        return JSONResponse({"rest": self.settings.rest, "models": about})

    async def card(self, request):
        """A model's card, as Markdown."""
        text = repository.card(self.model(request.path_params["name"]))
        return PlainTextResponse(text, media_type="text/markdown")

    # --- life -------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def lifespan(self, app):
        """Looks for new versions while the server runs."""
        del app
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()

    async def _watch(self):
        while True:
            await asyncio.sleep(self.settings.poll)
            for model in self.models.values():
                for line in await asyncio.to_thread(model.refresh):
                    self.log(line)


def make_app(server):
    """The ASGI application of a `Server`."""
    settings = server.settings
    middleware = [Middleware(AccessLines, server.log), Middleware(Headers, settings.rest)]
    if settings.origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(settings.origins),
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
            )
        )
    middleware.append(Middleware(Origins, settings.origins))
    every = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
    routes = [
        Route("/v1/{rest:path}", server.api, methods=every),
        Route("/healthz", server.health),
        Route("/settings.json", server.page_settings),
        Route("/cards/{name}.md", server.card),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ]
    errors = {RequestError: _refused, ClientDisconnect: _went, 404: _unknown, 405: _unknown}
    return Starlette(
        routes=routes, middleware=middleware, exception_handlers=errors, lifespan=server.lifespan
    )


def _number(text):
    """A version's number; what int64 cannot hold is none."""
    if text is None:
        return None
    if len(text) > 18:
        raise RequestError(f"Failed to convert version: {text[:40]} to numeric.")
    return int(text)


async def _refused(request, error):
    """A refusal. Where the body was not read, the client may be sending it still."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    response = JSONResponse({"error": error.message}, error.status, headers)
    return _Lingering(response) if error.status in (408, 413) else response


async def _went(request, error):
    del request, error
    return PlainTextResponse("", 499)  # nobody reads it; the access line has it


async def _unknown(request, error):
    return JSONResponse(
        {"error": f"Malformed request: {request.method} {request.url.path}"}, error.status_code
    )


class _Lingering:
    """A response that closes the connection, but not while the client is still sending.

    A connection that is closed on data in flight is reset, and the client never reads the answer.

    Args:
      response: a `Response`.
    """

    def __init__(self, response):
        response.headers["Connection"] = "close"
        self._response = response

    async def __call__(self, scope, receive, send):
        response = self._response
        start = {"type": "http.response.start", "status": response.status_code}
        await send({**start, "headers": response.raw_headers})
        body = {"type": "http.response.body", "body": response.body}
        await send({**body, "more_body": True})
        with anyio.move_on_after(_LINGER):
            more = True
            while more:
                message = await receive()
                more = message["type"] == "http.request" and message.get("more_body", False)
        await send({"type": "http.response.body", "body": b""})
