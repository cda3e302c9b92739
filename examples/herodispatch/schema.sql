-- The tables of the dispatch office. Every statement may be run again. A row belongs to a city, and people, heroes
-- among them, are named by what they are called there.

CREATE SCHEMA IF NOT EXISTS herodispatch;

CREATE TABLE IF NOT EXISTS herodispatch.people (
  city text NOT NULL,
  id text NOT NULL CHECK (id <> ''),
  name text NOT NULL,
  email text,
  phone text,
  locale text,
  timezone text,
  role text NOT NULL CHECK (role IN ('citizen', 'hero', 'dispatcher')),
  on_duty boolean NOT NULL DEFAULT false,
  PRIMARY KEY (city, id)
);
-- Offices that were there before text messages.
ALTER TABLE herodispatch.people ADD COLUMN IF NOT EXISTS phone text;
CREATE INDEX IF NOT EXISTS people_on_duty ON herodispatch.people (city) WHERE role = 'dispatcher' AND on_duty;

CREATE TABLE IF NOT EXISTS herodispatch.heroes (
  city text NOT NULL,
  id text NOT NULL,
  name text NOT NULL CHECK (name <> ''),
  alias text NOT NULL CHECK (alias <> ''),
  powers text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'available' CHECK (status IN ('available', 'dispatched', 'unavailable')),
  location text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (city, id),
  FOREIGN KEY (city, id) REFERENCES herodispatch.people (city, id)
);

CREATE TABLE IF NOT EXISTS herodispatch.incidents (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  city text NOT NULL,
  reporter text NOT NULL,
  type text NOT NULL CHECK (type <> ''),
  description text NOT NULL CHECK (description <> ''),
  location text NOT NULL CHECK (location <> ''),
  priority text NOT NULL DEFAULT 'medium' CHECK (priority IN ('low', 'medium', 'high', 'critical')),
  status text NOT NULL DEFAULT 'reported'
    CHECK (status IN ('reported', 'dispatched', 'in_progress', 'resolved', 'closed')),
  hero_count integer NOT NULL DEFAULT 0 CHECK (hero_count >= 0),
  -- The latest time of each transition; reopening does not take back what has happened.
  reported_at timestamptz NOT NULL DEFAULT now(),
  dispatched_at timestamptz,
  in_progress_at timestamptz,
  resolved_at timestamptz,
  closed_at timestamptz,
  reopened_at timestamptz,
  FOREIGN KEY (city, reporter) REFERENCES herodispatch.people (city, id)
);

CREATE TABLE IF NOT EXISTS herodispatch.assignments (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  city text NOT NULL,
  incident_id uuid NOT NULL REFERENCES herodispatch.incidents (id),
  hero_id text NOT NULL,
  -- Copied, because an assignment is history: it keeps the names under which the hero went out.
  hero_name text NOT NULL,
  hero_alias text NOT NULL,
  status text NOT NULL DEFAULT 'assigned' CHECK (status IN ('assigned', 'completed')),
  assigned_at timestamptz NOT NULL DEFAULT now(),
  archived_at timestamptz,
  CHECK ((status = 'completed') = (archived_at IS NOT NULL)),
  FOREIGN KEY (city, hero_id) REFERENCES herodispatch.heroes (city, id)
);
-- A hero is at one place at a time, whatever two dispatchers do in the same moment.
CREATE UNIQUE INDEX IF NOT EXISTS assignments_one_per_hero ON herodispatch.assignments (city, hero_id)
  WHERE archived_at IS NULL;
CREATE INDEX IF NOT EXISTS assignments_of_incident ON herodispatch.assignments (incident_id);
