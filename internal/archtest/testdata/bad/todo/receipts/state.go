package receipts

// TODO: think. // want

// TODO(#12): think about what the issue says.

/*
A longer thought.
FIXME some day // want
*/

const name = "TODO" // Strings are free, XXX is not. // want

// A mastodon is no TODOs.
