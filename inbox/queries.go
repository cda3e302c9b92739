package inbox

// Heads are locked in the order of (tenant, person), so that two batches cannot deadlock.
const sqlInsert = `
WITH x AS (
  SELECT * FROM unnest(@ids::uuid[], @event_ids::uuid[], @tenants::text[], @people::text[], @events::text[],
      @categories::text[], @types::text[], @titles::text[], @messages::text[], @urls::text[], @labels::text[],
      @resource_types::text[], @resource_ids::text[])
    AS x(id, event_id, tenant, person, event, category, notification_type, title, message, action_url, action_label,
         resource_type, resource_id)),
fresh AS MATERIALIZED (
  SELECT id, event_id, tenant, person, event, category, notification_type, title, message, action_url, action_label,
         resource_type, resource_id
    FROM x WHERE NOT EXISTS (SELECT FROM carillon.notifications n WHERE n.id = x.id)),
h AS (
  INSERT INTO carillon.inbox_heads (tenant, person, seq)
  SELECT DISTINCT tenant, person, 1 FROM fresh ORDER BY tenant, person
  ON CONFLICT (tenant, person) DO UPDATE SET seq = carillon.inbox_heads.seq + 1
  RETURNING tenant, person, seq)
INSERT INTO carillon.notifications (id, event_id, tenant, person, event, category, notification_type, title, message,
                                    action_url, action_label, resource_type, resource_id, seq, born_seq)
SELECT id, event_id, tenant, person, event, nullif(category, ''), notification_type, title, message,
       nullif(action_url, ''), nullif(action_label, ''), nullif(resource_type, ''), nullif(resource_id, ''),
       h.seq, h.seq
  FROM fresh JOIN h USING (tenant, person)
ON CONFLICT (id) DO NOTHING`

const sqlMarkRead = `
WITH h AS (
  UPDATE carillon.inbox_heads SET seq = seq + 1
   WHERE tenant = @tenant AND person = @person
     AND EXISTS (SELECT FROM carillon.notifications
                  WHERE tenant = @tenant AND person = @person AND id = ANY(@ids) AND read_at IS NULL)
  RETURNING seq)
UPDATE carillon.notifications n
   SET read_at = now(), seen_at = coalesce(n.seen_at, now()), seq = h.seq
  FROM h
 WHERE n.tenant = @tenant AND n.person = @person AND n.id = ANY(@ids) AND n.read_at IS NULL`

const sqlList = `
SELECT id, event_id, tenant, person, event, coalesce(category, '') AS category, notification_type, title, message,
       coalesce(action_url, '') AS action_url, coalesce(action_label, '') AS action_label,
       coalesce(resource_type, '') AS resource_type, coalesce(resource_id, '') AS resource_id, seq, created_at, read_at
  FROM carillon.notifications
 WHERE tenant = @tenant AND person = @person AND gone_at IS NULL
 ORDER BY id DESC
 LIMIT @limit`

const sqlRead = `
SELECT DISTINCT ON (n.event_id, n.person) n.event_id, n.person, n.id, n.read_at
  FROM unnest(@event_ids::uuid[], @people::text[]) AS x(event_id, person)
  JOIN carillon.notifications n ON n.event_id = x.event_id AND n.person = x.person
 WHERE n.read_at IS NOT NULL
 ORDER BY n.event_id, n.person, n.read_at`
