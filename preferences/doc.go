// Package preferences stores what people have switched on and off.
//
// A row says one person's choice for a category and a transport; '*' stands for every one. The most specific row
// decides: category and transport, then the category alone, then the transport alone, then the row for everything.
// Without a row the category is on. What a choice may not touch, such as a mandatory category, is the pipeline's to
// know; this package only remembers.
package preferences
