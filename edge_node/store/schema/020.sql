-- The language that a farmer last chose here; without one, the language of their record counts.
CREATE TABLE chosen_languages (
    farmer_id TEXT PRIMARY KEY,
    language  TEXT NOT NULL CHECK (length(language) BETWEEN 2 AND 3)
) STRICT, WITHOUT ROWID;
