-- The record: when each event was written by the database's clock, days of it sealed, and the way
-- by which whole sealed days may go. Frozen: later versions change it by their own statements.
-- {schema} is the schema of the tables: functions must not find others of the same name.

ALTER TABLE event ADD COLUMN recorded_at TIMESTAMP WITH TIME ZONE;

CREATE INDEX event_recorded ON event (recorded_at);

CREATE INDEX event_ai_started ON event (event_id) WHERE kind = 'ai_started';

CREATE INDEX event_day_sealed ON event (event_id) WHERE kind = 'day_sealed';

CREATE INDEX event_days_removed ON event (event_id) WHERE kind = 'days_removed';

DROP FUNCTION event_digest(bytea, bigint, timestamptz, text, text, text, jsonb);

CREATE FUNCTION event_digest(
    previous bytea, event_id bigint, at timestamptz, kind text, actor text,
    study_instance_uid text, details jsonb, recorded_at timestamptz
) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(previous || convert_to((jsonb_build_array(
        event_id, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        kind, actor, study_instance_uid, details) || CASE WHEN recorded_at IS NULL
            THEN '[]'::jsonb
            ELSE jsonb_build_array(
                to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))
        END)::text, 'UTF8'))
$$;

-- With the owner's rights and a search path of its own: whoever writes an event cannot put
-- another table in the place of the log. The clock never goes back within the log, so that a
-- moment is a point of it and a day a stretch of it.
CREATE OR REPLACE FUNCTION event_chain() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, {schema}, pg_temp AS $$
DECLARE last_event {schema}.event%ROWTYPE;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vigie event log'));
    SELECT * INTO last_event FROM {schema}.event ORDER BY event_id DESC LIMIT 1;
    NEW.event_id := coalesce(last_event.event_id, 0) + 1;
    NEW.recorded_at := greatest(clock_timestamp(), last_event.recorded_at);
    NEW.previous_hash := coalesce(last_event.hash, '\x'::bytea);
    NEW.hash := {schema}.event_digest(NEW.previous_hash, NEW.event_id, NEW.at, NEW.kind, NEW.actor,
                                      NEW.study_instance_uid, NEW.details, NEW.recorded_at);
    RETURN NEW;
END $$;

-- Whole sealed days go when a site's retention says so. The privilege to delete is the owner's;
-- this keeps the owner, too, from doing it by accident.
CREATE OR REPLACE FUNCTION event_unchangeable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'event'
        AND current_setting('vigie.removing_days', true) = 'yes' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the event log is append-only';
END $$;

CREATE TABLE event_day (
    day DATE NOT NULL,
    first_event_id BIGINT NOT NULL,
    last_event_id BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    previous BYTEA NOT NULL,
    sealed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    key_id TEXT NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (day),
    UNIQUE (first_event_id),
    CONSTRAINT has_events CHECK (last_event_id >= first_event_id)
);

CREATE TRIGGER event_day_unchangeable BEFORE UPDATE OR DELETE OR TRUNCATE ON event_day
    FOR EACH STATEMENT EXECUTE FUNCTION event_unchangeable();

CREATE TABLE record_export (
    name TEXT NOT NULL,
    last_event_id BIGINT NOT NULL,
    exported_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (name)
);
