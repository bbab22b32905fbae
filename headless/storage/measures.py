"""Measures: what a worker counts while it works, and how others read it.

Counters of `prometheus_client` in a registry of our own. A worker writes them down with each
heartbeat, so that any process can tell of all workers at once. Labels are channels, outcomes and
jobs, never people, names or addresses. Imports nothing of ours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric

REGISTRY: Final = CollectorRegistry()
SENDS: Final = Counter(
    "headless_sends",
    "Messages that the outbox is through with or puts off, by channel and outcome.",
    ("channel", "outcome"),
    registry=REGISTRY,
)
MOVED: Final = Counter(
    "headless_moved",
    "Contacts and rows that the engine moved, by job.",
    ("job",),
    registry=REGISTRY,
)
BATCH_SECONDS: Final = Histogram(
    "headless_batch_seconds",
    "How long one transaction of the engine or one batch of the outbox took, by job.",
    ("job",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0),
    registry=REGISTRY,
)
FAILED: Final = Counter(
    "headless_batches_failed", "Batches that were rolled back, by job.", ("job",), registry=REGISTRY
)

Sample = tuple[str, dict[str, str], float]
"""The name, the labels and the value of one number."""


@contextmanager
def measured(job: str) -> Iterator[None]:
    """Measure a batch of a job; one that raises counts as failed."""
    with BATCH_SECONDS.labels(job).time(), FAILED.labels(job).count_exceptions():
        yield


def written() -> list[Sample]:
    """All that this process has counted, to be written down."""
    return [
        (sample.name, dict(sample.labels), sample.value)
        for family in REGISTRY.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]


def families(told: Mapping[str, Sequence[Sample]]) -> Iterable[Metric]:
    """What workers (name -> what it wrote down) have counted, each with its name as a label."""
    for family in REGISTRY.collect():
        known = {family.name + ending for ending in ("", "_total", "_count", "_sum", "_bucket")}
        made = Metric(family.name, family.documentation, family.type)
        for worker, samples in told.items():
            for name, labels, value in samples:
                if name in known:
                    made.add_sample(name, {**labels, "worker": worker}, value)
        yield made
