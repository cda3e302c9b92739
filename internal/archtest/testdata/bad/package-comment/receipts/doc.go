// Package receipts is explained here.
package receipts
