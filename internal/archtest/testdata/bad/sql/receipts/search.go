package receipts

const sqlFindOne = `SELECT id FROM carillon.receipts` // want

func find(table string) []string {
	return []string{
		"INSERT INTO carillon.attempts (id) VALUES ($1)",   // want
		"UPDATE carillon.budgets b SET used = used + 1",    // want
		"UPDATE carillon.budgets\n\t\tSET used = used + 1", // want
		"DELETE FROM carillon.attempts",                    // want
		"WITH due (id, at) AS (SELECT 1, 2) TABLE due",     // want
		"-- A remark.\nCREATE INDEX i ON t (a)",            // want
		"ALTER TABLE " + table,                             // want
		"DROP TABLE " + table,                              // want
		"Select one", "UPDATE failed", "WITH love", "DROP by drop",
	}
}
