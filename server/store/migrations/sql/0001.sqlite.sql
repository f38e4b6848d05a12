CREATE TABLE api_tokens (
  tenant_id TEXT NOT NULL,
  token_sha256 TEXT NOT NULL,
  label TEXT NOT NULL,
  role TEXT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  revoked_at_ms BIGINT,
  CONSTRAINT pk_api_tokens PRIMARY KEY (tenant_id, token_sha256)
);
--
CREATE TABLE applications (
  tenant_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  subject_ids TEXT NOT NULL,
  asked_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  writer TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_applications PRIMARY KEY (tenant_id, application_id),
  CONSTRAINT ck_applications_asked_minor_whole CHECK (typeof(asked_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_applications_farmer_id ON applications (tenant_id, farmer_id);
--
CREATE TABLE audit (
  tenant_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  action TEXT NOT NULL,
  object_kind TEXT NOT NULL,
  object_id TEXT NOT NULL,
  detail TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  CONSTRAINT pk_audit PRIMARY KEY (tenant_id, seq)
);
--
CREATE TABLE consents (
  tenant_id TEXT NOT NULL,
  consent_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  action TEXT NOT NULL,
  purposes TEXT NOT NULL,
  recipient TEXT NOT NULL,
  shown_sha256 TEXT NOT NULL,
  spoken BOOLEAN NOT NULL,
  helped BOOLEAN NOT NULL,
  writer TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  error_ms BIGINT NOT NULL,
  CONSTRAINT pk_consents PRIMARY KEY (tenant_id, consent_id)
);
--
CREATE INDEX ix_consents_farmer_id ON consents (tenant_id, farmer_id);
--
CREATE TABLE daily_features (
  tenant_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  feature TEXT NOT NULL,
  day TEXT NOT NULL,
  value BIGINT NOT NULL,
  coverage_ppm BIGINT NOT NULL,
  readings_count BIGINT NOT NULL,
  readings_sha256 TEXT NOT NULL,
  writer TEXT NOT NULL,
  seq BIGINT NOT NULL,
  CONSTRAINT pk_daily_features PRIMARY KEY (tenant_id, subject_id, feature, day)
);
--
CREATE TABLE decisions (
  tenant_id TEXT NOT NULL,
  card_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  verdict TEXT NOT NULL,
  score BIGINT NOT NULL,
  pd_ppm BIGINT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  model_sha256 TEXT NOT NULL,
  policy_version TEXT NOT NULL,
  document_sha256 TEXT NOT NULL,
  document BLOB NOT NULL,
  replay TEXT NOT NULL,
  replay_detail TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_decisions PRIMARY KEY (tenant_id, card_id),
  CONSTRAINT ck_decisions_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_decisions_application_id ON decisions (tenant_id, application_id);
--
CREATE TABLE devices (
  tenant_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  station TEXT NOT NULL,
  public_key TEXT NOT NULL,
  key_id TEXT NOT NULL,
  password_sha256 TEXT NOT NULL,
  CONSTRAINT pk_devices PRIMARY KEY (tenant_id, device_id)
);
--
CREATE INDEX ix_devices_subject_id ON devices (tenant_id, subject_id);
--
CREATE TABLE dossiers (
  tenant_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  as_of TEXT NOT NULL,
  features TEXT NOT NULL,
  CONSTRAINT pk_dossiers PRIMARY KEY (tenant_id, farmer_id)
);
--
CREATE TABLE drawdowns (
  tenant_id TEXT NOT NULL,
  draw_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  state TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  fee_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  consent_id TEXT NOT NULL,
  apr_ppm BIGINT NOT NULL,
  effective_on TEXT NOT NULL,
  writer TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  settled_at_ms BIGINT,
  flag TEXT NOT NULL,
  CONSTRAINT pk_drawdowns PRIMARY KEY (tenant_id, draw_id),
  CONSTRAINT ck_drawdowns_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT ck_drawdowns_fee_minor_whole CHECK (typeof(fee_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_drawdowns_lease_id ON drawdowns (tenant_id, lease_id);
--
CREATE INDEX ix_drawdowns_line_id ON drawdowns (tenant_id, line_id);
--
CREATE TABLE evidence (
  tenant_id TEXT NOT NULL,
  evidence_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  satellite TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  season_id TEXT NOT NULL,
  as_of TEXT NOT NULL,
  last_clear_on TEXT,
  clear_looks BIGINT NOT NULL,
  stage TEXT NOT NULL,
  stage_observed_on TEXT,
  anomaly_ppm BIGINT,
  yield_p10 BIGINT,
  yield_p50 BIGINT,
  yield_p90 BIGINT,
  received_at_ms BIGINT NOT NULL,
  document BLOB NOT NULL,
  CONSTRAINT pk_evidence PRIMARY KEY (tenant_id, evidence_id)
);
--
CREATE INDEX ix_evidence_subject_id_as_of ON evidence (tenant_id, subject_id, as_of);
--
CREATE TABLE farmers (
  tenant_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  site TEXT NOT NULL,
  name TEXT NOT NULL,
  language TEXT NOT NULL,
  home_station TEXT NOT NULL,
  household_size BIGINT NOT NULL,
  card_sha256 TEXT NOT NULL,
  CONSTRAINT pk_farmers PRIMARY KEY (tenant_id, farmer_id)
);
--
CREATE INDEX ix_farmers_home_station ON farmers (tenant_id, home_station);
--
CREATE TABLE held_envelopes (
  tenant_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  log TEXT NOT NULL,
  stream TEXT NOT NULL,
  first BIGINT NOT NULL,
  last BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  received_at_ms BIGINT NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_held_envelopes PRIMARY KEY (tenant_id, writer, log, stream, first, sha256)
);
--
CREATE TABLE inbound_logs (
  tenant_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  log TEXT NOT NULL,
  stream TEXT NOT NULL,
  high_water BIGINT NOT NULL,
  head TEXT NOT NULL,
  quarantine_reason TEXT NOT NULL,
  CONSTRAINT pk_inbound_logs PRIMARY KEY (tenant_id, writer, log, stream)
);
--
CREATE TABLE inbound_records (
  tenant_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  log TEXT NOT NULL,
  stream TEXT NOT NULL,
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  error_ms BIGINT NOT NULL,
  hash TEXT NOT NULL,
  body TEXT NOT NULL,
  received_at_ms BIGINT NOT NULL,
  flag TEXT NOT NULL,
  CONSTRAINT pk_inbound_records PRIMARY KEY (tenant_id, writer, log, stream, seq)
);
--
CREATE TABLE leases (
  tenant_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  station TEXT NOT NULL,
  product_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  limit_minor BIGINT NOT NULL,
  per_line_minor BIGINT NOT NULL,
  lines_max BIGINT NOT NULL,
  signed_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  posted_at_signing_minor BIGINT NOT NULL,
  pending_at_signing_minor BIGINT NOT NULL,
  leased_at_signing_minor BIGINT NOT NULL,
  document BLOB NOT NULL,
  closed_at_ms BIGINT,
  CONSTRAINT pk_leases PRIMARY KEY (tenant_id, lease_id),
  CONSTRAINT ck_leases_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT ck_leases_limit_minor_whole CHECK (typeof(limit_minor) IN ('integer', 'null')),
  CONSTRAINT ck_leases_per_line_minor_whole CHECK (typeof(per_line_minor) IN ('integer', 'null')),
  CONSTRAINT ck_leases_posted_at_signing_minor_whole CHECK (typeof(posted_at_signing_minor) IN ('integer', 'null')),
  CONSTRAINT ck_leases_pending_at_signing_minor_whole CHECK (typeof(pending_at_signing_minor) IN ('integer', 'null')),
  CONSTRAINT ck_leases_leased_at_signing_minor_whole CHECK (typeof(leased_at_signing_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_leases_line_id ON leases (tenant_id, line_id);
--
CREATE INDEX ix_leases_station_product_id ON leases (tenant_id, station, product_id);
--
CREATE TABLE ledger_entries (
  tenant_id TEXT NOT NULL,
  entry_id TEXT NOT NULL,
  writer TEXT NOT NULL,
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  effective_on TEXT NOT NULL,
  recorded_at_ms BIGINT NOT NULL,
  cause_id TEXT NOT NULL,
  content_sha256 TEXT NOT NULL,
  previous TEXT NOT NULL,
  hash TEXT NOT NULL,
  CONSTRAINT pk_ledger_entries PRIMARY KEY (tenant_id, entry_id)
);
--
CREATE UNIQUE INDEX uq_ledger_entries_cause_id_kind ON ledger_entries (tenant_id, cause_id, kind);
--
CREATE UNIQUE INDEX uq_ledger_entries_writer_seq ON ledger_entries (tenant_id, writer, seq);
--
CREATE TABLE line_subjects (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  CONSTRAINT pk_line_subjects PRIMARY KEY (tenant_id, line_id, subject_id)
);
--
CREATE INDEX ix_line_subjects_subject_id ON line_subjects (tenant_id, subject_id);
--
CREATE TABLE lines (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  card_id TEXT NOT NULL,
  station TEXT NOT NULL,
  currency TEXT NOT NULL,
  limit_minor BIGINT NOT NULL,
  due_on TEXT NOT NULL,
  opened_on TEXT NOT NULL,
  opened_at_ms BIGINT NOT NULL,
  frozen BOOLEAN NOT NULL,
  watch BOOLEAN NOT NULL,
  is_open BOOLEAN NOT NULL,
  closed_at_ms BIGINT,
  reviewed_as_of TEXT NOT NULL,
  supported TEXT NOT NULL,
  movements_count BIGINT NOT NULL,
  CONSTRAINT pk_lines PRIMARY KEY (tenant_id, line_id),
  CONSTRAINT ck_lines_limit_minor_whole CHECK (typeof(limit_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_lines_application_id ON lines (tenant_id, application_id);
--
CREATE INDEX ix_lines_farmer_id ON lines (tenant_id, farmer_id);
--
CREATE TABLE models (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  state TEXT NOT NULL,
  registered_at_ms BIGINT NOT NULL,
  registered_by TEXT NOT NULL,
  document BLOB NOT NULL,
  CONSTRAINT pk_models PRIMARY KEY (tenant_id, sha256)
);
--
CREATE UNIQUE INDEX uq_models_name_version ON models (tenant_id, name, version);
--
CREATE TABLE movements (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  movement_id TEXT NOT NULL,
  movement TEXT NOT NULL,
  as_of TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  limit_before_minor BIGINT NOT NULL,
  limit_minor BIGINT NOT NULL,
  outstanding_minor BIGINT NOT NULL,
  leased_unspent_minor BIGINT NOT NULL,
  terms TEXT NOT NULL,
  views TEXT NOT NULL,
  reasons TEXT NOT NULL,
  evidence_ids TEXT NOT NULL,
  policy_version TEXT NOT NULL,
  supported TEXT NOT NULL,
  watch BOOLEAN NOT NULL,
  CONSTRAINT pk_movements PRIMARY KEY (tenant_id, line_id, seq),
  CONSTRAINT ck_movements_limit_before_minor_whole CHECK (typeof(limit_before_minor) IN ('integer', 'null')),
  CONSTRAINT ck_movements_limit_minor_whole CHECK (typeof(limit_minor) IN ('integer', 'null')),
  CONSTRAINT ck_movements_outstanding_minor_whole CHECK (typeof(outstanding_minor) IN ('integer', 'null')),
  CONSTRAINT ck_movements_leased_unspent_minor_whole CHECK (typeof(leased_unspent_minor) IN ('integer', 'null'))
);
--
CREATE UNIQUE INDEX uq_movements_movement_id ON movements (tenant_id, movement_id);
--
CREATE TABLE outbound_logs (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  high_water BIGINT NOT NULL,
  head TEXT NOT NULL,
  acknowledged BIGINT NOT NULL,
  CONSTRAINT pk_outbound_logs PRIMARY KEY (tenant_id, station)
);
--
CREATE TABLE outbound_records (
  tenant_id TEXT NOT NULL,
  station TEXT NOT NULL,
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  hash TEXT NOT NULL,
  body TEXT NOT NULL,
  CONSTRAINT pk_outbound_records PRIMARY KEY (tenant_id, station, seq)
);
--
CREATE TABLE products (
  tenant_id TEXT NOT NULL,
  policy_version TEXT NOT NULL,
  product_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  content TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  added_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_products PRIMARY KEY (tenant_id, policy_version)
);
--
CREATE UNIQUE INDEX uq_products_product_id_version ON products (tenant_id, product_id, version);
--
CREATE TABLE quarantine (
  tenant_id TEXT NOT NULL,
  quarantine_id TEXT NOT NULL,
  source TEXT NOT NULL,
  log TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  data BLOB NOT NULL,
  CONSTRAINT pk_quarantine PRIMARY KEY (tenant_id, quarantine_id)
);
--
CREATE TABLE repayments (
  tenant_id TEXT NOT NULL,
  repayment_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  effective_on TEXT NOT NULL,
  fee_minor BIGINT NOT NULL,
  interest_minor BIGINT NOT NULL,
  principal_minor BIGINT NOT NULL,
  surplus_minor BIGINT NOT NULL,
  content_sha256 TEXT NOT NULL,
  received_by TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_repayments PRIMARY KEY (tenant_id, repayment_id),
  CONSTRAINT ck_repayments_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null')),
  CONSTRAINT ck_repayments_fee_minor_whole CHECK (typeof(fee_minor) IN ('integer', 'null')),
  CONSTRAINT ck_repayments_interest_minor_whole CHECK (typeof(interest_minor) IN ('integer', 'null')),
  CONSTRAINT ck_repayments_principal_minor_whole CHECK (typeof(principal_minor) IN ('integer', 'null')),
  CONSTRAINT ck_repayments_surplus_minor_whole CHECK (typeof(surplus_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_repayments_line_id ON repayments (tenant_id, line_id);
--
CREATE TABLE satellites (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  public_key TEXT NOT NULL,
  key_id TEXT NOT NULL,
  enrolled_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_satellites PRIMARY KEY (tenant_id, name)
);
--
CREATE UNIQUE INDEX uq_satellites_key_id ON satellites (tenant_id, key_id);
--
CREATE TABLE sites (
  tenant_id TEXT NOT NULL,
  site TEXT NOT NULL,
  name TEXT NOT NULL,
  utc_offset_minutes BIGINT NOT NULL,
  currency TEXT NOT NULL,
  CONSTRAINT pk_sites PRIMARY KEY (tenant_id, site)
);
--
CREATE TABLE stations (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  public_key TEXT NOT NULL,
  key_id TEXT NOT NULL,
  seal_key TEXT NOT NULL,
  seal_key_id TEXT NOT NULL,
  enrolled_at_ms BIGINT NOT NULL,
  seen_at_ms BIGINT,
  clock_offset_ms BIGINT,
  CONSTRAINT pk_stations PRIMARY KEY (tenant_id, name)
);
--
CREATE UNIQUE INDEX uq_stations_key_id ON stations (tenant_id, key_id);
--
CREATE TABLE subjects (
  tenant_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  name TEXT NOT NULL,
  crop TEXT NOT NULL,
  season_id TEXT NOT NULL,
  sown_on TEXT NOT NULL,
  area_m2 BIGINT NOT NULL,
  heads BIGINT NOT NULL,
  pasture_id TEXT NOT NULL,
  polygon_sha256 TEXT NOT NULL,
  geojson TEXT,
  CONSTRAINT pk_subjects PRIMARY KEY (tenant_id, subject_id)
);
--
CREATE INDEX ix_subjects_farmer_id ON subjects (tenant_id, farmer_id);
--
CREATE TABLE telemetry (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  device_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  first_seq BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  writer TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  verified BOOLEAN NOT NULL,
  document BLOB NOT NULL,
  CONSTRAINT pk_telemetry PRIMARY KEY (tenant_id, sha256)
);
--
CREATE TABLE users (
  tenant_id TEXT NOT NULL,
  username TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  role TEXT NOT NULL,
  disabled BOOLEAN NOT NULL,
  created_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_users PRIMARY KEY (tenant_id, username)
);
--
CREATE TABLE ledger_lines (
  tenant_id TEXT NOT NULL,
  entry_id TEXT NOT NULL,
  line_no INTEGER NOT NULL,
  account TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  CONSTRAINT pk_ledger_lines PRIMARY KEY (tenant_id, entry_id, line_no),
  CONSTRAINT ck_ledger_lines_moves_something CHECK (amount_minor <> 0),
  CONSTRAINT fk_ledger_lines_tenant_id_entry_id FOREIGN KEY(tenant_id, entry_id) REFERENCES ledger_entries (tenant_id, entry_id) DEFERRABLE INITIALLY DEFERRED,
  CONSTRAINT ck_ledger_lines_amount_minor_whole CHECK (typeof(amount_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_ledger_lines_account ON ledger_lines (tenant_id, account);
--
CREATE TRIGGER ledger_lines_sealed BEFORE INSERT ON ledger_lines
WHEN EXISTS (
  SELECT 1 FROM ledger_entries AS e
  WHERE e.tenant_id = NEW.tenant_id AND e.entry_id = NEW.entry_id)
BEGIN
  SELECT RAISE(ABORT, 'ledger entry is sealed: no line may follow its header');
END;
--
CREATE TRIGGER ledger_entries_seal BEFORE INSERT ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'ledger entry exists: post a reversal instead') WHERE EXISTS (
    SELECT 1 FROM ledger_entries AS e
    WHERE e.tenant_id = NEW.tenant_id AND e.entry_id = NEW.entry_id);
  SELECT RAISE(ABORT, 'ledger entry needs at least two lines before its header') WHERE (
    SELECT count(*) FROM ledger_lines AS l
    WHERE l.tenant_id = NEW.tenant_id AND l.entry_id = NEW.entry_id) < 2;
  SELECT RAISE(ABORT, 'ledger entry does not sum to zero in each currency') WHERE EXISTS (
    SELECT 1 FROM ledger_lines AS l
    WHERE l.tenant_id = NEW.tenant_id AND l.entry_id = NEW.entry_id
    GROUP BY l.currency HAVING sum(l.amount_minor) <> 0);
END;
--
CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'ledger_entries is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'ledger_entries is append-only: DELETE is refused');
END;
--
CREATE TRIGGER ledger_lines_no_update BEFORE UPDATE ON ledger_lines
BEGIN
  SELECT RAISE(ABORT, 'ledger_lines is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER ledger_lines_no_delete BEFORE DELETE ON ledger_lines
BEGIN
  SELECT RAISE(ABORT, 'ledger_lines is append-only: DELETE is refused');
END;
--
CREATE TRIGGER movements_no_update BEFORE UPDATE ON movements
BEGIN
  SELECT RAISE(ABORT, 'movements is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER movements_no_delete BEFORE DELETE ON movements
BEGIN
  SELECT RAISE(ABORT, 'movements is append-only: DELETE is refused');
END;
--
CREATE TRIGGER applications_no_update BEFORE UPDATE ON applications
BEGIN
  SELECT RAISE(ABORT, 'applications is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER applications_no_delete BEFORE DELETE ON applications
BEGIN
  SELECT RAISE(ABORT, 'applications is append-only: DELETE is refused');
END;
--
CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions
BEGIN
  SELECT RAISE(ABORT, 'decisions is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions
BEGIN
  SELECT RAISE(ABORT, 'decisions is append-only: DELETE is refused');
END;
--
CREATE TRIGGER consents_no_update BEFORE UPDATE ON consents
BEGIN
  SELECT RAISE(ABORT, 'consents is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER consents_no_delete BEFORE DELETE ON consents
BEGIN
  SELECT RAISE(ABORT, 'consents is append-only: DELETE is refused');
END;
--
CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence
BEGIN
  SELECT RAISE(ABORT, 'evidence is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence
BEGIN
  SELECT RAISE(ABORT, 'evidence is append-only: DELETE is refused');
END;
--
CREATE TRIGGER inbound_records_no_update BEFORE UPDATE ON inbound_records
BEGIN
  SELECT RAISE(ABORT, 'inbound_records is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER inbound_records_no_delete BEFORE DELETE ON inbound_records
BEGIN
  SELECT RAISE(ABORT, 'inbound_records is append-only: DELETE is refused');
END;
--
CREATE TRIGGER outbound_records_no_update BEFORE UPDATE ON outbound_records
BEGIN
  SELECT RAISE(ABORT, 'outbound_records is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER outbound_records_no_delete BEFORE DELETE ON outbound_records
BEGIN
  SELECT RAISE(ABORT, 'outbound_records is append-only: DELETE is refused');
END;
--
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
  SELECT RAISE(ABORT, 'audit is append-only: DELETE is refused');
END;
