-- The tables of the first version. Frozen: later versions change them by their own statements.

CREATE TYPE completeness AS ENUM ('complete', 'incomplete');

CREATE TYPE requested_priority AS ENUM ('stat', 'urgent', 'routine');

CREATE TYPE reading_state AS ENUM ('unread', 'read');

CREATE TYPE target_finding AS ENUM ('intracranial_haemorrhage', 'fracture', 'pulmonary_nodule');

CREATE TYPE outcome_kind AS ENUM ('flagged', 'not_flagged', 'not_applicable', 'failed');

CREATE TABLE study (
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    patient_id TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    patient_birth_date DATE,
    patient_sex TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    study_id TEXT NOT NULL,
    study_description TEXT NOT NULL,
    study_at TIMESTAMP WITH TIME ZONE,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    last_received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    instance_count INTEGER NOT NULL,
    expected_instance_count INTEGER,
    arriving BOOLEAN NOT NULL,
    reopened_at TIMESTAMP WITH TIME ZONE,
    completeness completeness,
    assessment_number INTEGER NOT NULL,
    requested_priority requested_priority NOT NULL,
    priority_override requested_priority,
    unpinned BOOLEAN NOT NULL,
    reading_state reading_state NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE NOT NULL,
    due_without_ai_at TIMESTAMP WITH TIME ZONE NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid),
    CONSTRAINT ai_never_delays CHECK (due_at <= due_without_ai_at),
    CONSTRAINT last_after_first CHECK (last_received_at >= received_at)
);

CREATE INDEX study_arriving ON study (last_received_at) WHERE arriving;

CREATE INDEX study_reading_order ON study (unpinned, due_at, received_at, study_instance_uid) WHERE reading_state = 'unread';

CREATE TABLE quarantined_object (
    quarantine_path TEXT NOT NULL,
    reason TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    calling_ae_title TEXT NOT NULL,
    sender_address TEXT NOT NULL,
    PRIMARY KEY (quarantine_path)
);

CREATE TABLE detector (
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    target target_finding,
    weights_sha256 TEXT NOT NULL,
    operating_point DOUBLE PRECISION,
    broken TEXT,
    registered_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE ai_switch (
    single BOOLEAN DEFAULT true NOT NULL,
    whole BOOLEAN NOT NULL,
    detectors TEXT[] NOT NULL,
    PRIMARY KEY (single),
    CONSTRAINT one_row CHECK (single)
);

CREATE TABLE event (
    event_id BIGINT NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    study_instance_uid VARCHAR(64) COLLATE "C",
    details JSONB NOT NULL,
    previous_hash BYTEA NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (event_id)
);

CREATE INDEX event_of_study ON event (study_instance_uid, event_id);

CREATE TABLE series (
    series_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    modality TEXT NOT NULL,
    body_part_examined TEXT NOT NULL,
    series_description TEXT NOT NULL,
    series_number INTEGER,
    PRIMARY KEY (series_instance_uid, study_instance_uid),
    FOREIGN KEY(study_instance_uid) REFERENCES study (study_instance_uid)
);

CREATE INDEX series_of_study ON series (study_instance_uid);

CREATE TABLE study_association (
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    association_id TEXT NOT NULL,
    calling_ae_title TEXT NOT NULL,
    sender_address TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, association_id, calling_ae_title, sender_address),
    FOREIGN KEY(study_instance_uid) REFERENCES study (study_instance_uid)
);

CREATE TABLE assessment (
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    number INTEGER NOT NULL,
    queued_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE,
    finished_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT '0' NOT NULL,
    PRIMARY KEY (study_instance_uid, number),
    CONSTRAINT ends_after_queued CHECK (finished_at IS NULL OR finished_at >= queued_at),
    FOREIGN KEY(study_instance_uid) REFERENCES study (study_instance_uid)
);

CREATE TABLE instance (
    sop_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    series_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    size_bytes BIGINT NOT NULL,
    archive_path TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    calling_ae_title TEXT NOT NULL,
    sender_address TEXT NOT NULL,
    instance_number INTEGER,
    number_of_frames INTEGER NOT NULL,
    rows INTEGER,
    columns INTEGER,
    PRIMARY KEY (sop_instance_uid),
    FOREIGN KEY(series_instance_uid, study_instance_uid) REFERENCES series (series_instance_uid, study_instance_uid),
    UNIQUE (archive_path)
);

CREATE INDEX instance_of_study ON instance (study_instance_uid);

CREATE TABLE outcome (
    outcome_id BIGINT GENERATED BY DEFAULT AS IDENTITY,
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    assessment_number INTEGER NOT NULL,
    detector TEXT NOT NULL,
    detector_version TEXT NOT NULL,
    weights_sha256 TEXT NOT NULL,
    target target_finding NOT NULL,
    operating_point DOUBLE PRECISION NOT NULL,
    kind outcome_kind NOT NULL,
    probability DOUBLE PRECISION,
    reason TEXT,
    regions JSONB NOT NULL,
    provenance JSONB NOT NULL,
    too_late BOOLEAN NOT NULL,
    current BOOLEAN NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (outcome_id),
    FOREIGN KEY(study_instance_uid, assessment_number) REFERENCES assessment (study_instance_uid, number),
    CONSTRAINT kind_has_probability CHECK ((kind IN ('flagged', 'not_flagged')) = (probability IS NOT NULL)),
    CONSTRAINT probability_range CHECK (probability BETWEEN 0 AND 1),
    CONSTRAINT kind_has_reason CHECK ((kind IN ('not_applicable', 'failed')) = (reason IS NOT NULL))
);

CREATE INDEX outcome_of_study ON outcome (study_instance_uid);

CREATE UNIQUE INDEX one_current_outcome ON outcome (study_instance_uid, detector) WHERE current;

CREATE TABLE instance_conflict (
    sop_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    sha256 VARCHAR(64) NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    study_instance_uid VARCHAR(64) COLLATE "C" NOT NULL,
    archive_path TEXT NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    calling_ae_title TEXT NOT NULL,
    PRIMARY KEY (sop_instance_uid, sha256, transfer_syntax_uid),
    FOREIGN KEY(sop_instance_uid) REFERENCES instance (sop_instance_uid)
);

-- The event log: append-only, numbered and hash-chained by the database itself (P10).

CREATE FUNCTION event_digest(
    previous bytea, event_id bigint, at timestamptz, kind text, actor text,
    study_instance_uid text, details jsonb
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(previous || convert_to(jsonb_build_array(
        event_id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        kind, actor, study_instance_uid, details)::text, 'UTF8'))
$$;

-- Numbers and chains each event as it is written. The lock makes writers queue from their first
-- event to their commit, so that the chain has no forks and the numbers no gaps.
CREATE FUNCTION event_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE last_event event%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vigie event log'));
    SELECT * INTO last_event FROM event ORDER BY event_id DESC LIMIT 1;
    NEW.event_id := coalesce(last_event.event_id, 0) + 1;
    NEW.previous_hash := coalesce(last_event.hash, '\x'::bytea);
    NEW.hash := event_digest(NEW.previous_hash, NEW.event_id, NEW.at, NEW.kind, NEW.actor,
                             NEW.study_instance_uid, NEW.details);
    RETURN NEW;
END $$;
CREATE TRIGGER event_chain BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION event_chain();

CREATE FUNCTION event_told() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('vigie_event', json_build_object(
        'event_id', NEW.event_id, 'kind', NEW.kind,
        'study_instance_uid', NEW.study_instance_uid, 'at', NEW.at)::text);
    RETURN NULL;
END $$;
-- What is part of an act on the list as a whole is told once, by that act's own event: thousands at
-- a time would cut every browser off.
CREATE TRIGGER event_told AFTER INSERT ON event FOR EACH ROW
    WHEN (NOT NEW.details ? 'part_of') EXECUTE FUNCTION event_told();

CREATE FUNCTION event_unchangeable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only';
END $$;
CREATE TRIGGER event_unchangeable BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_unchangeable();

INSERT INTO ai_switch (whole, detectors) VALUES (false, '{}');
