CREATE TABLE partners (
  tenant_id TEXT NOT NULL,
  partner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  account TEXT NOT NULL,
  registered_by TEXT NOT NULL,
  registered_at_ms BIGINT NOT NULL,
  closed_at_ms BIGINT,
  CONSTRAINT pk_partners PRIMARY KEY (tenant_id, partner_id)
);
--
CREATE TABLE orders (
  tenant_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  supplier TEXT NOT NULL,
  line_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  station TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  currency TEXT NOT NULL,
  total_minor BIGINT NOT NULL,
  goods TEXT NOT NULL,
  deliver_by TEXT NOT NULL,
  valid_until TEXT NOT NULL,
  apr_ppm BIGINT NOT NULL,
  due_on TEXT NOT NULL,
  key_facts TEXT NOT NULL,
  shown_sha256 TEXT NOT NULL,
  content_sha256 TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_orders PRIMARY KEY (tenant_id, order_id)
);
--
CREATE UNIQUE INDEX uq_orders_supplier_reference ON orders (tenant_id, supplier, reference);
--
CREATE INDEX ix_orders_line_id ON orders (tenant_id, line_id);
--
CREATE TRIGGER orders_append_only BEFORE UPDATE OR DELETE ON orders
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER orders_no_truncate BEFORE TRUNCATE ON orders
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TABLE order_steps (
  tenant_id TEXT NOT NULL,
  order_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  on_day TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  actor TEXT NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  reason TEXT NOT NULL,
  detail TEXT NOT NULL,
  CONSTRAINT pk_order_steps PRIMARY KEY (tenant_id, order_id, seq)
);
--
CREATE TRIGGER order_steps_append_only BEFORE UPDATE OR DELETE ON order_steps
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER order_steps_no_truncate BEFORE TRUNCATE ON order_steps
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TABLE sales (
  tenant_id TEXT NOT NULL,
  sale_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  buyer TEXT NOT NULL,
  line_id TEXT NOT NULL,
  farmer_id TEXT NOT NULL,
  sold_on TEXT NOT NULL,
  sold_kg BIGINT NOT NULL,
  currency TEXT NOT NULL,
  proceeds_minor BIGINT NOT NULL,
  to_line_minor BIGINT NOT NULL,
  to_farmer_minor BIGINT NOT NULL,
  content_sha256 TEXT NOT NULL,
  at_ms BIGINT NOT NULL,
  CONSTRAINT pk_sales PRIMARY KEY (tenant_id, sale_id)
);
--
CREATE UNIQUE INDEX uq_sales_buyer_reference ON sales (tenant_id, buyer, reference);
--
CREATE INDEX ix_sales_line_id ON sales (tenant_id, line_id);
--
CREATE TRIGGER sales_append_only BEFORE UPDATE OR DELETE ON sales
FOR EACH ROW EXECUTE FUNCTION harvestline_append_only();
--
CREATE TRIGGER sales_no_truncate BEFORE TRUNCATE ON sales
FOR EACH STATEMENT EXECUTE FUNCTION harvestline_append_only();
--
CREATE TABLE api_requests (
  tenant_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  request_key TEXT NOT NULL,
  request_sha256 TEXT NOT NULL,
  started_at_ms BIGINT NOT NULL,
  status BIGINT,
  media_type TEXT NOT NULL,
  body BYTEA,
  CONSTRAINT pk_api_requests PRIMARY KEY (tenant_id, holder, request_key)
);
--
CREATE INDEX ix_api_requests_started_at_ms ON api_requests (tenant_id, started_at_ms);
--
ALTER TABLE api_tokens ADD COLUMN bound_to TEXT NOT NULL DEFAULT '';
--
ALTER TABLE drawdowns ADD COLUMN order_id TEXT NOT NULL DEFAULT '';
--
ALTER TABLE drawdowns ADD COLUMN supplier TEXT NOT NULL DEFAULT '';
--
ALTER TABLE drawdowns ADD COLUMN goods TEXT NOT NULL DEFAULT '';
