package main

const sqlShow = `SELECT id FROM carillon.receipts` // want
