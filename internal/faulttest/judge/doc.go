// Package judge decides what a fault did: from what the application committed, what the database says became of it, and
// what the receiver got. It is the same for every row of the fault matrix, and knows nothing of how the fault was made.
package judge
