-- What a voucher's draw pays for: its supplier, the goods (canonical JSON of their names),
-- and the order that it meets; empty where a draw is cash.
ALTER TABLE draws ADD COLUMN order_id TEXT NOT NULL DEFAULT '';
ALTER TABLE draws ADD COLUMN supplier TEXT NOT NULL DEFAULT '';
ALTER TABLE draws ADD COLUMN goods TEXT NOT NULL DEFAULT '';

-- Orders that suppliers placed for lines of this station, by the centre's newest word.
CREATE TABLE orders (
    order_id TEXT NOT NULL PRIMARY KEY,
    line_id  TEXT NOT NULL,
    down_seq INTEGER NOT NULL,
    body     TEXT NOT NULL
) STRICT;
CREATE INDEX orders_by_line ON orders (line_id, order_id);

-- No order becomes debt twice.
CREATE UNIQUE INDEX draws_of_an_order ON draws (order_id) WHERE order_id <> '' AND state <> 'voided';

-- What the farmer said of an order and of each delivery, once and for all.
CREATE TABLE order_answers (
    order_id    TEXT NOT NULL,
    delivery_no INTEGER NOT NULL CHECK (delivery_no >= 0),
    at_ms       INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (order_id, delivery_no)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER order_answers_remain BEFORE DELETE ON order_answers BEGIN
    SELECT raise(ABORT, 'what a farmer said of an order stays');
END;
CREATE TRIGGER order_answers_stand BEFORE UPDATE ON order_answers BEGIN
    SELECT raise(ABORT, 'what a farmer said of an order is not changed');
END;
