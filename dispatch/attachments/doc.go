// Package attachments resolves the files that go with messages, and keeps what they hold.
//
// A declaration says by reference what goes along: a file below a folder that the operator names, or what a function of
// the application returns. The worker resolves it when the message is first rendered and stores the content under its
// hash, once for all messages that have the same; the receipt keeps name, type, size and hash. So a retry sends the same
// bytes, whatever became of the file, and of the job, in the meantime.
//
// What no receipt refers to any more may go; see [Prune].
package attachments
