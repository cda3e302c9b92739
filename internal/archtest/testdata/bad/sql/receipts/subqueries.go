package receipts

const sqlCountSome = `SELECT count(*) FROM carillon.receipts WHERE id = ANY(@ids)` // want
