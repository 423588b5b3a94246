// Package metrics exports the state of a tracker to Prometheus. Every scrape
// reads the collector's latest snapshot and costs the kernel nothing.
package metrics
