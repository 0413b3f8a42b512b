-- Runners that have announced themselves. What was seen, not what happened: nothing of it is in the log or in a backup.
CREATE TABLE runner_seen (
    actor TEXT NOT NULL,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    labels TEXT NOT NULL,
    concurrency BIGINT NOT NULL,
    working_on TEXT NOT NULL,
    waiting BIGINT NOT NULL,
    draining BIGINT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (actor, name)
) CLUSTERED;
