// This is about templates.
package templates // want
