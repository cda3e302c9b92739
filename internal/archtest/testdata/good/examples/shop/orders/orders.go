// Package orders has the shop's orders.
package orders

// Find returns the statement.
func Find() string { return `SELECT id FROM orders` }
