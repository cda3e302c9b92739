// Package migrations makes and unmakes the Postgres schema carillon: River's tables first, then ours.
//
// [Up] may be called by many processes at once, [Status] lists what is applied and what is not, and [Check] is what
// every program asks before it works with a database. The files are numbered SQL for goose and part of the program;
// [FS] exports them for those who run migrations with a tool of their own.
//
// # Compatibility
//
// Old and new programs run side by side while an installation is upgraded. So the schema says, in the one row of
// carillon.schema_info, which level a program must have to work with it, and a program refuses only a schema whose level
// is above its own, [Compatibility]. Migrations that expand leave the level alone: they add a table, or a column that
// old programs need not know. A migration that takes away what an old program needs raises the level, in a release after
// the one whose programs stopped needing it, with
//
//	UPDATE carillon.schema_info SET compatibility = 2;
//
// and the same release raises [Compatibility]. In the other direction nothing is forgiven: a program needs all of the
// migrations that it brings.
//
// # Connections
//
// Migrations are guarded by an advisory lock of the session, and so must reach Postgres directly, or through a pooler in
// session mode. The role needs CREATE on the database, unless the schema exists and is its own; it need not be superuser.
package migrations
