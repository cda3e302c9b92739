package chat

const (
	sqlFindGone = `
SELECT room, code FROM carillon.chat_rooms
WHERE transport = @transport AND room = ANY(@rooms::text[]) AND (until IS NULL OR until > @now::timestamptz)`

	sqlCloseRooms = `
INSERT INTO carillon.chat_rooms AS c (transport, room, code, gone_at, until)
SELECT @transport, room, code, @now::timestamptz, until
FROM unnest(@rooms::text[], @codes::text[], @untils::timestamptz[]) AS x(room, code, until)
ON CONFLICT (transport, room) DO UPDATE SET code = excluded.code, gone_at = excluded.gone_at, until = excluded.until
RETURNING room`

	sqlFindThreads = `
SELECT
  t.tenant, t.address, t.resource_type, t.resource_id, t.receipt_id,
  coalesce(r.provider_message_id, '') AS message_id, r.finished_at IS NOT NULL AS finished, r.due_at
FROM unnest(@tenants::text[], @addresses::text[], @types::text[], @ids::text[]) AS x(tenant, address, resource_type, resource_id)
JOIN carillon.chat_threads t USING (tenant, address, resource_type, resource_id)
JOIN carillon.receipts r ON r.id = t.receipt_id
WHERE t.transport = @transport`

	// A thread whose first message never came to be begins with another one.
	sqlBeginThreads = `
INSERT INTO carillon.chat_threads AS t (transport, tenant, address, resource_type, resource_id, receipt_id)
SELECT @transport, tenant, address, resource_type, resource_id, receipt_id
FROM unnest(@tenants::text[], @addresses::text[], @types::text[], @ids::text[], @receipts::uuid[])
  AS x(tenant, address, resource_type, resource_id, receipt_id)
ORDER BY 2, 3, 4, 5
ON CONFLICT (transport, tenant, address, resource_type, resource_id) DO UPDATE SET receipt_id = excluded.receipt_id
WHERE NOT EXISTS (
  SELECT FROM carillon.receipts r
  WHERE r.id = t.receipt_id AND (r.finished_at IS NULL OR coalesce(r.provider_message_id, '') <> ''))
RETURNING t.receipt_id`
)
