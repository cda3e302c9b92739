package people

const sqlFind = `
SELECT id, coalesce(name, '') AS name, coalesce(email, '') AS email, coalesce(phone, '') AS phone,
       coalesce(locale, '') AS locale, coalesce(timezone, '') AS timezone
  FROM carillon.people
 WHERE tenant = @tenant AND id = ANY(@ids)`

const sqlSet = `
INSERT INTO carillon.people (tenant, id, name, email, phone, locale, timezone)
VALUES (@tenant, @id, nullif(@name, ''), nullif(@email, ''), nullif(@phone, ''), nullif(@locale, ''), nullif(@timezone, ''))
ON CONFLICT (tenant, id) DO UPDATE
   SET name = excluded.name, email = excluded.email, phone = excluded.phone, locale = excluded.locale,
       timezone = excluded.timezone, updated_at = now()`

// sqlUpdate keeps the columns whose parameter is NULL.
const sqlUpdate = `
INSERT INTO carillon.people AS p (tenant, id, name, email, phone, locale, timezone)
VALUES (@tenant, @id, nullif(@name::text, ''), nullif(@email::text, ''), nullif(@phone::text, ''),
        nullif(@locale::text, ''), nullif(@timezone::text, ''))
ON CONFLICT (tenant, id) DO UPDATE
   SET name = CASE WHEN @name::text IS NULL THEN p.name ELSE excluded.name END,
       email = CASE WHEN @email::text IS NULL THEN p.email ELSE excluded.email END,
       phone = CASE WHEN @phone::text IS NULL THEN p.phone ELSE excluded.phone END,
       locale = CASE WHEN @locale::text IS NULL THEN p.locale ELSE excluded.locale END,
       timezone = CASE WHEN @timezone::text IS NULL THEN p.timezone ELSE excluded.timezone END,
       updated_at = now()
RETURNING id, coalesce(name, '') AS name, coalesce(email, '') AS email, coalesce(phone, '') AS phone,
          coalesce(locale, '') AS locale, coalesce(timezone, '') AS timezone`
