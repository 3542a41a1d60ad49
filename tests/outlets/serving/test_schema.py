"""Schemathesis sends what the OpenAPI document allows, and what it doesn't."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

OPERATIONS = 5


@pytest.fixture
def api(served: str) -> Any:
    return schemathesis.openapi.from_url(f"{served}/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


def quick(examples: int) -> settings:
    """Settings for so many examples in all."""
    checks = list(HealthCheck)
    each = examples // OPERATIONS
    return settings(
        max_examples=each, deadline=None, suppress_health_check=checks, derandomize=True
    )


@schema.parametrize()
@quick(100)
def test_the_service_keeps_to_its_document(case: Any) -> None:
    case.call_and_validate()


@pytest.mark.slow
@schema.parametrize()
@quick(2000)
def test_the_service_keeps_to_its_document_at_length(case: Any) -> None:
    case.call_and_validate()
