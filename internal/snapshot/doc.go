// Package snapshot reads snapshots from files: what ctop --dump wrote as JSON, and
// recordings.
package snapshot
