// Package templates renders the content of notifications: Go's own templates, read through bare names.
//
//	Order #{{ order_number }} for {{ recipient.name | upper }}
//	{{ range items }}- {{ name }} from {{ $.shop }}
//	{{ else }}Nothing was ordered.
//	{{ end }}
//	{{ if vip }}Thank you, {{ nickname | default "friend" }}!{{ end }}
//
// [Parse] compiles a source once; [Template.Execute] renders it as often as wanted, from many goroutines at a time.
//
// # Names
//
// A word that is no function is a field of the payload. A field that bears the name of a function or of a keyword
// ([IsReserved]) is read with a dot, {{ .date }}; read without one it is an error of Parse, never a silent mix-up. Inside
// range and with, names are fields of the element, and $ leads back to the payload. A word with arguments, and a word
// after a pipe, must be a function ([Functions]): an unknown one is an error of Parse.
//
// # Strictness
//
// Blanks are never sent. A variable that the payload does not have is a [*MissingError] wherever it is read, in
// conditions and loops too. A null is missing where it would be printed or handed to a function, while if, with,
// range, and, or, not, eq, ne and len accept it: a nil slice of Go is null in JSON. The one way to make a variable
// optional is default: {{ nickname | default "friend" }} accepts an absent, a null and an empty value. Lists, objects
// and everything else that has no agreed text are not printed at all.
//
// [Template.Variables] says what a template reads and which of it is optional; [Shape] says what a payload offers.
// Together they find a missing variable when the process starts instead of when the message is due.
//
// # Safety
//
// The kind [HTML] escapes by context (html/template): text, attributes, URLs, scripts and styles. Values are plain data:
// types that claim to be safe markup are escaped like any other, and no method of a payload is callable. html/template
// removes HTML comments, conditional comments for Outlook among them.
//
// A template cannot run away: sources, nesting, steps of loops, work done in functions and the output are limited
// ([ErrTooLarge], [ErrTooManySteps]). Errors name variables and functions of the template, never a value of the payload.
//
// # How it works
//
// text/template/parse parses the source without checking functions. The compiler (compile.go, expression.go) then
// replaces every read by a call of our own reader, every function by ours, and every condition, loop and output by one
// that is guarded; the rewritten tree goes to text/template or html/template. The root of the data, and so the
// variable $, is the frame of one execution (frame.go), which holds the payload and the budgets.
//
// Partials and layouts (define, template, block) are refused for now.
package templates
