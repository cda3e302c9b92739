-- +goose Up

-- Rooms of chat services that are gone: nothing is sent there until then, or ever again if there is no until. A room is
-- named by a digest of the credentials that lead there, so that new ones open it.
CREATE TABLE carillon.chat_rooms (
  transport text NOT NULL,
  room text NOT NULL,
  code text NOT NULL,
  gone_at timestamptz NOT NULL,
  until timestamptz,
  PRIMARY KEY (transport, room)
);

-- Whose message begins the thread about a resource; its id at the provider is the receipt's.
CREATE TABLE carillon.chat_threads (
  transport text NOT NULL,
  tenant text NOT NULL,
  address text NOT NULL,
  resource_type text NOT NULL,
  resource_id text NOT NULL,
  receipt_id uuid NOT NULL REFERENCES carillon.receipts ON DELETE CASCADE,
  PRIMARY KEY (transport, tenant, address, resource_type, resource_id)
);
CREATE INDEX chat_threads_receipt ON carillon.chat_threads (receipt_id);

-- +goose Down
DROP TABLE carillon.chat_threads;
DROP TABLE carillon.chat_rooms;
