package kernel

import "time"

// SetNow replaces the time of day of a table.
func SetNow(t *Table, now func() time.Time) { t.now = now }

// PointTo returns where the programs send packets, by point.
func PointTo(t *Table) [2]uint32 {
	return [2]uint32{t.config.Points[0].To, t.config.Points[1].To}
}
