// Package egress is the only way out for our HTTP: webhooks, chat services, push services, provider APIs.
//
// Where a request goes is often somebody else's choice: a tenant types the URL of a webhook, a browser names its push
// service. So nothing here trusts a name. A [Policy] judges the URL when it is saved and again, by the same function,
// before every request; the address is judged once more by the dialer, after DNS, for every candidate and right
// before the connection is made. A name that resolved well yesterday gains nothing, and there is no moment between
// the check and the use.
//
// Redirects are answers, never followed: a signed body must not travel to a host that nobody saved. The proxy of the
// environment is not asked, since it would connect for us, unguarded. Each phase has its timeout, an answer is read
// up to a limit and never unpacked, and an error says which phase failed at which host and whether the request had
// been written by then, without path, query, credentials or registered secrets.
//
// An operator opens what a policy closes, by CIDR: [Policy.Allow].
package egress
