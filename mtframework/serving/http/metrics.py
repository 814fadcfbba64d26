"""What the service counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one process, in a registry of their own."""

    def __init__(self):
        self.registry = CollectorRegistry()

        def new(kind, name, text, labels=(), **settings):
            return kind(f"mtframework_{name}", text, labels, registry=self.registry, **settings)

        version = ("version",)
        self.requests = new(
            Counter,
            "requests",
            "Requests by path, status and the versions of the models that answered.",
            ("path", "status", "version"),
        )
        self.seconds = new(
            Histogram,
            "request_seconds",
            "Seconds to the answer.",
            ("path", "version"),
            buckets=_SECONDS,
        )
        self.failures = new(
            Counter, "failures", "Parts of requests that a model did not answer.", version
        )
        self.rows = new(
            Histogram,
            "batch_rows",
            "Queries or pairs answered by one call.",
            version,
            buckets=_ROWS,
        )
        self.waiting = new(Gauge, "waiting_rows", "Queries and pairs that wait.")
        self.queries = new(Counter, "queries", "Queries that were recommended to.", version)
        self.unknown = new(
            Counter, "unknown_queries", "Queries that the model's training never met.", version
        )
        self.empty = new(
            Counter, "empty_answers", "Queries that nothing was recommended to.", version
        )
        self.events = new(Counter, "events", "Events that were written.")

    def text(self) -> bytes:
        """Returns them in Prometheus's text format."""
        return generate_latest(self.registry)
