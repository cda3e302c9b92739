-- +goose Up

-- Destinations that are in trouble; one that has no row is well. Workers leave them alone until the time is up, and
-- then one of them probes: the one whose lease is named here.
CREATE TABLE carillon.breakers (
  transport text NOT NULL,
  account text NOT NULL,
  host text NOT NULL,
  level smallint NOT NULL DEFAULT 1,
  opened_at timestamptz NOT NULL,
  until timestamptz NOT NULL,
  probe uuid,
  probed_at timestamptz,
  class text NOT NULL,
  code text NOT NULL,
  detail text NOT NULL,
  PRIMARY KEY (transport, account, host)
);

-- What may be sent, by whatever the provider counts. arrival is the theoretical arrival time of GCRA: how far ahead of
-- the clock it is, is how much of the burst is used up. tail is where the queue of those ends who were told to wait.
-- No index is on what changes with every send.
CREATE TABLE carillon.budgets (
  transport text NOT NULL,
  account text NOT NULL,
  key text NOT NULL,
  period double precision NOT NULL DEFAULT 0,
  burst integer NOT NULL DEFAULT 0,
  arrival timestamptz NOT NULL DEFAULT '-infinity',
  tail timestamptz NOT NULL DEFAULT '-infinity',
  held_until timestamptz,
  taken bigint NOT NULL DEFAULT 0,
  waits bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (transport, account, key)
) WITH (fillfactor = 50);
CREATE INDEX budgets_held ON carillon.budgets (held_until) WHERE held_until IS NOT NULL;

-- +goose Down
DROP TABLE carillon.budgets;
DROP TABLE carillon.breakers;
