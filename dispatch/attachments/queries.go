package attachments

// sqlUse notes that a receipt refers to what is stored already, and lists that. Whoever prunes has to wait for it, or is
// waited for. used_at is written once an hour at most, so that a logo that all mails have is no row that all wait for.
const sqlUse = `
WITH a AS (
  SELECT hash FROM carillon.attachments WHERE hash = ANY(@hashes::bytea[]) ORDER BY hash FOR KEY SHARE),
t AS (
  UPDATE carillon.attachments
     SET used_at = coalesce(@now, now())
   WHERE hash IN (
     SELECT hash FROM carillon.attachments
      WHERE hash = ANY(@hashes::bytea[]) AND used_at < coalesce(@now, now()) - interval '1 hour'
      ORDER BY hash FOR NO KEY UPDATE SKIP LOCKED)),
u AS (
  INSERT INTO carillon.attachment_uses (hash, receipt_id)
  SELECT a.hash, @receipt_id FROM a
  ON CONFLICT DO NOTHING)
SELECT hash FROM a`

const sqlStore = `
WITH a AS (
  INSERT INTO carillon.attachments (hash, content, size, used_at)
  VALUES (@hash, @content, length(@content::bytea), coalesce(@now, now()))
  ON CONFLICT (hash) DO UPDATE SET used_at = greatest(carillon.attachments.used_at, excluded.used_at))
INSERT INTO carillon.attachment_uses (hash, receipt_id) VALUES (@hash, @receipt_id)
ON CONFLICT DO NOTHING`

const sqlLoad = `SELECT hash, content FROM carillon.attachments WHERE hash = ANY(@hashes::bytea[])`

// sqlPrune leaves what a receipt refers to, and what was touched lately: a worker may have stored it, and not yet said
// for whom.
const sqlPrune = `
DELETE FROM carillon.attachments a
 WHERE a.hash IN (
         SELECT o.hash
           FROM carillon.attachments o
          WHERE o.used_at < @before
            AND NOT EXISTS (SELECT FROM carillon.attachment_uses u WHERE u.hash = o.hash)
          ORDER BY o.used_at
          LIMIT @most)
   AND a.used_at < @before`
