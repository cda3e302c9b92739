-- +goose Up

-- Where web push reaches people: one row for each of their browsers. The endpoint is a URL that only the browser and we
-- know, and can be long, so that it is unique by its digest. refused means that its push service turned our keys down;
-- one of which the service says that it is gone is deleted.
CREATE TABLE carillon.push_subscriptions (
  id uuid PRIMARY KEY,
  tenant text NOT NULL DEFAULT '',
  person text NOT NULL CHECK (person <> ''),
  endpoint text NOT NULL CHECK (endpoint <> ''),
  endpoint_hash bytea NOT NULL UNIQUE CHECK (length(endpoint_hash) = 32),
  p256dh bytea NOT NULL CHECK (length(p256dh) = 65),
  auth bytea NOT NULL CHECK (length(auth) = 16),
  device text NOT NULL DEFAULT '',
  state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'refused')),
  created_at timestamptz NOT NULL,
  last_ok_at timestamptz
);
CREATE INDEX push_subscriptions_person ON carillon.push_subscriptions (tenant, person);

-- What became of a receipt at each device. It is written with the receipt's result, so that a later try leaves out the
-- devices that have the message. The subscription may be gone by now, so what people read of it is kept here.
CREATE TABLE carillon.push_deliveries (
  receipt_id uuid NOT NULL REFERENCES carillon.receipts ON DELETE CASCADE,
  subscription_id uuid NOT NULL,
  device text NOT NULL,
  host text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('accepted', 'gone', 'refused', 'rejected', 'failed', 'unknown')),
  code text NOT NULL,
  tries integer NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (receipt_id, subscription_id)
);

-- +goose Down
DROP TABLE carillon.push_deliveries;
DROP TABLE carillon.push_subscriptions;
