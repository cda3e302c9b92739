-- +goose Up

-- What operators did by hand: who, why, and to which receipts. Never what a message says.
CREATE TABLE carillon.operations (
  id uuid PRIMARY KEY,
  action text NOT NULL CHECK (action IN ('cancel', 'send-now', 'retry', 'reopen', 'repair', 'reset-breaker')),
  operator text NOT NULL CHECK (operator <> ''),
  reason text NOT NULL CHECK (reason <> ''),
  filter jsonb NOT NULL,
  matched bigint NOT NULL,
  changed bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- One row per receipt that an operation changed. tries is how many sends had been begun by then: attempts up to that
-- number no longer count against a receipt that was retried or reopened.
CREATE TABLE carillon.operation_receipts (
  operation_id uuid NOT NULL,
  receipt_id uuid NOT NULL,
  left_state text NOT NULL,
  left_reason text,
  tries integer NOT NULL,
  PRIMARY KEY (operation_id, receipt_id)
);
CREATE INDEX operation_receipts_receipt ON carillon.operation_receipts (receipt_id, operation_id);

-- +goose Down
DROP TABLE carillon.operation_receipts;
DROP TABLE carillon.operations;
