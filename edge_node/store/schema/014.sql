-- The yearly rate that a draw keeps for life, where its product is priced by risk; else nothing.
ALTER TABLE draws ADD COLUMN rate_ppm INTEGER CHECK (rate_ppm IS NULL OR rate_ppm >= 0);
