"""What is counted and measured, for /metrics."""

from prometheus_client import Counter, Gauge, Histogram

HOOKS = Counter("callrouter_hooks", "Webhooks by how they ended.", ["provider", "event", "status"])
REFUSED = Counter("callrouter_hooks_refused", "Webhooks that were not let in.")
DECISIONS = Counter(
    "callrouter_decisions", "Calls that were told something.", ["decision", "told_by"]
)
ANSWER_SECONDS = Histogram(
    "callrouter_answer_seconds",
    "From the first byte of a hook that asks to its answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.5),
)
BATCH_EVENTS = Histogram(
    "callrouter_batch_events", "Events in one transaction.", buckets=(1, 2, 5, 10, 25, 50, 100, 200)
)
BATCH_SECONDS = Histogram(
    "callrouter_batch_seconds",
    "How long a transaction of events takes.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 1.0),
)
FALLBACKS = Counter("callrouter_fallbacks", "Events answered without the base.")
UNRECORDED = Counter(
    "callrouter_unrecorded", "Calls that were answered though neither base nor spool kept them."
)
BUGS = Counter("callrouter_bugs", "Decisions that failed by our own fault.")
QUARANTINED = Counter("callrouter_quarantined", "Hooks put in quarantine.")
PRESUMED = Counter("callrouter_presumed_ends", "Calls and talks whose end was not reported.")
REPLAYED = Counter("callrouter_replayed", "Spooled events that the base has got since.")
BASE_SILENT = Gauge("callrouter_base_silent", "1 while the base does not answer.")
SPOOL_WAITING = Gauge("callrouter_spool_waiting", "1 while the spool has what the base has not.")
RECORDINGS = Counter(
    "callrouter_recordings", "Recordings that PBXs sent, by what became of them.", ["outcome"]
)
STREAMS = Gauge("callrouter_streams", "Browsers that are connected for live events.")
FORMS = Counter("callrouter_forms", "Forms of sites by what became of them.", ["outcome"])
LOAD_WRONG = Gauge("callrouter_load_wrong", "Counters of load that a recount found wrong.")
