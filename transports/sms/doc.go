// Package sms is the transport that sends text messages to phones: through Twilio, through any service that takes an HTTP
// request, described in the configuration, or through a [Provider] of the application's own.
//
// What every service has in common is done here, before the network: numbers are in E.164 form or refused, those that
// cost their caller extra are refused, control characters are taken out, and a text is counted in the segments that are
// paid for ([Segments]) and cut, or refused, where it would take more than its channel allows.
//
// A text that comes twice annoys and costs, and services know no key by which they would recognise it. So a message whose
// answer was lost is parked, unless its channel says otherwise.
package sms
