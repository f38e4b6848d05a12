CREATE OR REPLACE FUNCTION harvestline_line_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Two sessions must not build one entry: the second waits, then sees the header.
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.tenant_id || '/' || NEW.entry_id, 0));
  IF EXISTS (SELECT 1 FROM ledger_entries AS e
             WHERE e.tenant_id = NEW.tenant_id AND e.entry_id = NEW.entry_id) THEN
    RAISE EXCEPTION 'ledger entry is sealed: no line may follow its header';
  END IF;
  RETURN NEW;
END;
$$;
--
CREATE OR REPLACE FUNCTION harvestline_entry_seal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  lines_count bigint;
  unbalanced boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(NEW.tenant_id || '/' || NEW.entry_id, 0));
  IF EXISTS (SELECT 1 FROM ledger_entries AS e
             WHERE e.tenant_id = NEW.tenant_id AND e.entry_id = NEW.entry_id) THEN
    RAISE EXCEPTION 'ledger entry exists: post a reversal instead';
  END IF;
  SELECT coalesce(sum(c.lines_count), 0), coalesce(bool_or(c.total <> 0), false)
    INTO lines_count, unbalanced
    FROM (SELECT count(*) AS lines_count, sum(l.amount_minor) AS total FROM ledger_lines AS l
          WHERE l.tenant_id = NEW.tenant_id AND l.entry_id = NEW.entry_id
          GROUP BY l.currency) AS c;
  IF lines_count < 2 THEN
    RAISE EXCEPTION 'ledger entry needs at least two lines before its header';
  END IF;
  IF unbalanced THEN
    RAISE EXCEPTION 'ledger entry does not sum to zero in each currency';
  END IF;
  RETURN NEW;
END;
$$;
--
ALTER TABLE ledger_entries SET
  (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 200);
--
ALTER TABLE ledger_lines SET
  (autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 400);
