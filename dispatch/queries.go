package dispatch

const sqlEmit = `SELECT event_id::text, duplicate, conflict FROM carillon.emit_event($1, $2::jsonb, $3::jsonb, $4::jsonb)`

const sqlEmitPublished = `SELECT event_id::text, duplicate, conflict FROM carillon.emit($1, $2::jsonb, $3::jsonb)`

const (
	sqlSavepoint         = `SAVEPOINT carillon_emit`
	sqlRollbackSavepoint = `ROLLBACK TO SAVEPOINT carillon_emit`
	sqlReleaseSavepoint  = `RELEASE SAVEPOINT carillon_emit`
)

const sqlPublish = `
INSERT INTO carillon.declarations (event, resource_type, category, fields, channels)
VALUES (@event, @resource_type, nullif(@category, ''), @fields, @channels)
ON CONFLICT (event) DO UPDATE
   SET resource_type = excluded.resource_type, category = excluded.category, fields = excluded.fields,
       channels = excluded.channels, published_at = now()
 WHERE (carillon.declarations.resource_type, carillon.declarations.category, carillon.declarations.fields,
        carillon.declarations.channels)
       IS DISTINCT FROM (excluded.resource_type, excluded.category, excluded.fields, excluded.channels)
RETURNING event`

// sqlEndpoints lists by pattern: an asterisk stands for anything. What a pattern may hold is checked where it is stored.
const sqlEndpoints = `
SELECT e.id::text
  FROM carillon.endpoints e
 WHERE e.tenant = @tenant
   AND (e.events = '{}' OR EXISTS (
     SELECT 1 FROM unnest(e.events) AS p(pattern)
      WHERE @event ~ ('^' || replace(replace(p.pattern, '.', '[.]'), '*', '.*') || '$')))
 ORDER BY e.id`
