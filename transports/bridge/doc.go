// Package bridge is the transport that reaches what has no transport of its own, through shoutrrr: Telegram, Teams, ntfy,
// Matrix, Pushover, Gotify, Mattermost, PagerDuty and others, each by a URL.
//
// The URLs are the operator's. An address is only the name of one, so that no data and no person can choose where a request
// goes; and that must be so, because the library connects by itself: it stands outside of internal/egress, follows
// redirects, asks the environment for a proxy, and reads answers of any length.
//
// The library knows no context. A send that takes too long is left behind, and its outcome is unknown. Messages to one URL
// go one after the other, and none begins while one that was left behind is under way, so that at most one goroutine for
// each URL outlives its send.
//
// Its errors are words, which have the URL and its secrets in them, and sometimes the message. None of them is shown. One is
// a refusal only where it surely is; all else may have arrived.
package bridge
