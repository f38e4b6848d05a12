-- Devices that log in with more than what the centre registered, or through a gateway.

-- What a device or a gateway may log in with at the broker. While a device has a row
-- here, the password that the centre registered no longer counts. until_ms: the end of
-- the overlap of a rotation; none for the one in use. mosquitto: the same password as a
-- Mosquitto password file has it (PBKDF2), for SHA-256 cannot be turned into that.
CREATE TABLE credentials (
    user_name       TEXT NOT NULL,
    password_sha256 TEXT NOT NULL CHECK (length(password_sha256) = 64),
    mosquitto       TEXT NOT NULL,
    created_ms      INTEGER NOT NULL,
    until_ms        INTEGER,
    PRIMARY KEY (user_name, password_sha256)
) STRICT, WITHOUT ROWID;

-- Strangers' carriers: a LoRaWAN server, a herder's phone, a reader at a gate.
CREATE TABLE gateways (
    gateway_id TEXT NOT NULL PRIMARY KEY,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- This station's own word on a device or gateway; what the centre registers does not lift it.
CREATE TABLE standings (
    user_name TEXT NOT NULL PRIMARY KEY,
    standing  TEXT NOT NULL CHECK (standing IN ('quarantined', 'revoked')),
    reason    TEXT NOT NULL,
    at_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Invitations: only the hash of the one-time code is kept.
CREATE TABLE invitations (
    device_id   TEXT NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject_id  TEXT NOT NULL,
    code_sha256 TEXT NOT NULL UNIQUE CHECK (length(code_sha256) = 64),
    made_ms     INTEGER NOT NULL,
    until_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Codes that were tried in vain, so that guessing is bounded.
CREATE TABLE enrolment_failures (
    failure_id INTEGER NOT NULL PRIMARY KEY,
    at_ms      INTEGER NOT NULL
) STRICT;

-- Client certificates that the station's authority has issued.
CREATE TABLE certificates (
    serial       TEXT NOT NULL PRIMARY KEY,
    user_name    TEXT NOT NULL,
    not_after_ms INTEGER NOT NULL,
    issued_ms    INTEGER NOT NULL,
    revoked_ms   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX certificates_by_user ON certificates (user_name);

CREATE TRIGGER credentials_added AFTER INSERT ON credentials BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER credentials_changed AFTER UPDATE ON credentials BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER credentials_removed AFTER DELETE ON credentials BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER gateways_added AFTER INSERT ON gateways BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER gateways_removed AFTER DELETE ON gateways BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER standings_added AFTER INSERT ON standings BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER standings_changed AFTER UPDATE ON standings BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER standings_removed AFTER DELETE ON standings BEGIN
    UPDATE devices_version SET version = version + 1;
END;
CREATE TRIGGER certificates_revoked AFTER UPDATE ON certificates BEGIN
    UPDATE devices_version SET version = version + 1;
END;

-- Where a reading came from that its device could not sign itself, and what tells a
-- repeat of it: heard_key, within a time around at_ms. grade: edge_node.store.foreign.Grade.
CREATE TABLE foreign_readings (
    reading_id     INTEGER NOT NULL PRIMARY KEY,
    device_id      TEXT NOT NULL,
    epoch          TEXT NOT NULL,
    seq            INTEGER NOT NULL CHECK (seq >= 1),
    heard_key      TEXT NOT NULL,
    content_sha256 TEXT NOT NULL CHECK (length(content_sha256) = 64),
    gateway_id     TEXT NOT NULL,
    format         TEXT NOT NULL,
    foreign_id     TEXT NOT NULL,
    grade          TEXT NOT NULL,
    at_ms          INTEGER NOT NULL,
    received_ms    INTEGER NOT NULL,
    message_sha256 TEXT NOT NULL CHECK (length(message_sha256) = 64),
    UNIQUE (device_id, epoch, seq)
) STRICT;

CREATE INDEX foreign_readings_by_key ON foreign_readings (device_id, heard_key, at_ms);
CREATE INDEX foreign_readings_by_age ON foreign_readings (received_ms);

-- Animals' tags as readers saw them: ISO 11784 codes as 15 digits.
CREATE TABLE tag_sightings (
    tag         TEXT NOT NULL,
    device_id   TEXT NOT NULL,
    at_ms       INTEGER NOT NULL,
    error_ms    INTEGER NOT NULL,
    retagged    INTEGER NOT NULL CHECK (retagged BETWEEN 0 AND 7),
    checked     INTEGER NOT NULL CHECK (checked IN (0, 1)),
    received_ms INTEGER NOT NULL,
    PRIMARY KEY (tag, device_id, at_ms)
) STRICT, WITHOUT ROWID;

CREATE INDEX tag_sightings_by_reader ON tag_sightings (device_id, at_ms);
CREATE INDEX tag_sightings_by_age ON tag_sightings (received_ms);

-- For people and for questions: every reading with what vouches for it.
CREATE VIEW readings_by_source AS
SELECT t.device_id, t.epoch, t.seq, t.metric, t.value, t.at_ms, t.received_ms, t.qc,
       coalesce(f.grade, 'signed') AS grade, f.gateway_id, f.format, f.foreign_id
FROM telemetry_readings t
LEFT JOIN foreign_readings f
    ON f.device_id = t.device_id AND f.epoch = t.epoch AND f.seq = t.seq;
