CREATE TABLE farm_papers (
  tenant_id TEXT NOT NULL,
  paper_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  heads BIGINT NOT NULL,
  effective_on TEXT NOT NULL,
  source TEXT NOT NULL,
  voids TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  CONSTRAINT pk_farm_papers PRIMARY KEY (tenant_id, paper_id)
);
--
CREATE INDEX ix_farm_papers_subject_id ON farm_papers (tenant_id, subject_id);
--
CREATE TRIGGER farm_papers_append_only BEFORE UPDATE OR DELETE ON farm_papers
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER farm_papers_no_truncate BEFORE TRUNCATE ON farm_papers
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
