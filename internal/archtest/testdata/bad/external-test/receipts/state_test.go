package receipts // want
