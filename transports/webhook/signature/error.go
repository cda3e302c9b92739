package signature

import "errors"

var (
	// ErrKey is returned by [ParseKey] for text that is no key, and by [Sign] and [Verify] for no keys or one that cannot
	// do what is asked of it.
	ErrKey = errors.New("not a usable webhook key")
	// ErrHeaders is returned by [Verify] if one of the three headers is missing, given twice, or malformed.
	ErrHeaders = errors.New("the webhook headers are missing or malformed")
	// ErrTime is returned by [Verify] if the try is too old, or comes from the future.
	ErrTime = errors.New("the webhook's timestamp is out of tolerance")
	// ErrSignature is returned by [Verify] if no key made any of the signatures.
	ErrSignature = errors.New("no signature of the webhook matches")
	// ErrBody is returned by [Receive] if the body is too large or cannot be read.
	ErrBody = errors.New("the webhook's body is too large or broke off")
)
