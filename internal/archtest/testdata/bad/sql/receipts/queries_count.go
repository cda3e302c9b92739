package receipts

const (
	sqlCountAll = `SELECT count(*) FROM carillon.receipts`
	countOne    = `SELECT count(*) FROM carillon.receipts WHERE id = @id` // want
)
