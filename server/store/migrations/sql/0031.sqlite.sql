CREATE INDEX ix_decisions_writer_at_ms ON decisions (tenant_id, writer, at_ms);
--
CREATE INDEX ix_decisions_model_sha256_at_ms ON decisions (tenant_id, model_sha256, at_ms);
--
CREATE INDEX ix_shadow_scores_sha256_at_ms ON shadow_scores (tenant_id, sha256, at_ms);
