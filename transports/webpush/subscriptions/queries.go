package subscriptions

// sqlLockPerson keeps two additions for one person apart, so that both count the other.
const sqlLockPerson = `SELECT pg_advisory_xact_lock(hashtextextended('carillon.push_subscriptions/' || @tenant::text || '/' || @person::text, 0))`

const sqlCountOthers = `
SELECT count(*)::int
  FROM carillon.push_subscriptions
 WHERE tenant = @tenant AND person = @person AND endpoint_hash <> @hash`

// sqlAdd stores a subscription, or renews the one with the endpoint. A browser in which somebody else signed in is hers
// from then on, and a new one as far as receipts are concerned.
const sqlAdd = `
INSERT INTO carillon.push_subscriptions AS s
       (id, tenant, person, endpoint, endpoint_hash, p256dh, auth, device, created_at)
VALUES (@id, @tenant, @person, @endpoint, @hash, @p256dh, @auth, @device, coalesce(@now, now()))
ON CONFLICT (endpoint_hash) DO UPDATE
   SET id = CASE WHEN s.tenant = excluded.tenant AND s.person = excluded.person THEN s.id ELSE excluded.id END,
       last_ok_at = CASE WHEN s.tenant = excluded.tenant AND s.person = excluded.person THEN s.last_ok_at END,
       created_at = CASE WHEN s.tenant = excluded.tenant AND s.person = excluded.person THEN s.created_at ELSE excluded.created_at END,
       tenant = excluded.tenant,
       person = excluded.person,
       p256dh = excluded.p256dh,
       auth = excluded.auth,
       device = excluded.device,
       state = 'active'
RETURNING id`

const sqlList = `
SELECT id, tenant, person, endpoint AS host, device, state, created_at, last_ok_at
  FROM carillon.push_subscriptions
 WHERE (@tenant::text IS NULL OR tenant = @tenant)
   AND (@person = '' OR person = @person)
   AND (@ids::uuid[] IS NULL OR id = ANY(@ids))
   AND (@suffix = '' OR right(id::text, 8) = @suffix)
 ORDER BY tenant, person, id
 LIMIT @most`

const sqlActivate = `
UPDATE carillon.push_subscriptions SET state = 'active' WHERE id = @id AND tenant = @tenant RETURNING id`

const sqlRemove = `DELETE FROM carillon.push_subscriptions WHERE id = @id AND tenant = @tenant RETURNING id`

const sqlRemoveEndpoint = `
DELETE FROM carillon.push_subscriptions
 WHERE endpoint_hash = @hash AND tenant = @tenant AND person = @person
RETURNING id`

// sqlTargets reads the devices of people, oldest first, with what became there of their receipt: one row for each
// receipt and device, and those of devices that are gone.
const sqlTargets = `
WITH asked AS (
  SELECT * FROM unnest(@receipts::uuid[], @tenants::text[], @people::text[]) AS a (receipt_id, tenant, person))
SELECT a.receipt_id, s.id, s.endpoint, s.p256dh, s.auth, s.device, s.state, coalesce(d.outcome, '') AS outcome
  FROM asked a
  JOIN carillon.push_subscriptions s ON s.tenant = a.tenant AND s.person = a.person
  LEFT JOIN carillon.push_deliveries d ON d.receipt_id = a.receipt_id AND d.subscription_id = s.id
UNION ALL
SELECT d.receipt_id, d.subscription_id, '', NULL, NULL, d.device, '', d.outcome
  FROM carillon.push_deliveries d
 WHERE d.receipt_id = ANY(@receipts) AND d.outcome = 'accepted'
   AND NOT EXISTS (SELECT FROM carillon.push_subscriptions s WHERE s.id = d.subscription_id)
 ORDER BY 1, 2`

// sqlKeep writes what became of receipts at devices. What a device has, it has. A receipt that is pruned meanwhile has
// nothing to keep.
const sqlKeep = `
INSERT INTO carillon.push_deliveries AS d (receipt_id, subscription_id, device, host, outcome, code, tries, at)
SELECT t.receipt_id, t.subscription_id, t.device, t.host, t.outcome, t.code, 1, @now
  FROM unnest(@receipts::uuid[], @ids::uuid[], @devices::text[], @hosts::text[], @outcomes::text[], @codes::text[])
       AS t (receipt_id, subscription_id, device, host, outcome, code)
  JOIN carillon.receipts r ON r.id = t.receipt_id
 ORDER BY 1, 2
ON CONFLICT (receipt_id, subscription_id) DO UPDATE
   SET outcome = excluded.outcome, code = excluded.code, device = excluded.device, tries = d.tries + 1, at = excluded.at
 WHERE d.outcome <> 'accepted'`

const sqlDeliveries = `
SELECT subscription_id, device, host, outcome, code, tries, at
  FROM carillon.push_deliveries
 WHERE receipt_id = @receipt
 ORDER BY subscription_id`

// sqlAccepted notes which subscriptions work.
const sqlAccepted = `
UPDATE carillon.push_subscriptions SET last_ok_at = @now, state = 'active'
 WHERE id IN (SELECT id FROM carillon.push_subscriptions WHERE id = ANY(@ids) ORDER BY id FOR UPDATE)`

const sqlRefused = `
UPDATE carillon.push_subscriptions SET state = 'refused'
 WHERE id IN (SELECT id FROM carillon.push_subscriptions WHERE id = ANY(@ids) AND state = 'active' ORDER BY id FOR UPDATE)`

const sqlGone = `
DELETE FROM carillon.push_subscriptions
 WHERE id IN (SELECT id FROM carillon.push_subscriptions WHERE id = ANY(@ids) ORDER BY id FOR UPDATE)`
