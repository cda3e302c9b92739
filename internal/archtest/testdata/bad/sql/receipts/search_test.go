package receipts_test

const anything = `SELECT * FROM carillon.receipts`
