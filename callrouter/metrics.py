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
FETCHES = Counter(
    "callrouter_fetches",
    "Recordings that were to be fetched, by what became of a try.",
    ["outcome"],
)
RECORDINGS_MISSING = Gauge(
    "callrouter_recordings_missing", "Answered calls of the last 7 days without their recording."
)
STREAMS = Gauge("callrouter_streams", "Browsers that are connected for live events.")
FORMS = Counter("callrouter_forms", "Forms of sites by what became of them.", ["outcome"])
LOAD_WRONG = Gauge("callrouter_load_wrong", "Counters of load that a recount found wrong.")
LETTERS = Counter("callrouter_letters", "Attempts to send a letter by how they ended.", ["outcome"])
JOBS = Counter("callrouter_jobs", "Attempts at jobs by how they ended.", ["kind", "outcome"])
ORPHANS = Gauge("callrouter_orphan_files", "Recordings' files that no row of the base names.")
BACKUP_AGE = Gauge(
    "callrouter_backup_age_seconds", "Since the newest good backup was made; -1: there is none."
)
BACKUP_LATE = Gauge("callrouter_backup_late", "1 while the newest good backup is over 36 h old.")
BACKUP_BAD = Gauge("callrouter_backup_bad", "1 while the last trial of a backup failed.")
LETTERS_FROZEN = Gauge("callrouter_letters_frozen", "1 while nothing leaves a restored base.")
JOBS_WAITING = Gauge("callrouter_jobs_waiting", "Jobs that are still to be done.", ["kind"])
JOBS_DEAD = Gauge("callrouter_jobs_dead", "Jobs that were given up.", ["kind"])
DISK_FREE = Gauge("callrouter_disk_free_bytes", "Free where the data directory lies.")
WEBHOOKS = Counter(
    "callrouter_webhooks_out",
    "Tries to tell a webhook of an event, by how they ended.",
    ["outcome"],
)
