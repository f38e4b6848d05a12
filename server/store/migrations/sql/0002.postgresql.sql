ALTER TABLE lines ADD COLUMN onboarding_lease_id TEXT NOT NULL DEFAULT '';
--
ALTER TABLE lines ADD COLUMN onboarding_minor BIGINT NOT NULL DEFAULT 0;
--
CREATE INDEX ix_lines_onboarding_lease_id ON lines (tenant_id, onboarding_lease_id);
