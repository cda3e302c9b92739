package flow

// Every time is the database's, and leaves it only as the seconds from now: workers need not agree on what time it is.

// sqlReadState lists what stops sends. It reads only what is in trouble. A breaker that would be open for longer than
// any is was opened before the clock was put back, and may be probed now.
const sqlReadState = `
WITH clock AS MATERIALIZED (
  SELECT coalesce(@now, clock_timestamp()) AS now)
SELECT 'breaker' AS kind, b.transport, b.account, b.host AS name,
       CASE WHEN b.until <= clock.now + make_interval(secs => @most)
            THEN extract(epoch FROM b.until - clock.now)::float8 ELSE 0 END AS wait,
       b.level
  FROM carillon.breakers b, clock
UNION ALL
SELECT 'hold', b.transport, b.account, b.key, extract(epoch FROM b.held_until - clock.now)::float8, 0
  FROM carillon.budgets b, clock
 WHERE b.held_until > clock.now`

// sqlOpenBreakers opens those that are closed, and leaves open ones as they are: what fails after somebody else opened
// was on its way before.
const sqlOpenBreakers = `
INSERT INTO carillon.breakers AS b (transport, account, host, opened_at, until, class, code, detail)
SELECT x.transport, x.account, x.host, coalesce(@now, clock_timestamp()),
       coalesce(@now, clock_timestamp()) + make_interval(secs => @first), x.class, x.code, x.detail
  FROM unnest(@transports::text[], @accounts::text[], @hosts::text[], @classes::text[], @codes::text[], @details::text[])
    AS x(transport, account, host, class, code, detail)
 ORDER BY x.transport, x.account, x.host
ON CONFLICT (transport, account, host) DO UPDATE SET detail = b.detail
RETURNING b.transport, b.account, b.host, b.level,
          extract(epoch FROM b.until - coalesce(@now, clock_timestamp()))::float8 AS wait`

// sqlReopenBreakers is for probes that failed.
const sqlReopenBreakers = `
UPDATE carillon.breakers b
   SET level = least(b.level + 1, 20), probe = NULL, probed_at = NULL, class = x.class, code = x.code, detail = x.detail,
       until = coalesce(@now, clock_timestamp()) + make_interval(secs => least(@most, @first * 2 ^ b.level))
  FROM unnest(@transports::text[], @accounts::text[], @hosts::text[], @classes::text[], @codes::text[], @details::text[], @tokens::uuid[])
    AS x(transport, account, host, class, code, detail, token)
 WHERE (b.transport, b.account, b.host) = (x.transport, x.account, x.host) AND b.probe = x.token
RETURNING b.transport, b.account, b.host, b.level,
          extract(epoch FROM b.until - coalesce(@now, clock_timestamp()))::float8 AS wait`

// sqlCloseBreakers is for probes that were answered.
const sqlCloseBreakers = `
DELETE FROM carillon.breakers b
 USING unnest(@transports::text[], @accounts::text[], @hosts::text[], @tokens::uuid[]) AS x(transport, account, host, token)
 WHERE (b.transport, b.account, b.host) = (x.transport, x.account, x.host) AND b.probe = x.token`

// sqlProbeBreakers lets the batch probe what nobody else probes. A probe ends with the lease of its batch. How old it is
// is asked as well, because whoever waited here for the row sees the leases as they were before.
const sqlProbeBreakers = `
WITH x AS MATERIALIZED (
  SELECT x.transport, x.account, x.host
    FROM unnest(@transports::text[], @accounts::text[], @hosts::text[]) AS x(transport, account, host)),
p AS (
  UPDATE carillon.breakers b
     SET probe = @token, probed_at = coalesce(@now, clock_timestamp())
    FROM x
   WHERE (b.transport, b.account, b.host) = (x.transport, x.account, x.host)
     AND (b.until <= coalesce(@now, clock_timestamp())
          OR b.until > coalesce(@now, clock_timestamp()) + make_interval(secs => @most))
     AND (b.probe IS NULL
          OR (b.probed_at < coalesce(@now, clock_timestamp()) - make_interval(secs => @settled)
              AND NOT EXISTS (SELECT FROM carillon.leases l
                               WHERE l.token = b.probe AND l.until > coalesce(@now, clock_timestamp()))))
  RETURNING b.transport, b.account, b.host)
SELECT x.transport, x.account, x.host, p.host IS NOT NULL AS won, b.host IS NOT NULL AS open,
       coalesce(b.level, 0) AS level,
       coalesce(extract(epoch FROM b.until - coalesce(@now, clock_timestamp())), 0)::float8 AS wait
  FROM x
  LEFT JOIN p USING (transport, account, host)
  LEFT JOIN carillon.breakers b USING (transport, account, host)`

// sqlHoldBudgets stops every worker.
const sqlHoldBudgets = `
INSERT INTO carillon.budgets AS b (transport, account, key, held_until)
SELECT x.transport, x.account, x.key, coalesce(@now, clock_timestamp()) + make_interval(secs => x.wait)
  FROM unnest(@transports::text[], @accounts::text[], @keys::text[], @waits::float8[]) AS x(transport, account, key, wait)
 ORDER BY x.transport, x.account, x.key
ON CONFLICT (transport, account, key) DO UPDATE SET held_until = greatest(b.held_until, excluded.held_until)`

// sqlAddBudgets is asked once for each budget in its life.
const sqlAddBudgets = `
INSERT INTO carillon.budgets (transport, account, key)
SELECT x.transport, x.account, x.key
  FROM unnest(@transports::text[], @accounts::text[], @keys::text[]) AS x(transport, account, key)
 ORDER BY x.transport, x.account, x.key
ON CONFLICT DO NOTHING`

// sqlTakeTokens decides for a whole batch. Critical receipts may take everything, the others leave the share that is kept
// for those. Of the others come first who were told to wait before; whoever is new stands behind them, at the tail, as
// long as they come. What is asked for beyond the batch is given only if everybody is served. The rows are locked, in
// their order, before the clock is read. An arrival further ahead than the burst is from before the clock was put back.
const sqlTakeTokens = `
WITH x AS MATERIALIZED (
  SELECT x.transport, x.account, x.key, x.period, x.burst, x.kept, x.critical, x.waited, x.fresh, x.extra
    FROM unnest(@transports::text[], @accounts::text[], @keys::text[], @periods::float8[], @bursts::int[], @kepts::int[],
                @criticals::int[], @waiteds::int[], @freshes::int[], @extras::int[])
      AS x(transport, account, key, period, burst, kept, critical, waited, fresh, extra)),
b AS MATERIALIZED (
  SELECT b.transport, b.account, b.key, b.arrival, b.tail, b.held_until
    FROM carillon.budgets b
   WHERE (b.transport, b.account, b.key) IN (SELECT x.transport, x.account, x.key FROM x)
   ORDER BY b.transport, b.account, b.key
     FOR UPDATE),
t AS MATERIALIZED (
  SELECT b.transport, b.account, b.key, b.arrival, b.tail, b.held_until, coalesce(@now, clock_timestamp()) AS now FROM b),
r AS MATERIALIZED (
  SELECT t.transport, t.account, t.key, t.now, x.period, x.burst, s.held, g.critical, g.waited, l.fresh, e.extra, n.taken,
         n.ahead, n.refused, x.fresh - l.fresh AS queued, w.critical_wait, w.wait,
         least(@longest, greatest(s.tail, w.wait + (x.waited - g.waited) * x.period)) AS tail_wait
    FROM x JOIN t USING (transport, account, key)
   CROSS JOIN LATERAL (SELECT
     greatest(0, extract(epoch FROM t.held_until - t.now))::float8 AS held,
     CASE WHEN t.arrival > t.now THEN least(x.burst * x.period, extract(epoch FROM t.arrival - t.now)) ELSE 0 END::float8 AS ahead,
     CASE WHEN t.tail > t.now THEN extract(epoch FROM t.tail - t.now) ELSE 0 END::float8 AS tail) s
   CROSS JOIN LATERAL (SELECT
     CASE WHEN s.held > 0 THEN 0 ELSE greatest(0, floor(x.burst - s.ahead / x.period + 0.000001))::int END AS free) f
   CROSS JOIN LATERAL (SELECT
     least(x.critical, f.free) AS critical,
     least(x.waited, greatest(0, f.free - least(x.critical, f.free) - x.kept)) AS waited) g
   CROSS JOIN LATERAL (SELECT
     CASE WHEN s.tail > 0 AND s.ahead > 0 THEN 0
          ELSE least(x.fresh, greatest(0, f.free - g.critical - g.waited - x.kept)) END AS fresh) l
   CROSS JOIN LATERAL (SELECT
     CASE WHEN g.critical + g.waited + l.fresh < x.critical + x.waited + x.fresh THEN 0
          ELSE least(x.extra, greatest(0, f.free - g.critical - g.waited - l.fresh - x.kept)) END AS extra) e
   CROSS JOIN LATERAL (SELECT
     g.critical + g.waited + l.fresh + e.extra AS taken,
     x.critical + x.waited + x.fresh - g.critical - g.waited - l.fresh AS refused,
     s.ahead + (g.critical + g.waited + l.fresh + e.extra) * x.period AS ahead) n
   CROSS JOIN LATERAL (SELECT
     greatest(s.held, n.ahead - (x.burst - 1) * x.period) AS critical_wait,
     greatest(s.held, n.ahead - (x.burst - 1 - x.kept) * x.period) AS wait) w),
u AS (
  UPDATE carillon.budgets b
     SET arrival = CASE WHEN r.ahead > 0 THEN r.now + make_interval(secs => r.ahead) ELSE b.arrival END,
         tail = CASE WHEN r.queued > 0
                     THEN r.now + make_interval(secs => least(@longest, r.tail_wait + r.queued * r.period)) ELSE b.tail END,
         held_until = CASE WHEN r.held > 0 THEN b.held_until END,
         period = r.period, burst = r.burst, taken = b.taken + r.taken, waits = b.waits + r.refused
    FROM r
   WHERE (b.transport, b.account, b.key) = (r.transport, r.account, r.key))
SELECT r.transport, r.account, r.key, r.critical, r.waited, r.fresh, r.extra, r.critical_wait, r.wait, r.tail_wait
  FROM r`

const sqlListBreakers = `
SELECT b.transport, b.account, b.host, b.level, b.opened_at, b.until, b.class, b.code, b.detail,
       EXISTS (SELECT FROM carillon.leases l
                WHERE l.token = b.probe AND l.until > coalesce(@now, clock_timestamp())) AS probing,
       b.until > coalesce(@now, clock_timestamp()) AS shut
  FROM carillon.breakers b
 WHERE (@transport = '' OR b.transport = @transport)
 ORDER BY b.transport, b.account, b.host`

const sqlListBudgets = `
SELECT b.transport, b.account, b.key, b.period, b.burst, b.taken, b.waits,
       CASE WHEN b.held_until > coalesce(@now, clock_timestamp()) THEN b.held_until END AS held_until,
       CASE WHEN b.tail > coalesce(@now, clock_timestamp()) THEN b.tail END AS queue_until
  FROM carillon.budgets b
 WHERE (@transport = '' OR b.transport = @transport)
 ORDER BY b.transport, b.account, b.key`

// sqlResetBreakers takes back what was concluded from failures, and what a provider asked for, with the row that says
// who did and why.
const sqlResetBreakers = `
WITH d AS (
  DELETE FROM carillon.breakers b
   WHERE b.transport = @transport AND (@host = '' OR b.host = @host) AND (@account = '' OR b.account = @account)
  RETURNING b.host),
h AS (
  UPDATE carillon.budgets b SET held_until = NULL, tail = '-infinity'
   WHERE b.transport = @transport AND (@host = '' OR b.key = @host) AND (@account = '' OR b.account = @account)
     AND (b.held_until IS NOT NULL OR b.tail > '-infinity')
  RETURNING b.key),
n AS MATERIALIZED (
  SELECT (SELECT count(*) FROM d) + (SELECT count(*) FROM h) AS changed)
INSERT INTO carillon.operations (id, action, operator, reason, filter, matched, changed, created_at)
SELECT carillon.uuid7(), 'reset-breaker', @operator, @reason, @filter::jsonb, n.changed, n.changed, coalesce(@now, now())
  FROM n
RETURNING id, changed`
