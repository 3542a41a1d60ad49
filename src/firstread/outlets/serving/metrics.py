"""What a service counts, for Prometheus to fetch."""

from __future__ import annotations

from firstread.outlets.extra import missing

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
except ModuleNotFoundError as error:
    raise missing(error, "serve", "firstread serve needs it") from None

__all__ = ["CONTENT_TYPE", "Metrics"]

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Counts of one service; no label holds anything that a client chose."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "firstread_requests",
            "HTTP requests by route and status.",
            ("route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "firstread_request_seconds",
            "Seconds from a request's first byte to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._passes = Histogram(
            "firstread_pass_images",
            "Images that shared a pass of the network.",
            buckets=(1, 2, 4, 8, 16, 32),
            registry=self._registry,
        )
        self._under_way = Gauge(
            "firstread_requests_under_way", "Requests with images.", registry=self._registry
        )

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def passed(self, images: int) -> None:
        """Count a pass of the network."""
        self._passes.observe(images)

    def under_way(self, requests: int) -> None:
        """Set how many requests with images are under way."""
        self._under_way.set(requests)

    def page(self) -> bytes:
        """Return all counts in Prometheus's text format."""
        return generate_latest(self._registry)
