package dispatch

const (
	sqlAddReceipt  = "INSERT INTO carillon.receipts (id) VALUES (@id)"                   // want
	sqlMoveReceipt = "WITH r AS (UPDATE  carillon.receipts SET state = @state) SELECT 1" // want
	sqlDropReceipt = "delete from only carillon.receipts"                                // want
	sqlReadReceipt = "SELECT id FROM carillon.receipts"
	sqlAddNote     = "INSERT INTO carillon.receipts_notes (id) VALUES (@id)"
)
