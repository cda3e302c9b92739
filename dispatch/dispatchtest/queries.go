package dispatchtest

const sqlNow = `SELECT now()`
