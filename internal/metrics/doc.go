// Package metrics tells Prometheus how a tracker is. Every scrape reads the
// latest snapshot that the collector has; none costs the kernel anything.
package metrics
