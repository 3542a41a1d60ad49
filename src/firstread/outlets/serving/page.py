"""The page at `/docs`: the OpenAPI document for people, made here, so that it needs no network."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader

_PAGES = Environment(
    loader=PackageLoader("firstread.outlets.serving", "."),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(document: dict[str, Any], address: str) -> str:
    """Return an OpenAPI document as a page of HTML without scripts.

    Parameters
    ----------
    document
        Of OpenAPI 3.1.
    address
        Where the service was called, with a slash at its end.
    """
    return _PAGES.get_template("page.html.j2").render(**document, address=address)
