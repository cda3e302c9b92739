// Package webpush sends notifications to browsers: encrypted by RFC 8291 for each device, signed by RFC 8292 (VAPID), and
// handed to the device's push service by RFC 8030.
//
// A message is for a person and goes to all of her devices at once; package [subscriptions] stores them, and what became
// of the message at each. The receipt is sent once one of them has it and none is worth another try. A later try leaves
// out the devices that have it.
//
// A message has a topic and a tag of its own, or of the option collapse, so that what is sent again after a lost answer
// replaces what is pending at the push service, and what is on the screen.
package webpush
