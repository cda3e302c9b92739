// Package receipts holds the promise to deliver one event through one channel to one recipient, and is the only
// package that writes its state.
//
// A receipt moves through these states. Terminal ones are marked with *.
//
//		pending ───► resolving ───► sending ───► sent*
//		   ▲  │        │  │  │        │  │
//		   │  │        │  │  │        │  ├─────► failed* · skipped* · expired* · uncertain* · merged*
//		   │  │        │  │  │        │  ▼
//		   │  │        │  │  └──────► waiting ──► resolving …
//		   │  │        │  └─────────► expanded*   (children carry on)
//		   │  │        └────────────► skipped* · failed* · expired* · uncertain* · merged*
//		   │  └─────────────────────► cancelled*  (also from waiting and resolving)
//		   ├──────────────────────── given back by a worker that stops: resolving
//		   ├──────────────────────── sent now by an operator: waiting
//		   └──────────────────────── reopened by an operator: failed, skipped, expired, cancelled, uncertain
//
//	  - pending: owed, nobody has begun.
//	  - resolving: leased by a worker that finds the recipient, decides and renders. Nothing has left the house.
//	  - sending: leased, and a provider may have the message. Only the holder of the lease, or whoever finds it expired,
//	    moves it on.
//	  - waiting: due at a known time, for a reason.
//
// At every commit a live receipt has a job that will fire, a lease that will expire, or a due time that reconcile
// looks at. River's job rows are the alarm clock: claiming deletes the waiting job, a retry inserts a new one, and
// losing one costs a delay, never a message. The lease row is the fence: results count only while it stands, and it
// is locked first by everything that moves a leased receipt; but for an operator's cancel, which instead waits for such
// a receipt while it holds no other.
//
// What operators do goes through [Store.StartOperation] and [Store.Apply], which write down who, why and to what. They
// never touch a receipt that is being sent, and never what it says.
//
// [Transitions] is the one table of moves. The CHECK constraint, this diagram and docs/architecture.md are held to it
// by a test.
package receipts
