-- +goose Up

-- The built-in directory of who can be reached and how; applications with a table of their own do without it.
CREATE TABLE carillon.people (
  tenant text NOT NULL DEFAULT '',
  id text NOT NULL,
  name text,
  email text,
  phone text,
  locale text,
  timezone text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, id)
);

-- '*' stands for every category or every transport. The most specific row decides.
CREATE TABLE carillon.preferences (
  tenant text NOT NULL DEFAULT '',
  person text NOT NULL,
  category text NOT NULL DEFAULT '*',
  transport text NOT NULL DEFAULT '*',
  choice text NOT NULL CHECK (choice IN ('on', 'off')),
  updated_by text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant, person, category, transport)
);

-- One row per person: the lock and the counter behind the inbox's change feed.
CREATE TABLE carillon.inbox_heads (
  tenant text NOT NULL,
  person text NOT NULL,
  seq bigint NOT NULL DEFAULT 0,
  floor bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, person)
) WITH (fillfactor = 70);

-- id is the receipt's id, which makes a second insert for one receipt impossible. born_seq tells an insert from a
-- later change of the same row.
CREATE TABLE carillon.notifications (
  id uuid PRIMARY KEY,
  event_id uuid NOT NULL,
  tenant text NOT NULL,
  person text NOT NULL,
  event text NOT NULL,
  category text,
  notification_type text NOT NULL,
  title text NOT NULL,
  message text NOT NULL,
  action_url text,
  action_label text,
  resource_type text,
  resource_id text,
  seq bigint NOT NULL,
  born_seq bigint NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  created_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz,
  read_at timestamptz,
  archived_at timestamptz,
  gone_at timestamptz
);
CREATE INDEX notifications_feed ON carillon.notifications (tenant, person, seq);
CREATE INDEX notifications_unread ON carillon.notifications (tenant, person)
  WHERE read_at IS NULL AND gone_at IS NULL;
CREATE INDEX notifications_event ON carillon.notifications (event_id, person);

-- +goose Down
DROP TABLE carillon.notifications;
DROP TABLE carillon.inbox_heads;
DROP TABLE carillon.preferences;
DROP TABLE carillon.people;
