// Package email is the transport that sends mail over SMTP, or by Resend's API.
//
// A message is composed before anything is dialed, from frozen content alone: the same [transports.Message] gives the
// same bytes on every try, in every process. Its Message-ID is the receipt's id, its Date the time of rendering, and the
// MIME boundary is a digest, so a receiver can tell a repetition. The composing is go-mail's; what it adds by chance or
// by version (boundary, Message-ID, User-Agent) is set or switched off here.
//
// Connections are kept in a bounded pool. One is used again only after a transaction that both sides ended cleanly. A
// server may close an idle one at any time; that shows at MAIL, when nothing was sent yet, and costs one new dial. The
// end of the context closes the socket, whatever the dialogue was waiting for.
//
// How a failure is classified depends on the stage at which it happened, the reply's code and its enhanced code; the
// table is in classify.go. Two lines of it matter most. Once the server has answered the final dot with 250 the message
// is delivered, whatever happens to the connection next. And if the connection ends after that dot and before the
// answer, nobody can know: that is [transports.Unknown].
//
// Errors contain reply codes and our own words. Replies are never quoted, because servers repeat addresses in them.
//
// By Resend's API the same rules make the body of a request, under the receipt's id as its key, by which Resend knows a
// repetition for a day; Message-ID, Date and signature are its own.
//
// TLS is required, except to loopback, where it is not used, and where the URL says ?tls=off. There is no fall-back to
// clear text, and no password is ever sent over it except to loopback.
package email
