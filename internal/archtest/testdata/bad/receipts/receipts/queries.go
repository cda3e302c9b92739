package receipts

const sqlAddReceipt = "INSERT INTO carillon.receipts (id) VALUES (@id)"
