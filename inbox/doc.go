// Package inbox holds notifications: what a person finds in the application itself.
//
// The inbox is its own change feed. Every write bumps the person's seq once per transaction under the person's head
// row, as the last lock that the transaction takes, and stamps the rows it touched; a reader asks for what changed
// since the seq it knows.
package inbox
