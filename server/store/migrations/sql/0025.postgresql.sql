CREATE TABLE review_marks (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  inputs BIGINT NOT NULL,
  outcome TEXT NOT NULL,
  since_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  CONSTRAINT pk_review_marks PRIMARY KEY (tenant_id, line_id)
)
