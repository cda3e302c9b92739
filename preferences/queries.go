package preferences

const sqlSet = `
INSERT INTO carillon.preferences (tenant, person, category, transport, choice, updated_by)
VALUES (@tenant, @person, @category, @transport, @choice, nullif(@updated_by, ''))
ON CONFLICT (tenant, person, category, transport)
DO UPDATE SET choice = excluded.choice, updated_by = excluded.updated_by, updated_at = now()`

const sqlList = `
SELECT tenant, person, category, transport, choice, coalesce(updated_by, '') AS updated_by, updated_at
  FROM carillon.preferences
 WHERE tenant = @tenant AND person = @person
 ORDER BY category, transport`

const sqlDeciding = `
SELECT x.n, p.tenant, p.person, p.category, p.transport, p.choice, coalesce(p.updated_by, '') AS updated_by, p.updated_at
  FROM unnest(@tenants::text[], @people::text[], @categories::text[], @transports::text[])
         WITH ORDINALITY AS x(tenant, person, category, transport, n)
 CROSS JOIN LATERAL (
   SELECT p.tenant, p.person, p.category, p.transport, p.choice, p.updated_by, p.updated_at
     FROM carillon.preferences p
    WHERE p.tenant = x.tenant AND p.person = x.person
      AND p.category IN (x.category, '*') AND p.transport IN (x.transport, '*')
    ORDER BY p.category = '*', p.transport = '*'
    LIMIT 1) p`
