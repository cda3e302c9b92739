// Package inbox_test does not count.
package inbox_test
