package hook

const sqlFindFields = `SELECT fields FROM carillon.declarations WHERE event = @event`

const sqlFindTable = `
SELECT c.oid, n.nspname AS schema, c.relname AS name, c.relkind::text AS kind,
       (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}')
          FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}')
          FROM pg_catalog.pg_index i
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary) AS key
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = to_regclass(@table)`

const sqlFindTrigger = `
SELECT t.tgfoid = 'carillon.emit_row'::regproc AS ours, t.tgargs
  FROM pg_catalog.pg_trigger t
 WHERE t.tgrelid = @table AND t.tgname = @trigger AND NOT t.tgisinternal`

const sqlSetLockTimeout = `SET LOCAL lock_timeout = '5s'`

// The names are quoted by the caller: a statement of this kind takes no parameters.
const sqlCreateTrigger = `CREATE OR REPLACE TRIGGER %s
  AFTER %s ON %s
  FOR EACH ROW EXECUTE FUNCTION carillon.emit_row(%s)`

const sqlDropTrigger = `DROP TRIGGER IF EXISTS %s ON %s`
