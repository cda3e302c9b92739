// Package cli keeps a command line from harming who reads it: data never steers the terminal ([Escape], [Line]), and
// secrets never reach standard error ([Redactor]).
package cli
