package broadcast

const sqlNotify = `
SELECT pg_notify(@channel, s) FROM unnest(@signals::text[]) WITH ORDINALITY AS x(s, n) ORDER BY n`
