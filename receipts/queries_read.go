package receipts

const receiptColumns = `
r.id, r.event_id, r.root_id, r.channel, r.transport, r.audience, coalesce(r.recipient, '') AS recipient,
r.recipient_data, coalesce(r.address, '') AS address, r.tenant, r.priority, r.state, coalesce(r.reason, '') AS reason,
r.attempts, r.due_at, r.send_at, r.expires_at, coalesce(r.provider, '') AS provider,
coalesce(r.provider_message_id, '') AS provider_message_id, r.created_at, r.finished_at`

const eventColumns = `
e.id, e.tenant, e.name, coalesce(e.resource_type, '') AS resource_type, coalesce(e.resource_id, '') AS resource_id,
coalesce(e.actor, '') AS actor, e.data, coalesce(e.idempotency_key, '') AS idempotency_key, e.at,
coalesce(e.trace, '') AS trace, e.created_at`

// bounds keep to ids, which are UUIDv7 and so in order of creation. They are never NULL, so that the primary key serves
// them under any plan.
const (
	bounds = `
   AND r.id >= carillon.uuid7_floor(greatest(@since::timestamptz, 'epoch'))
   AND r.id < CASE WHEN @until::timestamptz IS NULL THEN 'ffffffff-ffff-ffff-ffff-ffffffffffff'
                   ELSE carillon.uuid7_floor(greatest(@until, 'epoch')) END
   AND r.id < coalesce(@before::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')`

	receiptFilter = `
       (r.state <> 'expanded' OR @expanded)
   AND (@ids::uuid[] IS NULL OR r.id = ANY(@ids))
   AND (@state = '' OR r.state = @state)
   AND (@reason = '' OR r.reason = @reason)
   AND (@transport = '' OR r.transport = @transport)
   AND (@channel = '' OR r.channel = @channel)
   AND (@recipient = '' OR r.recipient = @recipient OR (r.recipient IS NULL AND r.address = @recipient))
   AND (@tenant::text IS NULL OR r.tenant = @tenant)
   AND (@event_id::uuid IS NULL OR r.event_id = @event_id)
   AND (@provider_id = '' OR r.provider_message_id = @provider_id)
   AND (NOT @by_event OR EXISTS (
         SELECT FROM carillon.events e
          WHERE e.id = r.event_id
            AND (@event = '' OR e.name = @event)
            AND (@resource_type = '' OR e.resource_type = @resource_type)
            AND (@resource_id = '' OR e.resource_id = @resource_id)
            AND (@actor = '' OR e.actor = @actor)))
   AND (@error = '' OR strpos(lower((
         SELECT concat_ws(' ', a.code, a.detail) FROM carillon.attempts a
          WHERE a.receipt_id = r.id ORDER BY a.n DESC LIMIT 1)), lower(@error)) > 0)` + bounds
)

const sqlList = `
SELECT ` + receiptColumns + `
  FROM carillon.receipts r
 WHERE` + receiptFilter + `
 ORDER BY r.id DESC
 LIMIT @limit`

const sqlGet = `SELECT ` + receiptColumns + ` FROM carillon.receipts r WHERE r.id = @id`

const sqlFindReceipts = `SELECT id FROM carillon.receipts WHERE right(id::text, 8) = @suffix LIMIT 2`

const sqlFindEvents = `SELECT id FROM carillon.events WHERE right(id::text, 8) = @suffix LIMIT 2`

const sqlGetEvent = `SELECT ` + eventColumns + ` FROM carillon.events e WHERE e.id = @id`

const sqlOfEvent = `
SELECT ` + receiptColumns + ` FROM carillon.receipts r WHERE r.event_id = @event_id ORDER BY r.id`

const sqlAttempts = `
SELECT n, started_at, finished_at, outcome, class, coalesce(code, '') AS code, coalesce(detail, '') AS detail
  FROM carillon.attempts
 WHERE receipt_id = @id
 ORDER BY n`

const sqlDecisions = `
SELECT decided_at, verdicts FROM carillon.decisions WHERE receipt_id = @id ORDER BY decided_at`

// sqlOfRecipient takes, beside the recipient's own, the roots that name nobody.
const sqlOfRecipient = `
SELECT ` + receiptColumns + `
  FROM carillon.receipts r
 WHERE r.event_id = @event_id
   AND (r.recipient = @recipient
        OR (r.recipient IS NULL AND r.address = @recipient)
        OR (r.recipient IS NULL AND r.address IS NULL AND r.root_id IS NULL AND r.state <> 'expanded'))
 ORDER BY r.id`

const sqlCount = `
SELECT r.state, coalesce(r.reason, '') AS reason, count(*) AS count
  FROM carillon.receipts r
 WHERE` + receiptFilter + `
 GROUP BY r.state, r.reason
 ORDER BY r.state, r.reason`

const sqlListIDs = `
SELECT r.id
  FROM carillon.receipts r
 WHERE r.state = ANY(@in::text[]) AND` + receiptFilter + `
 ORDER BY r.id DESC
 LIMIT @limit`

// sqlTail looks at new ids again for a while, because a transaction that began earlier may commit later.
const sqlTail = `
WITH low AS MATERIALIZED (
  SELECT carillon.uuid7_floor(greatest(@from, coalesce(@now, clock_timestamp()) - make_interval(secs => @overlap))) AS id)
SELECT ` + receiptColumns + `
  FROM carillon.receipts r
 WHERE r.id > @after
   AND r.id IN (
     SELECT id FROM carillon.receipts WHERE id >= (SELECT id FROM low)
     UNION SELECT unnest(@known::uuid[])
     UNION SELECT receipt_id FROM carillon.operation_receipts WHERE operation_id >= (SELECT id FROM low))
   AND` + receiptFilter + `
 ORDER BY r.id
 LIMIT @limit`

const sqlStats = `
SELECT transport, state, coalesce(reason, '') AS reason, count(*) AS count,
       count(*) FILTER (WHERE finished_at > coalesce(@now, now()) - interval '1 hour') AS finished_last_hour,
       extract(epoch FROM coalesce(@now, now()) - min(due_at) FILTER (
         WHERE state IN ('pending', 'waiting') AND due_at <= coalesce(@now, now())))::float8 AS oldest_due_seconds
  FROM carillon.receipts
 WHERE state <> 'expanded'
 GROUP BY transport, state, reason
 ORDER BY transport, state, reason`

// sqlListEvents names the events' id as the bounds do.
const sqlListEvents = `
SELECT ` + eventColumns + `
  FROM carillon.events e CROSS JOIN LATERAL (SELECT e.id) r
 WHERE (@name = '' OR e.name = @name)
   AND (@tenant::text IS NULL OR e.tenant = @tenant)
   AND (@resource_type = '' OR e.resource_type = @resource_type)
   AND (@resource_id = '' OR e.resource_id = @resource_id)
   AND (@actor = '' OR e.actor = @actor)
   AND (@key = '' OR e.idempotency_key = @key)` + bounds + `
 ORDER BY e.id DESC
 LIMIT @limit`
