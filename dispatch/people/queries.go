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
