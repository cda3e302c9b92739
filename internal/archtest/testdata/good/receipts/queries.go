package receipts

const sqlMoveReceipt = `
	UPDATE carillon.receipts
	SET state = @to
	WHERE state = @from
	RETURNING id`
