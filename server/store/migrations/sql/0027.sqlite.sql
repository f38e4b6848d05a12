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
SELECT tenant_id, subject_id, evidence_id, kind, as_of, stage, anomaly_ppm, received_at_ms
FROM (SELECT e.*, row_number() OVER (
        PARTITION BY tenant_id, subject_id
        ORDER BY as_of DESC, received_at_ms DESC, evidence_id DESC) AS place
      FROM evidence AS e)
WHERE place = 1
--
CREATE TRIGGER evidence_newest_look AFTER INSERT ON evidence BEGIN
  INSERT INTO newest_looks
  VALUES (NEW.tenant_id, NEW.subject_id, NEW.evidence_id, NEW.kind, NEW.as_of, NEW.stage,
          NEW.anomaly_ppm, NEW.received_at_ms)
  ON CONFLICT (tenant_id, subject_id) DO UPDATE SET
    evidence_id = excluded.evidence_id, kind = excluded.kind, as_of = excluded.as_of,
    stage = excluded.stage, anomaly_ppm = excluded.anomaly_ppm,
    received_at_ms = excluded.received_at_ms
  WHERE (excluded.as_of, excluded.received_at_ms, excluded.evidence_id)
      > (newest_looks.as_of, newest_looks.received_at_ms, newest_looks.evidence_id);
END
