// Package pair lets two trackers tell each other every flow that they have, so that either
// knows all connections when packets move to it. docs/decisions/0013 says how.
//
// It knows neither the network nor the kernel: messages are bytes, and the table is an
// interface.
package pair
