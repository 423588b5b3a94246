// Package hub is a NATS server for a fleet that has none, and the keys of a fleet.
//
// Its directory has the public keys (keys.json), the seed that signs grants
// (authority.seed, which only ctop hub keys needs), the certificate and the streams.
package hub
