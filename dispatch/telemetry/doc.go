// Package telemetry tells how delivery goes: Prometheus metrics, OpenTelemetry spans, and whether the lanes are alive.
//
// A [Telemetry] is handed to a worker, which reports to it; a nil one measures nothing and costs nothing. A [Database]
// adds what only the database knows, such as the age of the oldest receipt that is due.
//
// No metric has a label whose values grow with the data. Labels are the transport, the priority, the error class, the
// state and the reason of a receipt, and the name of a declared event: all of them closed lists, or the program's own
// declarations. No tenant, person, address or part of a message is in a metric or a span.
package telemetry
