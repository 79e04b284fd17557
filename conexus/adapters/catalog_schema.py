# SPDX-License-Identifier: FSL-1.1-MIT
"""The catalog's tables, as numbered migrations.

A released migration is never edited: a change of the schema is a new entry at the end.
"""

from __future__ import annotations

from conexus.adapters.sqlite_connection import Schema

_V1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('next_file', 1), ('next_index', 1);

CREATE TABLE repositories (
    id INTEGER PRIMARY KEY,
    repo TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);
CREATE TABLE views (
    id INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    root BLOB NOT NULL UNIQUE,
    head TEXT,
    branch TEXT
);
CREATE TABLE indexes (
    id INTEGER PRIMARY KEY,
    view INTEGER NOT NULL REFERENCES views (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    model TEXT NOT NULL,
    model_fingerprint TEXT NOT NULL,
    dim INTEGER NOT NULL,
    live INTEGER NOT NULL,
    complete INTEGER NOT NULL DEFAULT 0,
    finished REAL
);
CREATE INDEX indexes_view ON indexes (view);

CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    index_id INTEGER NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    hash TEXT NOT NULL,
    checked_ns INTEGER NOT NULL,
    skipped TEXT,
    rules TEXT NOT NULL,
    detail TEXT NOT NULL,
    language TEXT,
    encoding TEXT NOT NULL,
    mode TEXT NOT NULL,
    tags TEXT NOT NULL,
    redactions INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    UNIQUE (index_id, path)
);
CREATE TABLE chunks (
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    id BLOB NOT NULL,
    start_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    kind TEXT NOT NULL,
    symbol TEXT NOT NULL,
    signature TEXT NOT NULL,
    checksum INTEGER NOT NULL
);
CREATE INDEX chunks_file ON chunks (file, ordinal);
CREATE INDEX chunks_id ON chunks (id);
-- Apart from chunks, so that ranking hundreds of them reads few pages. The key is file << 20 | ordinal.
CREATE TABLE texts (key INTEGER PRIMARY KEY, text TEXT NOT NULL, crc INTEGER NOT NULL);
CREATE TRIGGER files_texts AFTER DELETE ON files BEGIN
    DELETE FROM texts WHERE key BETWEEN old.id << 20 AND (old.id << 20) + 1048575;
END;
CREATE TABLE symbols (
    index_id INTEGER NOT NULL,
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    start_byte INTEGER NOT NULL,
    end_byte INTEGER NOT NULL,
    start_line INTEGER NOT NULL,
    end_line INTEGER NOT NULL,
    name_line INTEGER NOT NULL,
    chunk BLOB NOT NULL,
    parent TEXT NOT NULL,
    signature TEXT NOT NULL,
    doc TEXT NOT NULL
);
CREATE INDEX symbols_file ON symbols (file);
CREATE INDEX symbols_key ON symbols (index_id, key, kind, file, start_byte, end_byte);
CREATE TABLE refs (
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    lines TEXT NOT NULL
);
CREATE INDEX refs_file ON refs (file);
CREATE INDEX refs_name ON refs (name);
CREATE TABLE imports (
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    line INTEGER NOT NULL
);
CREATE INDEX imports_file ON imports (file);
CREATE TABLE name_words (
    word TEXT NOT NULL,
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    words INTEGER NOT NULL,
    PRIMARY KEY (word, file)
) WITHOUT ROWID;
CREATE INDEX name_words_file ON name_words (file);

CREATE TABLE journal (
    index_id INTEGER NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
    file INTEGER NOT NULL,
    PRIMARY KEY (index_id, file)
) WITHOUT ROWID;

CREATE TABLE vector_cache (
    model TEXT NOT NULL,
    text_hash BLOB NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (model, text_hash)
);
"""

# How often other files use what a file defines.
_V2 = "ALTER TABLE files ADD COLUMN uses INTEGER NOT NULL DEFAULT 0;"

# API keys, index jobs and webhooks, all of the daemon. ``number`` is the order in which they were made.
_V3 = """
CREATE TABLE api_keys (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    secret_hash TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    repos TEXT,
    created_at REAL NOT NULL,
    expires_at REAL,
    last_used_at REAL,
    revoked_at REAL
);
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    -- The rest of the job as JSON, since paths and messages may hold what is no valid text of SQLite's.
    detail TEXT NOT NULL,
    progress TEXT,
    report TEXT
);
CREATE INDEX jobs_created ON jobs (created_at, number);
CREATE INDEX jobs_unfinished ON jobs (created_at, number) WHERE state IN ('queued', 'running');
CREATE TABLE webhooks (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    created_at REAL NOT NULL,
    secret TEXT NOT NULL
);
"""

# How far an index is behind its tree, a number for each state of it, generations that are kept to go back to, and
# whether somebody went back.
_FRESHNESS = """
ALTER TABLE indexes ADD COLUMN seen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE indexes ADD COLUMN pending INTEGER NOT NULL DEFAULT 0;
ALTER TABLE indexes ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
ALTER TABLE indexes ADD COLUMN retired REAL;
ALTER TABLE views ADD COLUMN pinned TEXT NOT NULL DEFAULT '';
UPDATE indexes SET seen = (SELECT count(*) FROM files WHERE index_id = indexes.id);
"""

# When a repository was last of use; keys of users; the directory with its events. ``licence_marks`` remembers times.
_EDITIONS = """
ALTER TABLE repositories ADD COLUMN used_at REAL;
ALTER TABLE api_keys ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN requests_per_s REAL;
CREATE TABLE directory (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The entry as JSON.
    entry TEXT NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE TABLE change_events (
    number INTEGER PRIMARY KEY,
    type TEXT NOT NULL,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX change_events_at ON change_events (at);
CREATE TABLE licence_marks (name TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE directory_changes (number INTEGER NOT NULL);
INSERT INTO directory_changes VALUES (0);
"""

# File versions that several views share, see conexus.adapters.catalog_pools. The point of a chunk of a salted file has
# another number than the chunk. A view with a ref has no working tree.
_SHARED_FILES = """
ALTER TABLE views ADD COLUMN ref TEXT NOT NULL DEFAULT '';
ALTER TABLE indexes ADD COLUMN pool INTEGER;
CREATE TABLE file_versions (
    id INTEGER PRIMARY KEY,
    index_id INTEGER NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
    path BLOB NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    hash TEXT NOT NULL,
    checked_ns INTEGER NOT NULL,
    skipped TEXT,
    rules TEXT NOT NULL,
    detail TEXT NOT NULL,
    language TEXT,
    encoding TEXT NOT NULL,
    mode TEXT NOT NULL,
    tags TEXT NOT NULL,
    redactions INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    salted INTEGER NOT NULL DEFAULT 0
);
INSERT INTO file_versions SELECT *, 0 FROM files;
DROP TABLE files;
ALTER TABLE file_versions RENAME TO files;
CREATE INDEX files_path ON files (index_id, path);
CREATE TRIGGER files_texts AFTER DELETE ON files BEGIN
    DELETE FROM texts WHERE key BETWEEN old.id << 20 AND (old.id << 20) + 1048575;
END;
CREATE TABLE members (
    index_id INTEGER NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    checked_ns INTEGER NOT NULL,
    uses INTEGER NOT NULL,
    PRIMARY KEY (index_id, file)
) WITHOUT ROWID;
CREATE INDEX members_file ON members (file);
INSERT INTO meta VALUES ('members', 1);
"""

# The part of a generation that callers of one kind may see, see conexus.adapters.catalog_trims.
_TRIMS = """
CREATE TABLE trims (
    id INTEGER PRIMARY KEY,
    index_id INTEGER NOT NULL REFERENCES indexes (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    changed REAL,
    UNIQUE (index_id, key)
);
CREATE TABLE trim_files (
    trim INTEGER NOT NULL REFERENCES trims (id) ON DELETE CASCADE,
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    uses INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (trim, file)
) WITHOUT ROWID;
CREATE INDEX trim_files_file ON trim_files (file);
CREATE TABLE policy_versions (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    actor TEXT NOT NULL,
    note TEXT NOT NULL,
    policies TEXT NOT NULL
);
"""

# Branches that text of a view may be of still, each with a line feed before it; none once a run has looked at all.
_FORMER = "ALTER TABLE views ADD COLUMN former TEXT NOT NULL DEFAULT '';"

# Branches that text of a generation that was replaced may be of, in the same form.
_OF_RETIRED = "ALTER TABLE indexes ADD COLUMN branches TEXT NOT NULL DEFAULT '';"

# What manifests describe and ask for, and which routes and remote methods code serves and calls.
_DEPENDENCIES = """
CREATE TABLE packages_provided (
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    line INTEGER NOT NULL
);
CREATE INDEX packages_provided_file ON packages_provided (file);
CREATE TABLE packages_required (
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    ecosystem TEXT NOT NULL,
    name TEXT NOT NULL,
    version_range TEXT NOT NULL,
    scope TEXT NOT NULL,
    line INTEGER NOT NULL
);
CREATE INDEX packages_required_file ON packages_required (file);
CREATE TABLE endpoints (
    file INTEGER NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    side TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    line INTEGER NOT NULL
);
CREATE INDEX endpoints_file ON endpoints (file);
"""

# A checksum of all that a file's rows say, and indexes that hold a second copy of the rest: SQLite compares
# them with the tables when its integrity is checked. So flipped bits are found.
_CHECKSUMS = """
CREATE TABLE digests (
    file INTEGER PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    digest INTEGER NOT NULL
);
CREATE INDEX files_copy ON files (uses);
CREATE INDEX members_copy ON members (uses);
CREATE INDEX trim_files_copy ON trim_files (uses);
CREATE INDEX repositories_copy ON repositories (name, used_at);
CREATE INDEX views_copy ON views (repository, head, branch, pinned, ref, former);
CREATE INDEX indexes_copy ON indexes (
    fingerprint, model, model_fingerprint, dim, live, complete, finished, seen, pending, revision, retired, pool,
    branches
);
CREATE INDEX api_keys_copy ON api_keys (
    name, role, repos, created_at, expires_at, last_used_at, revoked_at, user, requests_per_s
);
CREATE INDEX webhooks_copy ON webhooks (url, created_at, secret);
CREATE INDEX directory_copy ON directory (entry);
CREATE INDEX change_events_copy ON change_events (type, at, actor, target, detail);
CREATE INDEX policy_versions_copy ON policy_versions (at, actor, note, policies);
"""

CATALOG = Schema(
    "catalog",
    "run `conexus verify --repair`",
    (_V1, _V2, _V3, _FRESHNESS, _EDITIONS, _SHARED_FILES, _TRIMS, _FORMER, _OF_RETIRED, _DEPENDENCIES, _CHECKSUMS),
)
"""The catalog's own part of :mod:`conexus.adapters.sqlite_connection`."""
