package receipts

// An operation passes over locked receipts, and waits for one only while it holds no other, so that it waits for nobody
// who waits for it: a lock taken on a row that then turns out to have moved on is kept like any other. Nothing changes
// without the row that says who and why.

const sqlStartOperation = `
INSERT INTO carillon.operations (id, action, operator, reason, filter, matched, created_at)
VALUES (carillon.uuid7(), @action, @operator, @reason, @filter, @matched, coalesce(@now, now()))
RETURNING id, action, operator, reason, filter, matched, changed, created_at`

// sqlLocked is how every operation begins: with the receipts that it may move, locked.
const sqlLocked = `
WITH op AS (
  SELECT id FROM carillon.operations WHERE id = @operation),
free AS MATERIALIZED (
  SELECT r.id, r.state, r.reason, r.job_id
    FROM carillon.receipts r
   WHERE NOT @wait AND r.id = ANY(@ids::uuid[]) AND r.state = ANY(@from::text[])
     FOR UPDATE SKIP LOCKED),
waited AS MATERIALIZED (
  SELECT r.id, r.state, r.reason, r.job_id
    FROM carillon.receipts r
   WHERE @wait AND r.id = ANY(@ids::uuid[]) AND r.state = ANY(@from::text[])
     FOR UPDATE),
o AS (
  SELECT id, state, reason, job_id FROM free UNION ALL SELECT id, state, reason, job_id FROM waited),`

// dropAlarms deletes the jobs of the rows of r, unless River has one in hand: that one will find nothing to claim.
const dropAlarms = `
g AS (
  SELECT id FROM carillon.river_job
   WHERE id IN (SELECT left_job FROM r) AND state IN ('available', 'scheduled', 'retryable')
     FOR UPDATE SKIP LOCKED),
d AS (
  DELETE FROM carillon.river_job WHERE id IN (SELECT id FROM g)),`

// noteOperation writes down what the rows of r left, and returns them.
const noteOperation = `
p AS (
  INSERT INTO carillon.operation_receipts (operation_id, receipt_id, left_state, left_reason, tries)
  SELECT @operation, r.id, r.left_state, r.left_reason, r.tries FROM r
  ON CONFLICT DO NOTHING),
n AS (
  UPDATE carillon.operations SET changed = changed + (SELECT count(*) FROM r) WHERE id = @operation)
SELECT r.id, r.left_state, coalesce(r.left_reason, '') AS left_reason, r.renewed,
       (SELECT count(*) FROM (
          SELECT carillon.wake(array_agg(DISTINCT carillon.lane(transport, priority))) FROM r
           WHERE live HAVING count(*) > 0) w) AS woken
  FROM r
 ORDER BY r.id`

const sqlCancel = sqlLocked + `
r AS (
  UPDATE carillon.receipts r
     SET state = 'cancelled', reason = 'operator', finished_at = coalesce(@now, now()), lease_token = NULL, job_id = NULL
    FROM o, op
   WHERE r.id = o.id AND r.state = ANY(@from::text[])
  RETURNING r.id, r.transport, r.priority, r.job_id, false AS live, r.tries, o.job_id AS left_job, o.state AS left_state,
            o.reason AS left_reason, false AS renewed),` + dropAlarms + noteOperation

const sqlSendNow = sqlLocked + `
r AS (
  UPDATE carillon.receipts r
     SET state = 'pending', reason = NULL, due_at = least(r.due_at, coalesce(@now, now())),
         send_at = CASE WHEN r.send_at <= coalesce(@now, now()) THEN r.send_at END,
         job_id = CASE WHEN r.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM o, op
   WHERE r.id = o.id AND r.state = ANY(@from::text[])
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id, true AS live, r.tries, o.job_id AS left_job, o.state AS left_state,
            o.reason AS left_reason, false AS renewed),
j AS (` + sqlInsertJobs + `),` + dropAlarms + noteOperation

// sqlReopen keeps what was stored of content and recipient, but for what the receipt failed over. A fixed address that
// came from the audience is asked for again; a child's own cannot be.
const sqlReopen = sqlLocked + `
r AS (
  UPDATE carillon.receipts r
     SET state = 'pending', reason = NULL, attempts = 0, crashes = 0, finished_at = NULL, due_at = coalesce(@now, now()),
         renewed_at = coalesce(@now, now()),
         expires_at = CASE WHEN o.state <> 'expired' AND r.expires_at > coalesce(@now, now()) THEN r.expires_at END,
         address = CASE WHEN o.reason = 'bad_address' AND (r.recipient IS NOT NULL OR r.root_id IS NULL)
                        THEN NULL ELSE r.address END,
         recipient_data = CASE WHEN o.reason = 'bad_address' AND r.recipient IS NULL AND r.root_id IS NULL
                               THEN NULL ELSE r.recipient_data END,
         job_id = CASE WHEN r.priority < 3 THEN nextval('carillon.river_job_id_seq') END
    FROM o, op
   WHERE r.id = o.id AND r.state = ANY(@from::text[])
  RETURNING r.id, r.transport, r.priority, r.due_at, r.job_id, true AS live, r.tries, o.state AS left_state, o.reason AS left_reason,
            o.reason IN ('render', 'bad_address') AS renewed),
c AS (
  DELETE FROM carillon.contents c USING r WHERE c.receipt_id = r.id AND c.receipt_id = ANY(@ids::uuid[]) AND r.renewed),
j AS (` + sqlInsertJobs + `),` + noteOperation

// sqlStates asks after receipts that an operation left alone.
const sqlStates = `
SELECT id, state, coalesce(reason, '') AS reason
  FROM carillon.receipts
 WHERE id = ANY(@ids::uuid[])
 ORDER BY id`

const sqlOperations = `
SELECT o.id, o.action, o.operator, o.reason, o.filter, o.matched, o.changed, o.created_at, x.left_state,
       coalesce(x.left_reason, '') AS left_reason
  FROM carillon.operation_receipts x JOIN carillon.operations o ON o.id = x.operation_id
 WHERE x.receipt_id = @id
 ORDER BY o.id`
