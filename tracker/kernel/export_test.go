package kernel

import "time"

// SetNow replaces the time of day of a table.
func SetNow(t *Table, now func() time.Time) { t.now = now }
