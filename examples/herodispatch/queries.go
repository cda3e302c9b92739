package herodispatch

const sqlLockInstall = `SELECT pg_advisory_xact_lock(hashtext('herodispatch.install'))`

// Addresses and names of people, as [people.SQL] asks for them.
const sqlFindPeople = `
SELECT id, name, email, phone, locale, timezone
  FROM herodispatch.people
 WHERE city = $2 AND id = ANY($1::text[])`

// Whoever reported an incident is told as such, and not once more at the desk.
const sqlFindDispatchers = `
SELECT id
  FROM herodispatch.people
 WHERE city = $2 AND role = 'dispatcher' AND on_duty AND id IS DISTINCT FROM $1::jsonb ->> 'reporter'`

const sqlSetPerson = `
INSERT INTO herodispatch.people (city, id, name, email, phone, role, on_duty)
VALUES (@city, @id, @name, nullif(@email, ''), nullif(@phone, ''), @role, @on_duty)
ON CONFLICT (city, id) DO UPDATE
   SET name = excluded.name, email = excluded.email, phone = excluded.phone, role = excluded.role, on_duty = excluded.on_duty`

const sqlRenamePerson = `UPDATE herodispatch.people SET name = @name WHERE city = @city AND id = @id`

const heroColumns = `id, name, alias, powers, location, status, created_at, updated_at`

const sqlInsertHero = `
INSERT INTO herodispatch.heroes (city, id, name, alias, powers, location)
VALUES (@city, @id, @name, @alias, @powers, @location)
RETURNING ` + heroColumns

const sqlUpdateHero = `
UPDATE herodispatch.heroes
   SET name = @name, alias = @alias, powers = @powers, location = @location, updated_at = now()
 WHERE city = @city AND id = @id
RETURNING ` + heroColumns

const sqlMoveHero = `
UPDATE herodispatch.heroes
   SET status = @to, updated_at = now()
 WHERE city = @city AND id = @id AND status = ANY(@from)
RETURNING ` + heroColumns

const sqlFreeHeroes = `
UPDATE herodispatch.heroes
   SET status = 'available', updated_at = now()
 WHERE city = @city AND id = ANY(@heroes) AND status = 'dispatched'`

const sqlGetHero = `SELECT ` + heroColumns + ` FROM herodispatch.heroes WHERE city = @city AND id = @id`

const sqlHeroStatus = `SELECT status FROM herodispatch.heroes WHERE city = @city AND id = @id`

const incidentColumns = `
id, reporter, type, description, location, priority, status, hero_count,
reported_at, dispatched_at, in_progress_at, resolved_at, closed_at, reopened_at`

// An unknown reporter gives no row.
const sqlInsertIncident = `
INSERT INTO herodispatch.incidents (city, reporter, type, description, location, priority)
SELECT p.city, p.id, @type, @description, @location, @priority
  FROM herodispatch.people p
 WHERE p.city = @city AND p.id = @reporter
RETURNING ` + incidentColumns

const sqlMoveIncident = `
UPDATE herodispatch.incidents i
   SET status = @to,
       hero_count = (SELECT count(*) FROM herodispatch.assignments a WHERE a.incident_id = i.id AND a.archived_at IS NULL),
       dispatched_at = CASE @action::text WHEN 'mark_dispatched' THEN now() ELSE dispatched_at END,
       in_progress_at = CASE @action::text WHEN 'mark_in_progress' THEN now() ELSE in_progress_at END,
       resolved_at = CASE @action::text WHEN 'mark_resolved' THEN now() ELSE resolved_at END,
       closed_at = CASE @action::text WHEN 'mark_closed' THEN now() ELSE closed_at END,
       reopened_at = CASE @action::text WHEN 'reopen' THEN now() ELSE reopened_at END
 WHERE city = @city AND id = @id AND status = ANY(@from)
RETURNING ` + incidentColumns

const sqlRecountHeroes = `
UPDATE herodispatch.incidents i
   SET hero_count = (SELECT count(*) FROM herodispatch.assignments a WHERE a.incident_id = i.id AND a.archived_at IS NULL)
 WHERE city = @city AND id = @id
RETURNING ` + incidentColumns

const sqlLockIncident = `
SELECT id FROM herodispatch.incidents WHERE city = @city AND id = @id FOR NO KEY UPDATE`

const sqlGetIncident = `SELECT ` + incidentColumns + ` FROM herodispatch.incidents WHERE city = @city AND id = @id`

const sqlIncidentStatus = `SELECT status FROM herodispatch.incidents WHERE city = @city AND id = @id`

const assignmentColumns = `id, incident_id, hero_id, hero_name, hero_alias, status, assigned_at, archived_at`

// An incident that is over gives no row.
const sqlInsertAssignment = `
INSERT INTO herodispatch.assignments (city, incident_id, hero_id, hero_name, hero_alias)
SELECT i.city, i.id, @hero_id, @hero_name, @hero_alias
  FROM herodispatch.incidents i
 WHERE i.city = @city AND i.id = @incident_id AND i.status = ANY(@open)
RETURNING ` + assignmentColumns

const sqlArchiveAssignment = `
UPDATE herodispatch.assignments
   SET status = 'completed', archived_at = now()
 WHERE city = @city AND id = @id AND archived_at IS NULL
RETURNING ` + assignmentColumns

const sqlArchiveAssignments = `
UPDATE herodispatch.assignments
   SET status = 'completed', archived_at = now()
 WHERE city = @city AND incident_id = @incident_id AND archived_at IS NULL
RETURNING hero_id`

const sqlGetAssignment = `SELECT ` + assignmentColumns + ` FROM herodispatch.assignments WHERE city = @city AND id = @id`

const sqlAssignmentStatus = `SELECT status FROM herodispatch.assignments WHERE city = @city AND id = @id`

const sqlListAssignments = `
SELECT ` + assignmentColumns + `
  FROM herodispatch.assignments
 WHERE city = @city AND incident_id = @incident_id
 ORDER BY assigned_at, id`
