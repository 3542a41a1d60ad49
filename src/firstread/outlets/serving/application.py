"""The HTTP interface: its routes, and the document that describes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from firstread.outlets.extra import missing
from firstread.outlets.serving import metrics
from firstread.outlets.serving.answers import (
    NOTE,
    Described,
    Health,
    Predictions,
    Problem,
    as_json,
    named,
    problem,
)
from firstread.outlets.serving.gate import Access, Gate
from firstread.outlets.serving.limits import Limits, Refused
from firstread.outlets.serving.page import page
from firstread.outlets.serving.service import Answerer, Service
from firstread.outlets.serving.uploads import FIELD, Scratch, Turnstile, received

try:
    import python_multipart  # noqa: F401 # Starlette asks for it only when the first form arrives.
    from fastapi import Depends, FastAPI, Query, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.security import HTTPBearer
    from starlette.exceptions import HTTPException
except ModuleNotFoundError as error:
    raise missing(error, "serve", "firstread serve needs it") from None

_WORDS = {
    400: "The form is damaged.",
    401: "The token is missing or wrong.",
    408: "The request took too long to arrive.",
    413: "A file, or the request, is too large.",
    415: "A file is no image that firstread reads, or the request is no form.",
    421: "The service isn't called by that name.",
    422: "A value, or an image, that can't be used.",
    429: "Too many requests are under way; Retry-After says when to come again.",
    503: "No answer in time.",
}


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    return {status: {"model": Problem, "description": _WORDS[status]} for status in statuses}


_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "additionalProperties": False,
                    "properties": {
                        FIELD: {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "format": "binary"},
                            "description": "PNG, JPEG, TIFF, BMP, DICOM or NIfTI files.",
                        }
                    },
                }
            }
        },
    }
}
_TAKEN = _problems(400, 401, 408, 413, 415, 421, 422, 429, 503)
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/png": {}}, "description": "The picture."}
}
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {}}, "description": "The counts."}
}

Slices = Annotated[
    str | None,
    Query(description="Which frames or slices: each, middle, even:N, 3,7 or 50%.", max_length=200),
]
Coverage = Annotated[
    float | None,
    Query(ge=0.5, le=0.999, description="Adds set, outlier and advice, for this share of images."),
]
Method = Annotated[
    Literal["gradcam", "gradcam++", "evidence"], Query(description="How to explain.")
]
Target = Annotated[
    str | None,
    Query(alias="class", description="The class to explain; by default the most probable."),
]


def application(
    answerer: Answerer, limits: Limits | None = None, access: Access | None = None
) -> FastAPI:
    """Make the application that answers for a run.

    Parameters
    ----------
    answerer
        The run.
    limits
        What it takes on.
    access
        Who is let in; everybody if not given.
    """
    limits, access = limits or Limits(), access or Access()
    counted = metrics.Metrics()
    turnstile = Turnstile(limits)
    # Made when the service starts, and ended when it has answered all that it took.
    running: list[tuple[Service, Scratch]] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        scratch = Scratch()
        running.append((Service(answerer, limits, counted), scratch))
        try:
            yield
        finally:
            running.pop()[0].close()
            scratch.close()

    app = FastAPI(
        title="firstread",
        version=answerer.model.version,
        description=f"Labels medical images with a trained classifier; {NOTE}.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    secured = [] if access.token is None else [Depends(HTTPBearer(auto_error=False))]

    @asynccontextmanager
    async def taken(request: Request) -> AsyncIterator[tuple[Service, list[Path]]]:
        service, scratch = running[0]
        with turnstile.passed(request, service.desk.delay()):
            counted.under_way(turnstile.requests)
            try:
                async with received(request, limits, scratch) as files:
                    yield service, files
            finally:
                counted.under_way(turnstile.requests - 1)

    @app.post(
        "/v1/predict",
        response_model=Predictions,
        response_description="Labels and probabilities.",
        responses=_TAKEN,
        openapi_extra=_FORM,
        dependencies=secured,
    )
    async def predict(
        request: Request, coverage: Coverage = None, slices: Slices = None
    ) -> Response:
        """Label images: the same figures as those of firstread predict."""
        async with taken(request) as (service, files):
            return as_json(await service.predicted(files, coverage, slices))

    @app.post(
        "/v1/explain",
        response_class=Response,
        responses={**_PICTURE, **_TAKEN},
        openapi_extra=_FORM,
        dependencies=secured,
    )
    async def explain(
        request: Request, method: Method = "gradcam", target: Target = None, slices: Slices = None
    ) -> Response:
        """Colour one image where the network looked; its class stands in the PNG's text."""
        async with taken(request) as (service, files):
            picture = await service.explained(files, method, target, slices)
            return Response(picture, media_type="image/png")

    @app.get(
        "/v1/model",
        response_model=Described,
        response_description="The model, its classes and the limits.",
        responses=_problems(401, 421),
        dependencies=secured,
    )
    async def model() -> Response:
        """Say which model answers, and what may be asked of it."""
        classifier = answerer.classifier
        return as_json(
            {
                **named(answerer.model),
                "classes": list(classifier.classes),
                "multilabel": classifier.multilabel,
                "size": classifier.preprocessing.size,
                "coverage": answerer.refusal is not None,
                "together": answerer.together,
                "limits": asdict(limits),
                "note": NOTE,
            }
        )

    @app.get(
        "/healthz",
        response_model=Health,
        response_description="It answers.",
        responses=_problems(421, 503),
    )
    async def healthz() -> Response:
        """Say whether the service answers; needs no token."""
        if not running or not running[0][0].desk.alive:
            raise Refused(503, "the service is ending", retry=1)
        return as_json({"status": "ok"})

    @app.get(
        "/metrics",
        response_class=Response,
        responses={**_TEXT, **_problems(401, 421)},
        dependencies=secured,
    )
    async def counts() -> Response:
        """Return counts for Prometheus."""
        return Response(counted.page(), headers={"content-type": metrics.CONTENT_TYPE})

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        shown = page(app.openapi(), str(request.base_url))
        return Response(shown, media_type="text/html")

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return problem(error)

    @app.exception_handler(HTTPException)
    async def no_such(request: Request, error: HTTPException) -> Response:
        answer = problem(Refused(error.status_code, error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        # What was sent is not repeated.
        told = [f"{one['loc'][-1]}: {one['msg']}" for one in error.errors()]
        return problem(Refused(422, *told))

    routes = [*app.openapi()["paths"], "/docs", "/openapi.json"]
    app.add_middleware(Gate, access=access, limits=limits, metrics=counted, routes=routes)
    return app
