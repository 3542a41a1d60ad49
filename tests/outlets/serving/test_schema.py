"""Schemathesis sends what the OpenAPI document allows, and what it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

# A document can't say which bytes are an image: files that it allows may well be refused.
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ASKING = 2
"""Operations that take anything; of the others one example says all."""


def keeps_to_its_document(address: str, examples: int) -> int:
    """Send so many examples, half of them against the document; return how many were sent."""
    document = schemathesis.openapi.from_url(f"{address}/openapi.json")
    sent = 0
    for found in document.get_all_operations():
        operation = found.ok()
        asks = operation.method == "post"
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if asks else [None]
        for mode in modes:
            chosen = {} if mode is None else {"generation_mode": mode}
            each = examples // (ASKING * len(modes)) if asks else 1

            @settings(
                max_examples=each,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(**chosen))
            def answered(case: Any) -> None:
                nonlocal sent
                sent += 1
                case.call_and_validate(checks=CHECKS)

            answered()
    return sent


def test_the_service_keeps_to_its_document(served: str) -> None:
    assert keeps_to_its_document(served, 100) >= 100


@pytest.mark.slow
def test_the_service_keeps_to_its_document_at_length(served: str) -> None:
    assert keeps_to_its_document(served, 2000) >= 2000
