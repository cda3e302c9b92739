-- +goose Up

-- Where webhooks go. events holds patterns of event names; none takes every event. failing_since is when the last
-- success, if any, was followed by a failure; warned_at, when somebody was told of that.
CREATE TABLE carillon.endpoints (
  id uuid PRIMARY KEY,
  tenant text NOT NULL DEFAULT '',
  url text NOT NULL CHECK (url <> ''),
  description text NOT NULL DEFAULT '',
  events text[] NOT NULL DEFAULT '{}',
  format text NOT NULL CHECK (format IN ('native', 'cloudevents')),
  state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
  reason text NOT NULL DEFAULT '' CHECK (reason IN ('', 'operator', 'gone', 'failing')),
  state_since timestamptz NOT NULL,
  failing_since timestamptz,
  warned_at timestamptz,
  created_at timestamptz NOT NULL,
  CHECK ((state = 'enabled') = (reason = ''))
);
CREATE INDEX endpoints_tenant ON carillon.endpoints (tenant, id);

-- What an endpoint's requests are signed with: every key that has not expired. secret is sealed with the key that
-- sealed_by names, or stands as it is if that is empty.
CREATE TABLE carillon.endpoint_keys (
  id uuid PRIMARY KEY,
  endpoint_id uuid NOT NULL REFERENCES carillon.endpoints ON DELETE CASCADE,
  scheme text NOT NULL CHECK (scheme IN ('hmac', 'ed25519')),
  secret bytea NOT NULL,
  sealed_by text NOT NULL DEFAULT '',
  public text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  expires_at timestamptz
);
CREATE INDEX endpoint_keys_endpoint ON carillon.endpoint_keys (endpoint_id, created_at);

-- +goose Down
DROP TABLE carillon.endpoint_keys;
DROP TABLE carillon.endpoints;
