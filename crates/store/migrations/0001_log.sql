-- The log and what is written with it. One text for both databases: BIGINT, TEXT and BYTES are the column types, and
-- CLUSTERED marks a table whose rows lie in the order of its primary key (see `Dialect::migration`).
-- Instants are microseconds since 1970 in UTC. Keys of changes and incidents are year * 10000000000 + number.

-- One row: where the log ends. Whoever writes anything updates it first and so has the log to itself.
CREATE TABLE log_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL,
    frontier BYTES NOT NULL,
    last_at BIGINT NOT NULL
);

-- Each server's last batch, to find out after a lost connection whether a commit took place.
CREATE TABLE writer (
    id BIGINT PRIMARY KEY,
    batch BIGINT NOT NULL,
    written_at BIGINT NOT NULL
);

CREATE TABLE event (
    log_index BIGINT PRIMARY KEY,
    stream TEXT NOT NULL,
    version BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    leaf BYTES NOT NULL,
    leaf_hash BYTES NOT NULL,
    private BYTES,
    UNIQUE (stream, version)
);

CREATE TABLE stream (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    last_at BIGINT NOT NULL
) CLUSTERED;

CREATE TABLE checkpoint (
    size BIGINT PRIMARY KEY,
    root BYTES NOT NULL,
    note TEXT NOT NULL,
    signed_at BIGINT NOT NULL
);

-- Roots of full tiles. A tile's hashes are the roots of the tiles below it, or the leaf hashes of its events.
CREATE TABLE tile (
    level BIGINT NOT NULL,
    position BIGINT NOT NULL,
    root BYTES NOT NULL,
    PRIMARY KEY (level, position)
) CLUSTERED;

CREATE TABLE timer (
    id TEXT PRIMARY KEY,
    stream TEXT NOT NULL,
    kind TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    payload TEXT NOT NULL
) CLUSTERED;
CREATE INDEX timer_due ON timer (due_at);

-- A claim moves next_attempt_at into the future, so that nobody else takes the message before the claim is over.
CREATE TABLE outbox (
    id TEXT NOT NULL PRIMARY KEY,
    topic TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    last_error TEXT,
    dead_at BIGINT
);
CREATE INDEX outbox_due ON outbox (next_attempt_at) WHERE dead_at IS NULL;

-- The id is actor and key with a blank between them, which neither can contain.
CREATE TABLE idempotency (
    id TEXT NOT NULL PRIMARY KEY,
    request_digest BYTES NOT NULL,
    status BIGINT NOT NULL,
    body BYTES NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- Rows are never deleted: a fencing token must not come again.
CREATE TABLE lease (
    resource TEXT PRIMARY KEY,
    holder TEXT,
    token BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX lease_expiry ON lease (expires_at) WHERE holder IS NOT NULL;

-- What monitors measured: bounded series, not part of the log.
CREATE TABLE sample (
    change_key BIGINT NOT NULL,
    series TEXT NOT NULL,
    taken_at BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    value BIGINT,
    detail TEXT NOT NULL,
    PRIMARY KEY (change_key, series, taken_at)
) CLUSTERED;

-- Large values that events name by their digest, such as trained models.
CREATE TABLE artifact (
    digest TEXT NOT NULL PRIMARY KEY,
    content BYTES NOT NULL
);

CREATE TABLE change_row (
    change_key BIGINT PRIMARY KEY,
    state TEXT NOT NULL,
    change_type TEXT NOT NULL,
    category TEXT NOT NULL,
    title TEXT NOT NULL,
    title_folded TEXT NOT NULL,
    requester TEXT NOT NULL,
    on_behalf_of TEXT,
    risk_score BIGINT,
    risk_raw BIGINT,
    risk_level TEXT,
    priority BIGINT NOT NULL,
    services TEXT NOT NULL,
    cis TEXT NOT NULL,
    environment TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deadline BIGINT,
    version BIGINT NOT NULL,
    runs_on TEXT,
    outcome TEXT,
    closed_at BIGINT
);
CREATE INDEX change_row_created ON change_row (created_at, change_key);
CREATE INDEX change_row_updated ON change_row (updated_at, change_key);
CREATE INDEX change_row_state ON change_row (state, updated_at, change_key);
CREATE INDEX change_row_requester ON change_row (requester, state, created_at);

CREATE TABLE change_service (
    service TEXT NOT NULL,
    change_key BIGINT NOT NULL,
    PRIMARY KEY (service, change_key)
) CLUSTERED;

CREATE TABLE change_ci (
    ci TEXT NOT NULL,
    change_key BIGINT NOT NULL,
    PRIMARY KEY (ci, change_key)
) CLUSTERED;

CREATE TABLE incident_row (
    incident_key BIGINT PRIMARY KEY,
    change_key BIGINT,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX incident_row_change ON incident_row (change_key);

-- Without a type, an item that no source describes any more.
CREATE TABLE ci_row (
    id TEXT PRIMARY KEY,
    ci_type TEXT,
    tier BIGINT,
    owner TEXT,
    environment TEXT,
    lifecycle TEXT,
    sources TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) CLUSTERED;
CREATE INDEX ci_row_type ON ci_row (ci_type, id);
CREATE INDEX ci_row_updated ON ci_row (updated_at, id);

CREATE TABLE ci_source (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (source, id)
) CLUSTERED;
