package receipts_test

// XXX // want
