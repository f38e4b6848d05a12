CREATE TABLE bureau_files (
  tenant_id TEXT NOT NULL,
  file_sha256 TEXT NOT NULL,
  bureau TEXT NOT NULL,
  as_of TEXT NOT NULL,
  rows_count BIGINT NOT NULL,
  key_id TEXT NOT NULL,
  imported_by TEXT NOT NULL,
  imported_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_bureau_files PRIMARY KEY (tenant_id, file_sha256)
);
--
CREATE INDEX ix_bureau_files_bureau ON bureau_files (tenant_id, bureau);
--
CREATE TRIGGER bureau_files_no_update BEFORE UPDATE ON bureau_files
BEGIN
  SELECT RAISE(ABORT, 'bureau_files is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER bureau_files_no_delete BEFORE DELETE ON bureau_files
BEGIN
  SELECT RAISE(ABORT, 'bureau_files is append-only: DELETE is refused');
END;
--
CREATE TABLE bureau_rows (
  tenant_id TEXT NOT NULL,
  file_sha256 TEXT NOT NULL,
  subject_index TEXT NOT NULL,
  currency TEXT NOT NULL,
  dues_minor BIGINT NOT NULL,
  liens_minor BIGINT NOT NULL,
  lenders_count BIGINT NOT NULL,
  late_days BIGINT NOT NULL,
  CONSTRAINT pk_bureau_rows PRIMARY KEY (tenant_id, file_sha256, subject_index, currency),
  CONSTRAINT ck_bureau_rows_dues_minor_whole CHECK (typeof(dues_minor) IN ('integer', 'null')),
  CONSTRAINT ck_bureau_rows_liens_minor_whole CHECK (typeof(liens_minor) IN ('integer', 'null'))
);
--
CREATE TRIGGER bureau_rows_no_update BEFORE UPDATE ON bureau_rows
BEGIN
  SELECT RAISE(ABORT, 'bureau_rows is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER bureau_rows_no_delete BEFORE DELETE ON bureau_rows
BEGIN
  SELECT RAISE(ABORT, 'bureau_rows is append-only: DELETE is refused');
END;
--
CREATE TABLE bureau_answers (
  tenant_id TEXT NOT NULL,
  query_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  bureau TEXT NOT NULL,
  subject_index TEXT NOT NULL,
  consent_id TEXT NOT NULL,
  outcome TEXT NOT NULL,
  file_sha256 TEXT NOT NULL,
  as_of TEXT NOT NULL,
  currency TEXT NOT NULL,
  dues_minor BIGINT,
  liens_minor BIGINT,
  lenders_count BIGINT,
  late_days BIGINT,
  asked_by TEXT NOT NULL,
  asked_at_ms BIGINT NOT NULL,
  CONSTRAINT pk_bureau_answers PRIMARY KEY (tenant_id, query_id),
  CONSTRAINT ck_bureau_answers_dues_minor_whole CHECK (typeof(dues_minor) IN ('integer', 'null')),
  CONSTRAINT ck_bureau_answers_liens_minor_whole CHECK (typeof(liens_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_bureau_answers_farmer_id ON bureau_answers (tenant_id, farmer_id);
--
CREATE TRIGGER bureau_answers_no_update BEFORE UPDATE ON bureau_answers
BEGIN
  SELECT RAISE(ABORT, 'bureau_answers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER bureau_answers_no_delete BEFORE DELETE ON bureau_answers
BEGIN
  SELECT RAISE(ABORT, 'bureau_answers is append-only: DELETE is refused');
END;
--
CREATE TABLE covers (
  tenant_id TEXT NOT NULL,
  cover_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  kind TEXT NOT NULL,
  event TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  party TEXT NOT NULL,
  from_on TEXT NOT NULL,
  until_on TEXT NOT NULL,
  currency TEXT NOT NULL,
  sum_minor BIGINT NOT NULL,
  content TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_covers PRIMARY KEY (tenant_id, cover_id, seq),
  CONSTRAINT ck_covers_sum_minor_whole CHECK (typeof(sum_minor) IN ('integer', 'null'))
);
--
CREATE INDEX ix_covers_farmer_id ON covers (tenant_id, farmer_id);
--
CREATE TRIGGER covers_no_update BEFORE UPDATE ON covers
BEGIN
  SELECT RAISE(ABORT, 'covers is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER covers_no_delete BEFORE DELETE ON covers
BEGIN
  SELECT RAISE(ABORT, 'covers is append-only: DELETE is refused');
END;
--
CREATE TABLE partner_agreements (
  tenant_id TEXT NOT NULL,
  agreement_id TEXT NOT NULL,
  product_id TEXT NOT NULL,
  from_on TEXT NOT NULL,
  until_on TEXT NOT NULL,
  content TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  actor TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_partner_agreements PRIMARY KEY (tenant_id, agreement_id)
);
--
CREATE INDEX ix_partner_agreements_product_id ON partner_agreements (tenant_id, product_id);
--
CREATE TRIGGER partner_agreements_no_update BEFORE UPDATE ON partner_agreements
BEGIN
  SELECT RAISE(ABORT, 'partner_agreements is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER partner_agreements_no_delete BEFORE DELETE ON partner_agreements
BEGIN
  SELECT RAISE(ABORT, 'partner_agreements is append-only: DELETE is refused');
END;
--
CREATE TABLE line_partners (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  partner_id TEXT NOT NULL,
  agreement_id TEXT NOT NULL,
  place BIGINT NOT NULL,
  share_ppm BIGINT NOT NULL,
  first_loss_ppm BIGINT NOT NULL,
  since_on TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_line_partners PRIMARY KEY (tenant_id, line_id, partner_id)
);
--
CREATE INDEX ix_line_partners_partner_id ON line_partners (tenant_id, partner_id);
--
CREATE TRIGGER line_partners_no_update BEFORE UPDATE ON line_partners
BEGIN
  SELECT RAISE(ABORT, 'line_partners is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER line_partners_no_delete BEFORE DELETE ON line_partners
BEGIN
  SELECT RAISE(ABORT, 'line_partners is append-only: DELETE is refused');
END;
--
CREATE TABLE line_rates (
  tenant_id TEXT NOT NULL,
  line_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  rate_ppm BIGINT NOT NULL,
  pd_ppm BIGINT NOT NULL,
  step BIGINT NOT NULL,
  effective_on TEXT NOT NULL,
  as_of TEXT NOT NULL,
  source TEXT NOT NULL,
  reasons TEXT NOT NULL,
  policy_version TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_line_rates PRIMARY KEY (tenant_id, line_id, seq)
);
--
CREATE TRIGGER line_rates_no_update BEFORE UPDATE ON line_rates
BEGIN
  SELECT RAISE(ABORT, 'line_rates is append-only: UPDATE is refused');
END;
--
CREATE TRIGGER line_rates_no_delete BEFORE DELETE ON line_rates
BEGIN
  SELECT RAISE(ABORT, 'line_rates is append-only: DELETE is refused');
END;
--
ALTER TABLE drawdowns ADD COLUMN rate_ppm BIGINT;
--
ALTER TABLE leases ADD COLUMN rate_ppm BIGINT;
