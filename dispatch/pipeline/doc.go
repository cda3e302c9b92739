// Package pipeline takes claimed receipts to their next state. [Pipeline.Run] shows the order of its stages, one file
// each:
//
//	claim    (package receipts) leases due receipts of a lane: pending, waiting → resolving
//	match    finds the declaration; a receipt of an unknown event or channel waits, and costs nothing
//	resolve  audience → recipients: none, one in place, several by expansion into children
//	decide   every rule is asked, every reason kept; the first that refuses decides
//	render   the content, strictly, unless an earlier try stored it
//	bind     recipient and content are committed: resolving → sending
//	send     the transport, once, with no database connection held
//	record   the result, fenced by the lease, with the attempt and the next alarm in one transaction
//
// A receipt that a stage settles takes no part in the later ones. Functions of the application and transports may
// fail or panic; that costs their own receipt a try and harms no other. An error of the database ends the run, and
// the lease brings the receipts back.
//
// A [Planner] runs the same stages up to the render over an emit that it rolls back: who would get what, and why.
package pipeline
