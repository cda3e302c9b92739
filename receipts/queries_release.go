package receipts

// sqlRelease gives back what was claimed and not begun, as it was, with an alarm that fires at once. The lease ends with
// the last receipt that it holds.
const sqlRelease = `
WITH h AS (
  SELECT token FROM carillon.leases WHERE token = @token FOR UPDATE),
x AS (
  SELECT * FROM unnest(@ids::uuid[], @reasons::text[]) AS x(id, reason)),
r AS (
  UPDATE carillon.receipts r
     SET state = CASE WHEN x.reason = '' THEN 'pending' ELSE 'waiting' END, reason = nullif(x.reason, ''),
         lease_token = NULL,
         job_id = CASE WHEN r.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM h, x
   WHERE r.id = x.id AND r.lease_token = h.token AND r.state = 'resolving'
  RETURNING r.id, r.state, r.transport, r.priority, r.due_at, r.job_id, true AS live),
j AS (` + sqlInsertJobs + `),
l AS (
  DELETE FROM carillon.leases l
   WHERE l.token = @token
     AND NOT EXISTS (SELECT 1 FROM carillon.receipts o
                      WHERE o.id = ANY(l.receipts) AND o.lease_token = @token AND o.id NOT IN (SELECT id FROM r)))
SELECT r.id,
       (SELECT count(*) FROM (
          SELECT carillon.wake(array_agg(DISTINCT carillon.lane(transport, priority))) FROM r HAVING count(*) > 0) w) AS woken
  FROM r`
