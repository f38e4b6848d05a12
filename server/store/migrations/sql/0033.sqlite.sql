CREATE INDEX ix_evidence_flagged ON evidence (tenant_id, evidence_id) WHERE instr(document, x'22666c616773223a5b7b') > 0;
--
CREATE INDEX ix_agreement_steps_referred ON agreement_steps (tenant_id, agreement_id, seq) WHERE state = 'referred';
--
CREATE INDEX ix_inbound_records_flagged ON inbound_records (tenant_id, received_at_ms) WHERE flag <> '';
--
CREATE INDEX ix_cash_moves_flagged ON cash_moves (tenant_id, recorded_at_ms) WHERE flag <> '';
--
CREATE INDEX ix_applications_at_ms_application_id ON applications (tenant_id, at_ms, application_id);
--
CREATE INDEX ix_audit_action_seq ON audit (tenant_id, action, seq);
