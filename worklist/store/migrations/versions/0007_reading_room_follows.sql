-- After the studies from before have their words and facets: else each would fire for each of them.

CREATE TRIGGER study_faceted BEFORE INSERT OR UPDATE ON study
    FOR EACH ROW EXECUTE FUNCTION study_faceted();
CREATE TRIGGER series_facets AFTER INSERT OR UPDATE ON series
    FOR EACH ROW EXECUTE FUNCTION study_touched();
CREATE TRIGGER outcome_facets AFTER INSERT ON outcome
    FOR EACH ROW EXECUTE FUNCTION study_touched();
CREATE TRIGGER outcome_superseded AFTER UPDATE ON outcome
    FOR EACH ROW WHEN (OLD.current IS DISTINCT FROM NEW.current) EXECUTE FUNCTION study_touched();
CREATE TRIGGER study_begun AFTER INSERT ON study
    FOR EACH ROW WHEN (NEW.reading_state = 'unread') EXECUTE FUNCTION study_listed();
CREATE TRIGGER study_listed AFTER UPDATE ON study FOR EACH ROW WHEN (
    (NEW.reading_state, NEW.unpinned, NEW.due_at, NEW.received_at, NEW.facets, NEW.search)
    IS DISTINCT FROM
    (OLD.reading_state, OLD.unpinned, OLD.due_at, OLD.received_at, OLD.facets, OLD.search)
) EXECUTE FUNCTION study_listed();

INSERT INTO worklist_entry
    SELECT study_instance_uid, unpinned, due_at, received_at, facets, search
    FROM study WHERE reading_state = 'unread';

DROP INDEX study_reading_order;
CREATE INDEX study_read_order ON study (received_at, study_instance_uid)
    WHERE reading_state = 'read';

-- A detector that fails on most of the latest studies is told of.
CREATE INDEX outcome_latest ON outcome (detector, finished_at) WHERE kind <> 'not_applicable';
CREATE INDEX assessment_running ON assessment (study_instance_uid, number)
    WHERE started_at IS NOT NULL AND finished_at IS NULL;
