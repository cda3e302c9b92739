-- +goose Up

-- What files of messages hold, once for all messages that have the same. used_at is when one last referred to it, give or
-- take an hour.
CREATE TABLE carillon.attachments (
  hash bytea PRIMARY KEY CHECK (length(hash) = 32),
  content bytea NOT NULL,
  size bigint NOT NULL CHECK (size = length(content)),
  used_at timestamptz NOT NULL
);
-- Files are compressed already, or small.
ALTER TABLE carillon.attachments ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX attachments_used_at ON carillon.attachments (used_at);

-- Which receipts say so. What none refers to may be pruned.
CREATE TABLE carillon.attachment_uses (
  hash bytea NOT NULL REFERENCES carillon.attachments,
  receipt_id uuid NOT NULL REFERENCES carillon.receipts ON DELETE CASCADE,
  PRIMARY KEY (hash, receipt_id)
);
CREATE INDEX attachment_uses_receipt ON carillon.attachment_uses (receipt_id);

-- +goose Down
DROP TABLE carillon.attachment_uses;
DROP TABLE carillon.attachments;
