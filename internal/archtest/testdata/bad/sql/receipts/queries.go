package receipts

const sqlListReceipts = `
	SELECT id
	FROM carillon.receipts`

const (
	sqlListAll  = `SELECT * FROM carillon.receipts`                      // want
	sqlListHalf = `SELECT id FROM (SELECT r.* FROM carillon.receipts r)` // want
	sqlListArgs = `SELECT * FROM unnest(@ids::uuid[]) AS x(id)`
	listIDs     = `SELECT id FROM carillon.receipts` // want
)

var sqlChanging = `SELECT ` + `id FROM carillon.receipts` // want

func count() string {
	return `SELECT count(*) FROM carillon.receipts` // want
}
