// Package subscriptions stores where web push reaches people: the subscriptions of their browsers, and what became of each
// message at each of them.
//
// A page asks the browser for a subscription and hands it to the application, which adds it for the person who is signed
// in. The endpoint in it is chosen by whoever sends it, so [Store.Add] lets only URLs through that the transport's guard
// allows, and keys that are keys.
package subscriptions
