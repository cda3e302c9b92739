// Package dispatch is what applications import: they declare which domain actions cause which messages, and emit
// events inside their own transactions.
//
// A [Resource] names a domain type, its actions, the audiences that can be told, and the events that actions cause.
// [New] checks everything and reports all problems at once. [For] gives a typed [Handle]:
//
//	d, err := dispatch.New(&dispatch.Config{Resources: []dispatch.Declaration{Orders}})
//	orders := dispatch.For(d, Orders)
//	order, err := orders.Run(ctx, pool, CreateFromCart, func(tx pgx.Tx) (OrderEvent, error) {
//		return insertOrder(ctx, tx, cart)
//	}, nil)
//
// An emit writes the event, one root receipt per channel and one job per channel in the caller's transaction, in one
// round trip, without touching the network or a template. If that transaction rolls back, nothing is left of them; if
// it commits, every recipient's receipt reaches a terminal state with a reason. Package worker does the delivering,
// in the same process or another one.
//
// From here the data flows one way:
//
//	emit → pipeline (claim → resolve → decide → render → bind → send → record) → attempts and a terminal receipt
//
// The errors of this package are [Problems] when declarations are wrong, and [InvalidError], [ErrUnknownEvent],
// [ErrUnknownAction] and [ConflictError] when an emit is. All of them except ConflictError are found before the first
// statement, so that the caller's transaction is untouched.
package dispatch
