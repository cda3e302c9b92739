package endpoints

const sqlAdd = `
INSERT INTO carillon.endpoints (id, tenant, url, description, events, format, state_since, created_at)
VALUES (@id, @tenant, @url, @description, @events, @format, coalesce(@now, now()), coalesce(@now, now()))`

const sqlAddKey = `
INSERT INTO carillon.endpoint_keys (id, endpoint_id, scheme, secret, sealed_by, public, created_at)
VALUES (@id, @endpoint, @scheme, @secret, @sealed_by, @public, coalesce(@now, now()))`

// sqlExpireKeys lets older keys sign along for a while; what expired is of no use to anybody.
const sqlExpireKeys = `
WITH gone AS (
  DELETE FROM carillon.endpoint_keys
   WHERE endpoint_id = @endpoint AND expires_at <= coalesce(@now, now())),
expiring AS (
  UPDATE carillon.endpoint_keys
     SET expires_at = least(expires_at, coalesce(@now, now()) + make_interval(secs => @overlap))
   WHERE endpoint_id = @endpoint AND id <> @keep
     AND (expires_at IS NULL OR expires_at > coalesce(@now, now()))
  RETURNING id)
SELECT count(*)::int FROM expiring`

// sqlLock keeps two rotations of one endpoint apart.
const sqlLock = `SELECT tenant FROM carillon.endpoints WHERE id = @id AND tenant = @tenant FOR UPDATE`

const sqlList = `
SELECT id, tenant, url, description, events, format, state, reason, state_since, failing_since, created_at
  FROM carillon.endpoints
 WHERE (@tenant::text IS NULL OR tenant = @tenant)
   AND (@ids::uuid[] IS NULL OR id = ANY(@ids))
   AND (@suffix = '' OR right(id::text, 8) = @suffix)
 ORDER BY tenant, id
 LIMIT @most`

const sqlKeys = `
SELECT endpoint_id, id, scheme, public, sealed_by <> '' AS sealed, created_at, expires_at
  FROM carillon.endpoint_keys
 WHERE endpoint_id = ANY(@ids) AND (expires_at IS NULL OR expires_at > coalesce(@now, now()))
 ORDER BY created_at DESC, id DESC`

const sqlSetState = `
UPDATE carillon.endpoints
   SET state = @state, reason = @reason, failing_since = NULL, warned_at = NULL,
       state_since = CASE WHEN state = @state THEN state_since ELSE coalesce(@now, now()) END
 WHERE id = @id AND tenant = @tenant
RETURNING id`

const sqlDelete = `DELETE FROM carillon.endpoints WHERE id = @id AND tenant = @tenant RETURNING id`

// sqlTargets reads endpoints with the secrets of all keys that are valid, newest first.
const sqlTargets = `
SELECT e.id, e.tenant, e.url, e.format, e.state, e.reason, e.failing_since,
       coalesce(array_agg(k.id ORDER BY k.created_at DESC, k.id DESC) FILTER (WHERE k.id IS NOT NULL), '{}') AS key_ids,
       coalesce(array_agg(k.secret ORDER BY k.created_at DESC, k.id DESC) FILTER (WHERE k.id IS NOT NULL), '{}') AS secrets,
       coalesce(array_agg(k.sealed_by ORDER BY k.created_at DESC, k.id DESC) FILTER (WHERE k.id IS NOT NULL), '{}') AS sealed_by
  FROM carillon.endpoints e
  LEFT JOIN carillon.endpoint_keys k ON k.endpoint_id = e.id AND (k.expires_at IS NULL OR k.expires_at > @now)
 WHERE e.id = ANY(@ids)
 GROUP BY e.id`

// sqlSucceed ends the failing of endpoints.
const sqlSucceed = `
UPDATE carillon.endpoints SET failing_since = NULL, warned_at = NULL
 WHERE id = ANY(@ids) AND failing_since IS NOT NULL
RETURNING id`

// sqlGone disables endpoints that said so themselves.
const sqlGone = `
UPDATE carillon.endpoints SET state = 'disabled', reason = 'gone', state_since = @now
 WHERE id = ANY(@ids) AND state = 'enabled'
RETURNING id, tenant, url, failing_since, state = 'disabled' AS disabled`

// sqlFail notes failures, warns once, and disables in the end. It returns the endpoints of which there is news.
const sqlFail = `
WITH failed AS (
  UPDATE carillon.endpoints
     SET failing_since = coalesce(failing_since, @now)
   WHERE id IN (SELECT id FROM carillon.endpoints WHERE id = ANY(@ids) AND state = 'enabled' AND failing_since IS NULL
                 ORDER BY id FOR UPDATE)
  RETURNING id),
overdue AS (
  SELECT id, failing_since <= @now - make_interval(secs => @disable_after) AS disable
    FROM carillon.endpoints
   WHERE id = ANY(@ids) AND state = 'enabled'
     AND (failing_since <= @now - make_interval(secs => @disable_after)
       OR warned_at IS NULL AND failing_since <= @now - make_interval(secs => @warn_after))
   ORDER BY id FOR UPDATE)
UPDATE carillon.endpoints e
   SET warned_at = coalesce(e.warned_at, @now),
       state = CASE WHEN o.disable THEN 'disabled' ELSE e.state END,
       reason = CASE WHEN o.disable THEN 'failing' ELSE e.reason END,
       state_since = CASE WHEN o.disable THEN @now ELSE e.state_since END
  FROM overdue o
 WHERE e.id = o.id
RETURNING e.id, e.tenant, e.url, e.failing_since, o.disable AS disabled`
