CREATE TABLE newest_looks (
  tenant_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  evidence_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  as_of TEXT NOT NULL,
  stage TEXT NOT NULL,
  anomaly_ppm BIGINT,
  received_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_newest_looks PRIMARY KEY (tenant_id, subject_id)
)
--
INSERT INTO newest_looks
SELECT DISTINCT ON (tenant_id, subject_id)
  tenant_id, subject_id, evidence_id, kind, as_of, stage, anomaly_ppm, received_at_ms
FROM evidence
ORDER BY tenant_id, subject_id, as_of DESC, received_at_ms DESC, evidence_id DESC
--
CREATE FUNCTION harvestline_newest_look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- In the order of the subjects, so that two batches of looks wait and never lock each other.
  INSERT INTO newest_looks AS kept
  SELECT DISTINCT ON (tenant_id, subject_id)
    tenant_id, subject_id, evidence_id, kind, as_of, stage, anomaly_ppm, received_at_ms
  FROM added
  ORDER BY tenant_id, subject_id, as_of DESC, received_at_ms DESC, evidence_id DESC
  ON CONFLICT (tenant_id, subject_id) DO UPDATE SET
    evidence_id = excluded.evidence_id, kind = excluded.kind, as_of = excluded.as_of,
    stage = excluded.stage, anomaly_ppm = excluded.anomaly_ppm,
    received_at_ms = excluded.received_at_ms
  WHERE (excluded.as_of, excluded.received_at_ms, excluded.evidence_id)
      > (kept.as_of, kept.received_at_ms, kept.evidence_id);
  RETURN NULL;
END;
$$;
--
CREATE TRIGGER evidence_newest_look AFTER INSERT ON evidence
REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_newest_look();
